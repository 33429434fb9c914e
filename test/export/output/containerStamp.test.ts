import { describe, expect, it } from 'vitest';
import type { ContainerStamp } from '../../../functions/export/records/job.js';
import {
  readClaim,
  stampFits,
  stampOf,
  toMetadata,
  withoutClaim,
} from '../../../functions/export/output/containerStamp.js';

const RAW: ContainerStamp = { content: 'raw' };
const ONE: ContainerStamp = { content: 'deidentified', configurationDigest: 'sha256:1', keys: 'random' };
const ONE_GIVEN: ContainerStamp = { ...ONE, keys: 'given' };
const OTHER: ContainerStamp = { ...ONE, configurationDigest: 'sha256:2' };
const PREFIXED: ContainerStamp = { ...ONE_GIVEN, domainPrefix: 'a-' };
const MIXED: ContainerStamp = { content: 'mixed' };

describe('what may lie beside what', () => {
  it.each([
    [RAW, RAW, true],
    [ONE, ONE, true],
    [ONE, ONE_GIVEN, true],
    [RAW, ONE, false],
    [ONE, RAW, false],
    [ONE, OTHER, false],
    [PREFIXED, PREFIXED, true],
    [PREFIXED, ONE_GIVEN, false],
    [ONE_GIVEN, PREFIXED, false],
    [PREFIXED, { ...PREFIXED, domainPrefix: 'b-' }, false],
    [MIXED, RAW, false],
    [MIXED, ONE, false],
  ])('%o and %o: %s', (found, wanted, fits) => {
    expect(stampFits(found, wanted)).toBe(fits);
  });
});

describe('a stamp in metadata', () => {
  it.each([RAW, ONE, ONE_GIVEN, PREFIXED, MIXED])('%o is read as it was written', (stamp) => {
    const reservations = new Map([
      ['a-1', 5],
      ['b-2', 1_800_000_000],
    ]);
    const metadata = toMetadata({ stamp, reservations });
    const upper = Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key.toUpperCase(), value]),
    );
    expect(readClaim({ owner: 'us', ...metadata })).toEqual({ stamp, reservations });
    expect(readClaim(upper)).toEqual({ stamp, reservations });
    expect(withoutClaim({ owner: 'us', ...upper })).toEqual({ owner: 'us' });
  });

  it('has a prefix of any form, as a header takes it', () => {
    const configuration = { name: 'a', digest: 'sha256:1', keysDigest: 'k', approval: 'coverage' } as const;
    expect(stampOf(configuration, false, 'é, b-')).toMatchObject({ domainPrefix: '%C3%A9%2C%20b-' });
    expect(stampOf(configuration, false)).not.toHaveProperty('domainPrefix');
    expect(stampOf(undefined, false, 'a-')).toEqual(RAW);
  });

  it('that cannot be read takes nothing more', () => {
    expect(readClaim({ fhirexportcontent: 'deidentified' }).stamp).toEqual(MIXED);
    expect(readClaim({ fhirexportcontent: 'else' }).stamp).toEqual(MIXED);
  });

  it('that is not there is none', () => {
    expect(readClaim({ owner: 'us' }).stamp).toBeUndefined();
  });
});
