import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { SimulatedSource } from '../export/simulatedSource.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: 'Patient.id', method: 'cryptoHash' }],
  parameters: { cryptoHashKey: 'a key that stays from one export to the next' },
};

let server: Server | undefined;
let test: TestStack | undefined;

afterEach(async () => {
  await test?.end();
  server?.closeAllConnections();
  server?.close();
});

/** Serves a simulated source whose clock is set. */
async function serve(source: SimulatedSource, clock: () => number): Promise<string> {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', source.base);
    const answer =
      pathname === '/fhir/metadata'
        ? Promise.resolve({ body: Buffer.from(JSON.stringify(capabilities(source.type))) })
        : pathname.endsWith('/_history')
          ? source.typeHistory(source.type, [...searchParams])
          : source.search(source.type, [...searchParams]);
    response.sendDate = false;
    answer
      .then(({ body }) => {
        response.setHeader('date', new Date(clock()).toUTCString());
        return response.setHeader('content-type', 'application/fhir+json').end(body);
      })
      .catch(() => {
        response.statusCode = 400;
        response.end();
      });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  source.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`;
  return source.base;
}

function capabilities(type: string): object {
  return {
    resourceType: 'CapabilityStatement',
    fhirVersion: '4.0.1',
    rest: [{ resource: [{ type, interaction: [{ code: 'search-type' }, { code: 'history-type' }] }] }],
  };
}

type FullManifest = Manifest & { deleted: Manifest['output'] };

interface Line {
  id: string;
  meta: { lastUpdated: string };
}

describe('exports one after the other of a source that changes', () => {
  it('are one with filters that overlap and elements cut, and one that reports deletions by pseudonym', async () => {
    const source = new SimulatedSource('Patient');
    let clock = START;
    for (let index = 0; index < 40; index++) {
      source.put(`p${index}`, START - 100_000 + index * 1000, index % 4 === 0 ? ['a', 'b'] : ['b']);
    }
    test = await startTestStack({
      FHIR_SERVER_URL: await serve(source, () => clock),
      TRANSACTION_TIME_MARGIN_SECONDS: '0',
      PAGE_SIZE: '7',
    });
    await test.putConfiguration('ids.json', CONFIGURATION);
    const client = new ExportClient(test.stack.baseUrl);
    const run = async (parameters: Record<string, string>): Promise<FullManifest> => {
      const base = { _container: 'research', _anonymizationConfig: 'ids.json', _type: 'Patient' };
      const statusUrl = await client.kickOff({ ...base, ...parameters });
      return (await client.manifest(statusUrl, 100, () => undefined)) as FullManifest;
    };
    const linesOf = async (manifest: FullManifest): Promise<Line[]> =>
      ((await downloadLines(manifest)).get('Patient') ?? []).map((line) => JSON.parse(line) as Line);

    const filtered = await linesOf(
      await run({ _typeFilter: 'Patient?tag=a,Patient?tag=b', _elements: 'gender' }),
    );
    expect(new Set(filtered.map(({ id }) => id)).size).toBe(40);
    for (const line of filtered) expect(Object.keys(line).sort()).toEqual(['id', 'meta', 'resourceType']);

    const first = await run({});
    expect(first).toMatchObject({ transactionTime: new Date(START).toISOString(), deleted: [] });
    const before = await linesOf(first);
    const pseudonymAt = (index: number): string => {
      const at = new Date(START - 100_000 + index * 1000).toISOString();
      return before.find(({ meta }) => meta.lastUpdated === at)?.id ?? '';
    };
    source.delete('p3', START + 1000);
    source.put('p5', START + 2000, ['b']);
    source.delete('p7', START + 2000);
    source.put('p7', START + 3000, ['b']);
    clock += 60_000;
    const second = await run({ _since: first.transactionTime });
    const changed = (await linesOf(second)).map(({ id }) => id);
    expect(changed.sort()).toEqual([pseudonymAt(5), pseudonymAt(7)].sort());
    const [file] = second.deleted;
    expect(second.deleted).toEqual([{ type: 'Bundle', url: expect.any(String), count: 1 }]);
    const text = await (await fetch(file?.url ?? '')).text();
    expect(JSON.parse(text)).toEqual({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ request: { method: 'DELETE', url: `Patient/${pseudonymAt(3)}` } }],
    });
    expect(pseudonymAt(3)).toMatch(/^[0-9a-f]{64}$/);

    await test.putConfiguration('ids.json', { ...CONFIGURATION, parameters: {} });
    const third = await run({ _since: first.transactionTime, _container: 'research-2' });
    expect(third.deleted).toEqual([]);
    expect(JSON.stringify(third.extension['notes'])).toMatch(
      /Deletions of Patient are not reported.*cryptoHashKey/,
    );
  });
});
