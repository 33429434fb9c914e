import { expect, it } from 'vitest';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import { PatientCounter } from '../../../functions/export/selection/patientCount.js';
import { inOrderOfBlocks, runBlockSlice } from '../../../functions/export/slice/blockSlice.js';
import type { Source } from '../../../functions/export/source/source.js';
import { arraySink } from '../arraySink.js';

it('the order of blocks is of the job alone, and the same in all of its slices', () => {
  const ids = Array.from({ length: 50 }, (_, nth) => `patient-${nth}`).sort();
  const [first, again, other] = ['a', 'a', 'b'].map((secret) => inOrderOfBlocks(ids, Buffer.from(secret)));
  expect(again).toEqual(first);
  expect(new Set(first)).toEqual(new Set(ids));
  expect(first).not.toEqual(ids);
  expect(other).not.toEqual(first);
});

it('what has no time comes once, also of a patient who joined after _since', async () => {
  const link = [{ relation: 'self', url: 'https://source.example/fhir/Condition?patient=a' }];
  const entry = [{ resource: { resourceType: 'Condition', id: 'undated' } }];
  const bundle = { resourceType: 'Bundle', type: 'searchset', total: 1, link, entry };
  const answer = { body: Buffer.from(JSON.stringify(bundle)), date: undefined };
  const patient = {
    body: Buffer.from(JSON.stringify({ resourceType: 'Patient', id: 'a' })),
    date: undefined,
  };
  const source = { search: async () => answer, read: async () => patient } as unknown as Source;
  const lines: string[] = [];
  const type = { type: 'Condition', parameters: ['patient'], takesNoCount: false };
  await runBlockSlice(
    {
      part: { first: 0, end: 1, types: [type, { ...type, isOfJoined: true }] },
      cursor: undefined,
      ids: ['a'],
      searchesOf: ({ isOfJoined }) => ({
        searches: {
          patients: 1,
          each: 1,
          search: () => ({ parameters: [['patient', 'a']], filter: [], alternative: 0 }),
          isExported: () => true,
        },
        window: { type: 'Condition', from: isOfJoined === true ? undefined : '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' }, // prettier-ignore
      }),
      pageSize: 10,
      concurrency: 1,
      hasPatients: true,
    },
    { pages: 10, bytes: Infinity, milliseconds: Infinity },
    {
      source,
      lineMaker: rawLines,
      patients: new PatientCounter({ most: 0, fhirVersion: 'R4', secret: new Uint8Array(0) }),
      openFile: async () => arraySink(lines),
      clock: () => 0,
      isStopped: async () => false,
      tellProgress: () => undefined,
    },
  );
  expect(lines.join('\n').match(/"undated"/g)).toHaveLength(1);
});
