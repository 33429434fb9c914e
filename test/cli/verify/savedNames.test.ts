import fc from 'fast-check';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { savedNames } from '../../../cli/verify/savedNames.js';
import { randomly } from '../../random.js';

it.each<[string, Array<[type: string, url: string]>, string[]]>([
  ['the last part of a URL', [['Patient', 'http://a/files/Patient-0.ndjson?sig=x']], ['Patient-0.ndjson']],
  ['a part that is encoded', [['Patient', 'http://a/1%2EPatient.ndjson']], ['1.Patient.ndjson']],
  ['a part without an ending', [['Patient', 'http://a/Binary/17']], ['Patient-1.ndjson']],
  [
    'the same part twice, in whatever case',
    [
      ['Patient', 'http://a/1/x.ndjson'],
      ['Group', 'http://a/2/X.ndjson'],
      ['', 'http://a/3/y.ndjson.gz'],
    ],
    ['Patient-1.ndjson', 'Group-2.ndjson', 'y.ndjson.gz'],
  ],
  [
    'a name that is another file’s',
    [
      ['Patient', 'http://a/1'],
      ['Patient', 'http://a/patient-1.ndjson'],
    ],
    ['Patient-1-other.ndjson', 'patient-1.ndjson'],
  ],
  ['what leads elsewhere', [['../Group', 'http://a/..%2f..%2fx.ndjson']], ['Group-1.ndjson']],
  ['a name of the folder’s own', [['Patient', 'http://a/manifest.json']], ['Patient-1.ndjson']],
  ['no type', [['', 'http://a/%00']], ['file-1.ndjson']],
])('%s', (_name, files, expected) => {
  expect(savedNames(files.map(([type, url]) => ({ type, url })))).toEqual(expected);
});

it('whatever a manifest names, each file has a name of its own in the folder', () => {
  const part = fc.oneof(
    fc.constantFrom('a.ndjson', 'A.ndjson', 'Patient-1.ndjson', 'Patient-2.ndjson', '..', '', 'x%2fy.ndjson'),
    fc.string({ maxLength: 20 }),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ type: fc.constantFrom('Patient', '../x', ''), url: part })), (files) => {
      const names = savedNames(files);
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(files.length);
      for (const name of names) {
        expect(name).toBe(basename(name));
        expect(name).toMatch(/^\w[\w.~+=@-]*\.(ndjson|jsonl)(\.gz)?$/i);
      }
    }),
    randomly(100),
  );
});
