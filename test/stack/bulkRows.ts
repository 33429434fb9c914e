import { expect } from 'vitest';
import type { RunningSource } from '../../local/source/source.js';
import { type Altered, type BulkRow, type Ended, type SeenRequest, TOKEN } from './bulkFaults.js';

const LOST = { code: 'source-export-lost' as const };
const FAILED = { code: 'source-export-failed' as const };
const NOT_FHIR = { code: 'source-not-fhir' as const };
const isOf =
  (...types: string[]) =>
  (key: string): boolean =>
    types.includes(key.split('/')[0] ?? '');
const ofPatients =
  (...numbers: number[]) =>
  (key: string): boolean =>
    numbers.some((nth) => new RegExp(`/[po]${nth}(-|$)`).test(key));
const kickOffs = ({ requests }: Ended): string[] =>
  requests.filter(({ path }) => path.endsWith('$export')).map(({ method, path }) => `${method} ${path}`);
const GROUP = { asked: { level: { kind: 'group', groupId: 'g' } } } satisfies BulkRow;
const OF_GROUP = (key: string): boolean => key === 'Group/g' || ofPatients(0, 1)(key);
const AUTO = (): Record<string, string> => ({ SOURCE_MODE: 'auto' });
const LISTED: BulkRow['environment'] = ({ fileHost }) => ({ SOURCE_FILE_HOSTS: fileHost ?? '' });
/** Later than any of the resources. */
const SINCE = '2025-06-01T00:00:00Z';

/** Its keys are of one export. */
const RANDOM_IDS = JSON.stringify({
  fhirVersion: 'R4',
  fhirPathRules: [{ path: 'Resource.id', method: 'cryptoHash' }],
  parameters: {},
});

type Alter = NonNullable<BulkRow['alter']>;

/** Changes what the source answers to a question how far its export is. */
function atStatus(change: (answer: Altered) => Partial<Altered>): Alter {
  return (answer, { path }) => (path.startsWith('export-status') ? { ...answer, ...change(answer) } : answer);
}

/** Changes the manifest. */
function inManifest(change: (manifest: ManifestText) => ManifestText): Alter {
  return atStatus(({ status, body }) =>
    status === 200
      ? { body: Buffer.from(JSON.stringify(change(JSON.parse(body.toString()) as ManifestText))) }
      : {},
  );
}

interface ManifestText {
  requiresAccessToken: boolean;
  output: Array<{ type: string; url: string; count: number }>;
}

/** Changes the files in it. */
function ofFiles(change: (file: ManifestText['output'][number]) => ManifestText['output'][number]): Alter {
  return inManifest((manifest) => ({ ...manifest, output: manifest.output.map(change) }));
}

/** Does something at the first request of a kind. */
function once(
  isMeant: (request: SeenRequest) => boolean,
  act: (source: RunningSource) => void,
): BulkRow['before'] {
  let isDone = false;
  return (request, source) => {
    if (isDone || !isMeant(request)) return;
    isDone = true;
    act(source);
  };
}

/** Pauses between the questions how far the export is, in milliseconds. */
function waitsIn(seen: string): number[] {
  return [...seen.matchAll(/"waitMs":(\d+)/g)].map(([, ms]) => Number(ms));
}

const CANARY_URL = 'http://127.0.0.1:9/clients.ndjson?sig=secret';

/** A manifest of a part, as an export that is being made may have one. */
const PARTIAL =
  '{"transactionTime":"2025-01-01T00:00:00Z","requiresAccessToken":false,"output":[],"error":[]}';

