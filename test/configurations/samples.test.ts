import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { firstConfiguration } from '../../console/preview/state.js';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { sampleNamed, SAMPLE_NAMES } from '../../functions/deid/configuration/samples.js';

const FOLDER = new URL('../../configurations/', import.meta.url);
const sha256 = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/**
 * What each version says: configurations that extend one are approved by a digest that covers it. Never change a row. A
 * sample that is changed gets the next number and a row of its own; the former text stays, in a file of its own.
 */
const DIGESTS: Readonly<Record<string, string>> = {
  'hipaa-safe-harbor-stu3@2': 'e081b92b0e4f713e726ad6fb5436d34753343bb2aa33253e81cd09dc44efb344',
  'hipaa-safe-harbor-r4@2': '604e9240d7da64d3587151c744722afcbb937acb2de6216bf768020af5f9e1b8',
  'hipaa-safe-harbor-r4b@2': 'cea2d9d3005e2a50bcf4d5e672aeedb5618232eeff053aee16a50b96021fad85',
  'hipaa-safe-harbor-r5@2': '089463019f19804c9f65c285bbd4b6d9915427115e11a477fb88b31a836bf535',
  'hipaa-safe-harbor-stu3@1': '6d03ab674c1274e0ce7ba0b940834cfc2bebc1d3670bd1f91cb7a9173c190881',
  'hipaa-safe-harbor-r4@1': 'a757c3681e1e6f14c931084d6df6a2d5d17f89e50e2bfd0cf3130d6aa4ccde26',
  'hipaa-safe-harbor-r4b@1': 'b109d2430a4b4b05a15d9cfe88ef1ae8d10a6b26d01efb151c02ec553b55a5be',
  'hipaa-safe-harbor-r5@1': '9aae7c201fe211cedf17841eecc316c4a9adc183c5226664d9943a924949b1b3',
};

it.each(SAMPLE_NAMES)('%s is what it was when it got its number', (name) => {
  expect(sha256(sampleNamed(name))).toBe(DIGESTS[name]);
});

it('every version that there was is there', () => {
  expect(SAMPLE_NAMES).toEqual(Object.keys(DIGESTS));
});

it('every file of configurations/ is a version; README.md names the versions', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  const texts = files.map((file) => sha256(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))));
  expect(texts.sort()).toEqual(Object.values(DIGESTS).sort());
  const page = readFileSync(new URL('README.md', FOLDER), 'utf8');
  expect(SAMPLE_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

it.each(FHIR_VERSIONS)('the console begins with the latest sample of %s', (version) => {
  const { extends: name } = JSON.parse(firstConfiguration(version)) as { extends: string };
  const latest = SAMPLE_NAMES.find((one) => one.startsWith(`hipaa-safe-harbor-${version.toLowerCase()}@`));
  expect(name).toBe(latest);
});

it('no sample gives a key, nor extends another', () => {
  for (const name of SAMPLE_NAMES) {
    const sample = sampleNamed(name) ?? {};
    expect(sample['extends']).toBeUndefined();
    const keys = Object.entries(sample['parameters'] ?? {}).filter(([parameter]) => /key/i.test(parameter));
    expect(keys.map(([, value]) => value as unknown)).toEqual(keys.map(() => ''));
  }
});
