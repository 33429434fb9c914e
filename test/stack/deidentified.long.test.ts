import { join } from 'node:path';
import { it } from 'vitest';
import { hasShared, SHARED } from '../deid/shared.js';
import { expectDeidentified } from './deidentified.js';

const SYNTHEA = 'samples/synthea-r4';

it.runIf(hasShared(SYNTHEA))(
  'a de-identified export of Synthea R4 has every resource once and no identity anywhere, and leaves no key behind',
  async () => {
    await expectDeidentified({ SAMPLE_DATA: join(SHARED, SYNTHEA) });
  },
);
