import { it } from 'vitest';
import { runs, SEED } from '../random.js';
import { expectToSurviveKills } from './crash.js';

const KILLS = runs(5);

it.each(['bulk', 'auto'])(
  `an export by SOURCE_MODE=%s whose host is killed ${KILLS} times is complete and without duplicates (TEST_SEED=${SEED})`,
  (mode) => expectToSurviveKills(KILLS, SEED + 3, { SOURCE_MODE: mode }),
);