/** What a bulk source may do, and how an export of it ends. */
export const BULK_ROWS: Record<string, Record<string, BulkRow>> = {
  'while the export is made': {
    'Retry-After in seconds, and a name in X-Progress': {
      behaviours: ['export-progress-canary'],
      bulk: { polls: 3, retryAfterSeconds: 120 },
      check: ({ seen }) => expect(seen).toContain('"source":"75%"'),
    },
    'Retry-After as a date': {
      isLong: true,
      behaviours: ['export-retry-date'],
      bulk: { polls: 2, retryAfterSeconds: 120 },
    },
    'no Retry-After, no X-Progress': {
      isLong: true,
      behaviours: ['export-retry-absent', 'export-no-progress'],
    },
    'Retry-After as milliseconds since 1970': {
      isLong: true,
      alter: atStatus(({ headers }) => ({
        headers: { ...headers, 'retry-after': String(Date.now() + 60_000) },
      })),
      check: ({ seen }) => expect(waitsIn(seen).every((ms) => ms <= 3_600_000)).toBe(true),
    },
    '429, 503 and 500 for some time': {
      isLong: true,
      faults: [
        { kind: 'status', status: 429, retryAfterSeconds: 1, at: 'status', times: 2 },
        {
          kind: 'status',
          status: 503,
          retryAfterSeconds: 1,
          retryAfterForm: 'date',
          at: 'status',
          times: 1,
        },
        { kind: 'status', status: 500, at: 'status', times: 1 },
      ],
    },
    'a login page, then half a manifest': {
      faults: [
        { kind: 'html', at: 'status', times: 1 },
        { kind: 'invalidJson', at: 'status', times: 2 },
        { kind: 'cut', at: 'status', times: 2 },
      ],
    },
    '429 without end': {
      faults: [{ kind: 'status', status: 429, at: 'status' }],
      environment: () => ({ SOURCE_EXPORT_MAX_HOURS: '2' }),
      jumpMs: 1_200_000,
      // It is not deleted at the first try.
      leavesExports: 1,
      fails: { ...FAILED, words: /not complete 2 hours .*SOURCE_EXPORT_MAX_HOURS.*raise the setting/ },
    },
    'a job that never ends': {
      isLong: true,
      bulk: { polls: 1_000_000, retryAfterSeconds: 3600 },
      environment: () => ({ SOURCE_EXPORT_MAX_HOURS: '24' }),
      fails: { ...FAILED, words: /not complete 24 hours/ },
    },
    'another export that is running': {
      isLong: true,
      behaviours: ['export-one-job'],
      faults: [{ kind: 'status', status: 429, retryAfterSeconds: 1, at: 'kickOff', times: 1 }],
    },
    'a job that fails, then one that does not': {
      isLong: true,
      faults: [{ kind: 'jobFails', at: 'kickOff', times: 1 }],
      check: (ended) => expect(kickOffs(ended)).toHaveLength(2),
    },
    'jobs that fail': {
      faults: [{ kind: 'jobFails', at: 'kickOff' }],
      fails: { ...FAILED, words: /failed, or was gone .* 3 times.*its own log/ },
      check: (ended) => expect(kickOffs(ended)).toHaveLength(3),
    },
    'a job that is forgotten before it is complete': {
      isLong: true,
      bulk: { polls: 2 },
      before: once(
        ({ path }) => path.startsWith('export-status'),
        (source) => source.forgetExports(),
      ),
    },
    'a kick-off that is answered without a status URL': {
      alter: (answer) =>
        answer.status === 202
          ? { ...answer, headers: { ...answer.headers, 'content-location': undefined } }
          : answer,
      fails: { ...FAILED, words: /202 to the kick-off .*Content-Location/ },
      leavesExports: 1,
    },
    'a status URL at another server': {
      alter: (answer) =>
        answer.status === 202
          ? {
              ...answer,
              headers: { ...answer.headers, 'content-location': 'http://127.0.0.1:9/fhir/export-status/1' },
            }
          : answer,
      fails: {
        code: 'source-foreign-link',
        words: /another server than FHIR_SERVER_URL .*Set FHIR_SERVER_URL/,
      },
      leavesExports: 1,
    },
    'a cancel': {
      bulk: { polls: 5 },
      polled: async ({ jobId, jobs }) => {
        await jobs.putStop(jobId, { reason: 'cancelled', at: new Date().toISOString() });
      },
      fails: { code: 'job-stopped', words: /stopped/ },
    },
    'a path as the status URL': { isLong: true, behaviours: ['export-relative-status'] },
  },

  'of a manifest': {
    'in pages': { isLong: true, behaviours: ['export-pages'] },
    'in pages with relative URLs': { behaviours: ['export-pages', 'export-relative-files'] },
    'of a part, in 202, that was not asked for': {
      isLong: true,
      bulk: { polls: 2 },
      alter: atStatus((answer) =>
        answer.status === 202
          ? { headers: { ...answer.headers, 'content-type': 'application/json' }, body: Buffer.from(PARTIAL) }
          : {},
      ),
    },
    'of the ballot of STU 4': {
      behaviours: ['export-stu4', 'export-error-file', 'export-post-only'],
      check: ({ run }) => expect(run?.texts).toHaveLength(1),
    },
    'with relative URLs': { isLong: true, behaviours: ['export-relative-files'] },
    'that changes its URLs and its order': { behaviours: ['export-manifest-changes'] },
    'that grows, each time': {
      isLong: true,
      behaviours: ['export-manifest-grows'],
      fails: { ...LOST, words: /other files than when it was said to be complete.*export again/ },
      check: (ended) => expect(kickOffs(ended)).toHaveLength(3),
    },
    'that is no JSON, each time': {
      faults: [{ kind: 'html', at: 'status' }],
      fails: { ...NOT_FHIR, words: /its manifest is not JSON.*Check that nothing/ },
      // What answers in its place takes the request to delete it, too.
      leavesExports: 1,
    },
    'without counts': {
      isLong: true,
      behaviours: ['export-no-counts', 'export-mixed-order', 'export-no-deleted'],
    },
    'with counts that are too high': {
      isLong: true,
      behaviours: ['export-wrong-counts'],
      fails: { ...LOST, words: /File \d+ of .*: it has \d+ lines, but the manifest counts \d+\./ },
    },
    'with counts that are too low': {
      alter: ofFiles((file) => ({ ...file, count: file.count - 1 })),
    },
    'with a count for an empty file': {
      behaviours: ['export-empty-files'],
      alter: ofFiles((file) => (file.count === 0 ? { ...file, count: 3 } : file)),
      fails: { ...LOST, words: /it has 0 lines, but the manifest counts 3/ },
    },
    'with an error file': {
      behaviours: ['export-error-file'],
      check: ({ run }) => {
        expect(run?.texts).toHaveLength(1);
        expect(run?.texts[0]).toMatch(/1 problem of the kind \\"exception\\"/);
      },
    },
    'with a type that FHIR does not have': {
      alter: inManifest((manifest) => ({
        ...manifest,
        output: [...manifest.output, { type: 'ClientApplication', url: CANARY_URL, count: 1 }],
      })),
    },
    'with a file by another protocol': {
      alter: ofFiles((file) => ({ ...file, url: `blob:${file.url}` })),
      fails: { ...NOT_FHIR, words: /a file or a page without a URL by http or https/ },
    },
    'with empty files': { isLong: true, behaviours: ['export-empty-files'] },
    'whose files are of another host': {
      behaviours: ['export-signed-files'],
      hasToken: true,
      fails: { code: 'source-foreign-link', words: /another server than FHIR_SERVER_URL.*SOURCE_FILE_HOSTS/ },
      check: ({ requests }) =>
        expect(requests.filter(({ path }) => path.startsWith('export-files'))).toEqual([]),
    },
    'whose files are of another host that is listed': {
      behaviours: ['export-signed-files'],
      hasToken: true,
      environment: LISTED,
      check: ({ requests }) => {
        const files = requests.filter(({ path }) => path.startsWith('export-files'));
        expect(files.length).toBeGreaterThan(4);
        expect(files.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
        const others = requests.filter(({ path }) => path.startsWith('export-status'));
        expect(others.every(({ headers }) => headers.authorization === TOKEN)).toBe(true);
      },
    },
    'whose files ask for the token': {
      isLong: true,
      hasToken: true,
      check: ({ requests }) =>
        expect(requests.every(({ headers }) => headers.authorization === TOKEN)).toBe(true),
    },
    'whose files do not ask for the token': {
      hasToken: true,
      alter: inManifest((manifest) => ({ ...manifest, requiresAccessToken: false })),
      fails: { code: 'source-denied', words: /401/ },
    },
    'with a token that is refused half-way': {
      hasToken: true,
      faults: [{ kind: 'tokenExpires', at: 'file', every: 6, times: 1 }],
      fails: { code: 'source-denied', words: /The source answered 401: .*SOURCE_HEADER_VALUE/ },
      leavesExports: 1,
    },
  },

  'of files': {
    'without ranges': { isLong: true, behaviours: ['export-no-ranges'] },
    'without ranges and ETag': { behaviours: ['export-no-ranges', 'export-no-etag'] },
    'without ETag': { isLong: true, behaviours: ['export-no-etag'] },
    'that are always compressed': { isLong: true, behaviours: ['export-forced-gzip'] },
    'that are always compressed, without ranges': { behaviours: ['export-forced-gzip', 'export-no-ranges'] },
    'that are cut now and then': {
      faults: [{ kind: 'cut', at: 'file', every: 3, times: 6 }],
      attempts: 4,
    },
    'that are cut now and then, without ranges': {
      isLong: true,
      behaviours: ['export-no-ranges'],
      faults: [{ kind: 'cut', at: 'file', every: 3, times: 6 }],
      attempts: 4,
    },
    'that are always cut': {
      behaviours: ['export-no-ranges'],
      faults: [{ kind: 'cut', at: 'file', type: 'Observation' }],
      fails: { code: 'source-unreachable', words: /cut the connection.*Check FHIR_SERVER_URL/ },
    },
    'whose gzip is truncated once': {
      isLong: true,
      behaviours: ['export-no-ranges'],
      faults: [{ kind: 'truncatedGzip', at: 'file', type: 'Observation', times: 1 }],
    },
    'whose gzip is always truncated': {
      behaviours: ['export-no-ranges'],
      faults: [{ kind: 'truncatedGzip', at: 'file', type: 'Observation' }],
      fails: { ...NOT_FHIR, words: /File \d+ of .* not a complete gzip file.*export again/ },
    },
    'that are too many requests': {
      isLong: true,
      faults: [{ kind: 'status', status: 429, retryAfterSeconds: 1, at: 'file', every: 7, times: 2 }],
    },
    'that expire while they are read': {
      faults: [{ kind: 'filesExpire', status: 410, at: 'file', every: 9, times: 1 }],
      check: (ended) => expect(kickOffs(ended)).toHaveLength(2),
    },
    'that are never there': {
      faults: [{ kind: 'filesExpire', status: 404, at: 'file' }],
      fails: { ...LOST, words: /it is gone, or was changed.*keep the files.*export again/ },
      check: (ended) => expect(kickOffs(ended)).toHaveLength(3),
    },
    'that change while they are read': {
      isLong: true,
      faults: [{ kind: 'fileChanges', at: 'file', every: 9, times: 1 }],
      check: (ended) => expect(kickOffs(ended)).toHaveLength(2),
    },
    'with lines that come twice': {
      isLong: true,
      behaviours: ['export-duplicate-lines'],
      check: ({ run }) => expect(run?.notes.join(' ')).toMatch(/\b7 lines of the files are of resources/),
    },
    'with lines that come in another file again': {
      behaviours: ['export-repeated-lines'],
      check: ({ run }) => expect(run?.notes.join(' ')).toMatch(/\b4 lines of the files are of resources/),
    },
    'with older versions': {
      behaviours: ['export-older-lines'],
      check: ({ run }) => expect(JSON.stringify(run?.resources)).not.toContain('x-older'),
    },
    'with other content of the same version': {
      isLong: true,
      behaviours: ['export-changed-lines'],
      check: ({ run }) => expect(JSON.stringify(run?.resources)).not.toContain('x-earlier'),
    },
    'with a line that is no JSON, once': {
      isLong: true,
      behaviours: ['export-no-ranges', 'export-no-etag'],
      faults: [
        { kind: 'alteredFile', alteration: 'line-no-json', at: 'file', type: 'Patient', every: 3, times: 1 },
      ],
    },
    'with a line that is no JSON': {
      behaviours: ['export-line-no-json'],
      fails: {
        ...NOT_FHIR,
        words: /line at byte \d+ is no complete JSON object.*no resource is left out silently/,
      },
    },
    'with a line of another type': {
      behaviours: ['export-line-other-type'],
      fails: { ...NOT_FHIR, words: /line at byte \d+ has another resourceType than the manifest says/ },
    },
    'with a last line that is cut': {
      behaviours: ['export-line-cut'],
      fails: { ...NOT_FHIR, words: /line at byte \d+ is no complete JSON object/ },
    },
  },

  'asked for': {
    'by POST alone': {
      behaviours: ['export-post-only'],
      check: (ended) => expect(kickOffs(ended)).toEqual(['GET $export', 'POST $export']),
    },
    'by GET alone, for some patients': {
      isLong: true,
      behaviours: ['export-get-only'],
      asked: { level: { kind: 'patient' }, patients: ['p3'] },
      keys: ofPatients(3),
    },
    'by types, which it does not know': {
      isLong: true,
      behaviours: ['export-no-type'],
      asked: { types: ['Patient', 'Organization'] },
      keys: isOf('Patient', 'Organization'),
    },
    'by types, which it ignores': {
      behaviours: ['export-no-type', 'export-ignores-strict'],
      asked: { types: ['Patient'] },
      keys: isOf('Patient'),
    },
    'by _since, which it does not know': {
      isLong: true,
      behaviours: ['export-no-since'],
      asked: { since: SINCE },
      keys: () => false,
    },
    'by _since, which it ignores': {
      behaviours: ['export-no-since', 'export-ignores'],
      asked: { since: SINCE },
      keys: () => false,
    },
    'by patients, which it does not know': {
      isLong: true,
      behaviours: ['export-no-patient'],
      asked: { level: { kind: 'patient' }, patients: ['p3', 'p4'] },
      keys: ofPatients(3, 4),
    },
    'by patients, which it ignores': {
      isLong: true,
      behaviours: ['export-no-patient', 'export-ignores'],
      asked: { level: { kind: 'patient' }, patients: ['p3'] },
      keys: ofPatients(3),
    },
    'by a filter': {
      isLong: true,
      asked: { types: ['Patient'], typeFilters: [{ type: 'Patient', search: [['_id', 'p1,p2']] }] },
      keys: (key) => isOf('Patient')(key) && ofPatients(1, 2)(key),
    },
    'by a filter, which it does not know': {
      behaviours: ['export-no-type-filter'],
      asked: { types: ['Patient'], typeFilters: [{ type: 'Patient', search: [['_id', 'p1']] }] },
      fails: { code: 'invalid-request', words: /_typeFilter: .*answered 400.*leave them out/ },
    },
    'by a filter, which it ignores': {
      behaviours: ['export-no-type-filter', 'export-ignores-strict'],
      asked: { types: ['Patient'], typeFilters: [{ type: 'Patient', search: [['_id', 'p1']] }] },
      fails: {
        code: 'invalid-request',
        words: /_typeFilter: .*a search parameter that does not exist.*Leave it out/,
      },
    },
    'since a moment, with deletions': {
      asked: { since: SINCE },
      before: once(
        () => true,
        (source) => source.delete('Patient', 'p3'),
      ),
      keys: () => false,
      check: ({ run }) =>
        expect(run?.texts.map((text) => JSON.parse(text) as unknown)).toMatchObject([
          { entry: [{ request: { method: 'DELETE', url: 'Patient/p3' } }] },
        ]),
    },
    'since a moment, with deletions of ids without a lasting pseudonym': {
      asked: { since: SINCE, configuration: RANDOM_IDS },
      before: once(
        () => true,
        (source) => source.delete('Patient', 'p3'),
      ),
      keys: () => false,
      check: ({ run }) => {
        expect(run?.texts).toEqual([]);
        expect(run?.notes.join(' ')).toMatch(/Patient.*no pseudonym that is the same in every export/);
      },
    },
    'for a Group, by which it can be had': {
      isLong: true,
      behaviours: ['export-group-only'],
      ...GROUP,
      keys: OF_GROUP,
    },
    'for a Group that it does not let be read': {
      behaviours: ['export-group-only'],
      alter: (answer, { path }) =>
        path.startsWith('Group/g') && !path.includes('$export') ? { ...answer, status: 403 } : answer,
      ...GROUP,
      keys: OF_GROUP,
    },
    'for a Group that it does not let be read, since a moment': {
      behaviours: ['export-group-only', 'export-no-since', 'export-ignores'],
      alter: (answer, { path }) =>
        path.startsWith('Group/g') && !path.includes('$export') ? { ...answer, status: 403 } : answer,
      asked: { ...GROUP.asked, since: SINCE },
      keys: OF_GROUP,
      check: ({ run }) => expect(run?.notes.join(' ')).toContain('also what was not changed since'),
    },
    'as a whole, at Patient level alone': {
      isLong: true,
      behaviours: ['export-no-system'],
      asked: { level: { kind: 'patient' } },
      keys: (key) => key !== 'Organization/org',
    },
    'as a whole, which it does not have': {
      behaviours: ['export-no-system-501'],
      fails: { code: 'source-refused', words: /501 to the kick-off.*SOURCE_MODE=search/ },
    },
    'at all, which it does not have': {
      behaviours: ['export-absent'],
      fails: { code: 'source-refused', words: /404 to the kick-off.*SOURCE_MODE=search/ },
    },
  },

  'with SOURCE_MODE=auto': {
    'that answers searches': {
      environment: AUTO,
      check: (ended) => {
        expect(kickOffs(ended)).toEqual([]);
        expect(ended.run?.notes.join(' ')).toContain('The source was read by searches');
      },
    },
    'that refuses every search': {
      behaviours: ['search-refused'],
      environment: AUTO,
      check: ({ run }) => expect(run?.notes.join(' ')).toContain("Read from the source's own export, since"),
    },
    'that refuses every search, and has no export of its own': {
      behaviours: ['search-refused', 'export-absent'],
      environment: AUTO,
      fails: { code: 'source-forbidden', words: /403/ },
    },
    'that refuses searches of one type': {
      environment: AUTO,
      alter: (answer, { path }) => (path.startsWith('Observation?') ? { ...answer, status: 403 } : answer),
      check: (ended) => {
        expect(ended.requests.find(({ path }) => path === '$export')?.query).toBe('_type=Observation');
        expect(ended.run?.notes.join(' ')).toContain(
          'for them: Observation. The others were read by searches.',
        );
      },
    },
  },
};
