import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ALTERATIONS, type Alteration } from '../../../../local/source/bulk/alterations.js';
import { CANARY } from '../../../../local/source/bulk/behaviours.js';
import type { Fault } from '../../../../local/source/faults.js';
import type { SourceOptions } from '../../../../local/source/settings.js';
import type { RunningSource } from '../../../../local/source/source.js';
import { ask, resource, serving } from '../support.js';
import { accepted, exported, finished, keysOf, kickOff, raw, type Manifest } from './support.js';

const FILES = {
  Patient: Array.from({ length: 40 }, (_, index) =>
    resource('Patient', `p${index}`, '2024-01-01T00:00:00Z', `,"x":"${'x'.repeat(50)}"`),
  ),
  Device: [resource('Device', 'd', '2024-01-01T00:00:00Z')],
};
const WHOLE = FILES.Patient.map((line) => `${line}\n`).join('');

function failing(
  faults: readonly Fault[],
  run: (source: RunningSource) => Promise<void>,
  options: Partial<SourceOptions> = {},
): Promise<void> {
  return serving(FILES, { faults, ...options }, run);
}

/** With an export that is done, before the faults begin. */
function failingFiles(
  faults: readonly Fault[],
  run: (files: { patients: string; device: string; status: string; manifest: Manifest }) => Promise<void>,
  options: Partial<SourceOptions> = {},
): Promise<void> {
  return failing(
    [],
    async (source) => {
      const status = await accepted(kickOff(`${source.url}/$export`));
      const { manifest } = await finished(status);
      source.setFaults(faults);
      const [device, patients] = manifest.output.map(({ url }) => url);
      await run({ patients: patients!, device: device!, status, manifest });
    },
    options,
  );
}

describe('at the kick-off', () => {
  test('a status', async () => {
    const fault: Fault = { kind: 'status', status: 429, retryAfterSeconds: 2, at: 'kickOff', times: 1 };
    await failing([fault], async ({ url }) => {
      expect((await ask(`${url}/Patient`)).status).toBe(200);
      const refused = await kickOff(`${url}/$export`);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
      expect((await kickOff(`${url}/$export`)).status).toBe(202);
    });
  });

  test('a job that fails, with an OperationOutcome that holds the name of a patient', async () => {
    await failing([{ kind: 'jobFails', at: 'kickOff', times: 1 }], async (source) => {
      const { polls, status, text } = await finished(await accepted(kickOff(`${source.url}/$export`)));
      expect([polls[0]!.status, status]).toEqual([202, 500]);
      expect(JSON.parse(text)).toMatchObject({
        resourceType: 'OperationOutcome',
        issue: [{ code: 'exception', diagnostics: expect.stringContaining(CANARY) as string }],
      });
      expect(await keysOf(await exported(source, '$export'))).toHaveLength(41);
    });
  });
});

describe('at the status', () => {
  test.each([429, 503])('%i so many times, as a passing fault of the request', async (status) => {
    await failing([{ kind: 'status', status, at: 'status', times: 3 }], async ({ url }) => {
      const location = await accepted(kickOff(`${url}/$export`));
      const replies = [await ask(location), await ask(location), await ask(location), await ask(location)];
      expect(replies.map((reply) => reply.status)).toEqual([status, status, status, 202]);
      expect(replies[0]!.body.issue?.[0]?.code).toBe(status === 429 ? 'throttled' : 'transient');
    });
  });

  test('429 without end', async () => {
    await failing([{ kind: 'status', status: 429, at: 'status' }], async ({ url }) => {
      const location = await accepted(kickOff(`${url}/$export`));
      for (let poll = 0; poll < 20; poll++) expect((await ask(location)).status).toBe(429);
    });
  });

  test('a manifest with other members', async () => {
    const members = { transactionTime: 'yesterday', request: null, output: [{ url: 'http://192.0.2.1/' }] };
    await failingFiles(
      [{ kind: 'manifestMembers', members, at: 'status', times: 1 }],
      async ({ status, manifest }) => {
        const { request: _, ...rest } = manifest;
        expect(JSON.parse((await raw(status)).text)).toEqual({
          ...rest,
          transactionTime: 'yesterday',
          output: [{ url: 'http://192.0.2.1/' }],
        });
        expect(JSON.parse((await raw(status)).text)).toEqual(manifest);
      },
    );
  });

  test('a manifest that is cut, is a login page, or is no JSON', async () => {
    const manifestWith = async (fault: Fault): Promise<string> => {
      let text = '';
      await failingFiles([{ ...fault, at: 'status' }], async ({ status }) => {
        ({ text } = await raw(status));
      });
      return text;
    };
    await expect(manifestWith({ kind: 'cut' })).rejects.toThrow();
    expect(await manifestWith({ kind: 'html' })).toMatch(/^<!DOCTYPE html>/);
    const text = await manifestWith({ kind: 'invalidJson' });
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });
});

