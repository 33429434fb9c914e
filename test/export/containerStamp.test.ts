import { describe, expect, it } from 'vitest';
import {
  type ContainerStamp,
  readStamp,
  stampConflict,
  toMetadata,
  withoutStamp,
} from '../../functions/export/output/containerStamp.js';

const RAW: ContainerStamp = { content: 'raw' };
const ONE: ContainerStamp = { content: 'deidentified', configurationDigest: 'sha256:1', keys: 'random' };
const ONE_GIVEN: ContainerStamp = { ...ONE, keys: 'given' };
const OTHER: ContainerStamp = { ...ONE, configurationDigest: 'sha256:2' };
const MIXED: ContainerStamp = { content: 'mixed' };

describe('what may lie beside what', () => {
  it.each([
    [RAW, RAW, undefined],
    [ONE, ONE, undefined],
    [ONE, ONE_GIVEN, undefined],
    [RAW, ONE, /raw/],
    [ONE, RAW, /de-identified/],
    [ONE, OTHER, /another configuration \(sha256:1\)/],
    [MIXED, RAW, /several kinds/],
    [MIXED, ONE, /several kinds/],
  ])('%o and %o', (found, wanted, words) => {
    const why = stampConflict(found, wanted);
    if (words === undefined) expect(why).toBeUndefined();
    else expect(why).toMatch(words);
  });
});

describe('a stamp in metadata', () => {
  it.each([RAW, ONE, ONE_GIVEN, MIXED])('%o is read as it was written', (stamp) => {
    const metadata = toMetadata(stamp);
    const upper = Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key.toUpperCase(), value]),
    );
    expect(readStamp({ owner: 'us', ...metadata })).toEqual(stamp);
    expect(readStamp(upper)).toEqual(stamp);
    expect(withoutStamp({ owner: 'us', ...upper })).toEqual({ owner: 'us' });
  });

  it('that cannot be read takes nothing more', () => {
    expect(readStamp({ fhirexportcontent: 'deidentified' })).toEqual(MIXED);
    expect(readStamp({ fhirexportcontent: 'else' })).toEqual(MIXED);
  });

  it('that is not there is none', () => {
    expect(readStamp({ owner: 'us' })).toBeUndefined();
  });
});
