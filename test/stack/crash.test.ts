import { it } from 'vitest';
import { runs, SEED } from '../random.js';
import { expectToSurviveKills } from './crash.js';

const KILLS = runs(5);

it(`an export whose host is killed ${KILLS} times is complete and without duplicates (TEST_SEED=${SEED})`, async () => {
  await expectToSurviveKills(KILLS, SEED);
});
