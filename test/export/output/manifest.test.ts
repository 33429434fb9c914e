import { describe, expect, it } from 'vitest';
import { emptyReport, type JobPlan, type JobRequest } from '../../../functions/export/records/job.js';
import {
  buildManifest,
  linkManifest,
  typesInFile,
  typesInManifest,
} from '../../../functions/export/output/manifest.js';
import { manifestCopy } from '../../../functions/export/output/shownManifest.js';

const file = (
  type: string,
  name: string,
  of?: string[],
): Parameters<typeof buildManifest>[0]['output'][number] => ({
  type,
  ...(of === undefined ? {} : { of }),
  name: `folder/${name}`,
  count: 1,
  bytes: 1,
});

const manifest = buildManifest({
  request: {
    folder: 'folder/',
    requestUrl: 'http://a/fhir/$export?_type=Patient',
    notes: [],
  } as unknown as JobRequest,
  plan: { transactionTime: '2026-01-01T00:00:00Z', partitions: [] } satisfies JobPlan,
  output: [file('Patient', 'Patient-0.ndjson'), file('Bundle', 'Bundle-1.ndjson')],
  deleted: [file('Bundle', 'deleted-Condition-2.ndjson', ['Condition'])],
  deletionNotes: [],
  errors: [file('OperationOutcome', 'OperationOutcome-x.ndjson', ['Observation'])],
  report: emptyReport(),
  foreign: 0,
  ofOthers: 0,
  withheld: [],
});

describe('a caller needs the permission for', () => {
  it.each([
    ['Patient-0.ndjson', ['Patient']],
    ['Bundle-1.ndjson', ['Bundle']],
    ['deleted-Condition-2.ndjson', ['Condition']],
    ['OperationOutcome-x.ndjson', ['Observation']],
    ['report.json', ['Patient', 'Bundle', 'Condition', 'Observation']],
    ['report-shared.json', ['Patient', 'Bundle', 'Condition', 'Observation']],
    ['report.html', ['Patient', 'Bundle', 'Condition', 'Observation']],
    ['manifest.json', []],
  ])('%s: %s', (name, types) => {
    expect(typesInFile(manifest, name)).toEqual(types);
  });

  it('all of these, to see the manifest', () => {
    expect(typesInManifest(manifest).sort()).toEqual(['Bundle', 'Condition', 'Observation', 'Patient']);
  });
});

it('a manifest says of its files what Bulk Data has, and no more', () => {
  const urlOf = (name: string): string => `http://a/${name}`;
  for (const shown of [
    linkManifest(manifest, { requiresAccessToken: true, urlOf }),
    manifestCopy(manifest, urlOf),
  ]) {
    expect(shown.deleted).toEqual([{ type: 'Bundle', url: 'http://a/deleted-Condition-2.ndjson', count: 1 }]);
    expect(JSON.stringify(shown)).not.toMatch(/"(of|bytes|fileSize)"/);
  }
});