describe('at a file', () => {
  test('a connection that ends, at places that the seed decides', async () => {
    const lengths = async (faultSeed: number): Promise<number[]> => {
      const found: number[] = [];
      const faults: Fault[] = [{ kind: 'cut', at: 'file', type: 'Patient', times: 4 }];
      await failingFiles(
        faults,
        async ({ patients, device }) => {
          expect((await raw(device)).status).toBe(200);
          for (let time = 0; time < 4; time++) {
            const reply = await fetch(patients);
            expect(reply.headers.get('content-length')).toBe(String(WHOLE.length));
            let length = 0;
            const reading = async () => {
              for await (const chunk of reply.body! as unknown as AsyncIterable<Uint8Array>)
                length += chunk.length;
            };
            await expect(reading()).rejects.toThrow();
            found.push(length);
          }
          expect((await raw(patients)).text).toBe(WHOLE);
        },
        { faultSeed },
      );
      return found;
    };
    const [first, second, third] = [await lengths(1), await lengths(1), await lengths(2)];
    expect(new Set(first).size).toBe(4);
    expect(first.every((length) => length < WHOLE.length)).toBe(true);
    expect(second).toEqual(first);
    expect(third).not.toEqual(first);
  });

  test('a compressed connection that ends', async () => {
    const options = { gzip: true };
    await failingFiles(
      [{ kind: 'cut', at: 'file' }],
      async ({ patients }) => {
        const reply = await fetch(patients);
        expect(reply.headers.get('content-encoding')).toBe('gzip');
        await expect(reply.text()).rejects.toThrow();
      },
      options,
    );
  });

  test.each([404, 410] as const)(
    '%i for all files of the job from then on, and 404 for its status',
    async (gone) => {
      const faults: Fault[] = [{ kind: 'filesExpire', status: gone, at: 'file', every: 2, times: 1 }];
      await failingFiles(faults, async ({ patients, device, status }) => {
        const replies = [await raw(device), await raw(patients), await raw(device), await raw(status)];
        expect(replies.map((reply) => reply.status)).toEqual([200, gone, gone, 404]);
      });
    },
  );

  test('410 after the lifetime that Expires says', async () => {
    await failing([], async ({ url }) => {
      const { polls } = await finished(await accepted(kickOff(`${url}/$export`)));
      const { headers } = polls.at(-1)!;
      const lifetime = Date.parse(headers.get('expires')!) - Date.parse(headers.get('date')!);
      expect(Math.abs(lifetime - 86_400_000)).toBeLessThan(60_000);
    });
    await failing(
      [],
      async ({ url }) => {
        const status = await accepted(kickOff(`${url}/$export`));
        expect((await raw(status)).status).toBe(404);
        const file = status.replace('export-status', 'export-files');
        expect((await raw(`${file}/0.Device.ndjson`)).status).toBe(410);
      },
      { bulk: { filesLiveMs: -1 } },
    );
  });

  test('a token that has expired, until there is another one', async () => {
    const headers = { Authorization: 'Bearer first' };
    await failing([{ kind: 'tokenExpires', at: 'file', every: 2, times: 1 }], async ({ url }) => {
      const status = await accepted(kickOff(`${url}/$export`, headers));
      const { manifest } = await finished(status, headers);
      const [file] = manifest.output;
      expect((await raw(file!.url, headers)).status).toBe(200);
      const refused = await raw(file!.url, headers);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([
        401,
        'Bearer error="invalid_token"',
      ]);
      expect((await raw(file!.url, headers)).status).toBe(401);
      expect((await raw(status, headers)).status).toBe(401);
      expect((await raw(file!.url, { Authorization: 'Bearer second' })).status).toBe(200);
    });
  });

  test('a token that has expired at the redirect, and a connection that ends behind it', async () => {
    const headers = { Authorization: 'Bearer t' };
    await failing(
      [
        { kind: 'tokenExpires', at: 'redirect', every: 3, times: 1 },
        { kind: 'cut', at: 'file', times: 1 },
      ],
      async ({ url }) => {
        const { manifest } = await finished(await accepted(kickOff(`${url}/$export`, headers)), headers);
        const redirected = async () =>
          (await raw(manifest.output[1]!.url, headers)).headers.location ?? 'none';
        await expect(raw(await redirected())).rejects.toThrow();
        expect((await raw(await redirected())).text).toBe(WHOLE);
        expect(await redirected()).toBe('none');
      },
      { behaviours: ['export-redirected-files'] },
    );
  });

  test('a change, which its ETag shows', async () => {
    await failingFiles([{ kind: 'fileChanges', at: 'file', every: 2, times: 1 }], async ({ patients }) => {
      const etag = String((await raw(patients)).headers.etag);
      expect((await raw(patients, { Range: 'bytes=0-1', 'If-Match': etag })).status).toBe(412);
      expect((await raw(patients, { Range: 'bytes=0-1', 'If-Range': etag })).status).toBe(200);
    });
  });

  test('gzip that ends too early, though the answer is whole', async () => {
    await failingFiles([{ kind: 'truncatedGzip', at: 'file', times: 1 }], async ({ patients }) => {
      const accept = { 'Accept-Encoding': 'gzip' };
      const cut = await raw(patients, accept);
      expect([cut.status, cut.headers['content-encoding']]).toEqual([200, 'gzip']);
      expect(() => gunzipSync(cut.body)).toThrow('unexpected end of file');
      expect((await raw(patients, accept)).text).toBe(WHOLE);
    });
  });

  const shown: Record<Alteration, [look: (lines: string[]) => unknown, expected: unknown]> = {
    'duplicate-lines': [(lines) => [lines.length, lines[0] === lines[1]], [44, true]],
    'older-lines': [(lines) => [lines.length, lines[0]!.includes('x-older')], [44, true]],
    'changed-lines': [(lines) => [lines.length, lines[0]!.includes('x-earlier')], [44, true]],
    'line-no-json': [(lines) => [lines.length, lines[20]!.endsWith(CANARY)], [41, true]],
    'line-other-type': [(lines) => [lines.length, lines[20]!.includes('"Basic"')], [41, true]],
    'line-cut': [(lines) => [lines.length, lines.at(-1) === FILES.Patient.at(-1)], [40, false]],
  };

  test.each(ALTERATIONS)('alterations so many times: %s', async (alteration) => {
    const [look, expected] = shown[alteration];
    await failingFiles([{ kind: 'alteredFile', alteration, at: 'file', times: 1 }], async ({ patients }) => {
      const altered = await raw(patients);
      expect(altered.headers['content-length']).toBe(String(altered.body.length));
      expect(look(altered.text.trim().split('\n'))).toEqual(expected);
      const whole = await raw(patients);
      expect([whole.text, whole.headers.etag]).toEqual([WHOLE, altered.headers.etag]);
    });
  });
});
