import { it } from 'vitest';
import { SEED } from '../random.js';
import { expectExportWithoutLeak } from './canaryStack.js';

it(`a de-identified export of R4 at the finest log level leaves no token and no key anywhere (TEST_SEED=${SEED})`, async () => {
  await expectExportWithoutLeak('R4');
});
