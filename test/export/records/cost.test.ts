import { expect, it } from 'vitest';
import { type SliceCost, sumOfCosts } from '../../../functions/export/records/cost.js';

it.each<[string, Array<SliceCost | undefined>, SliceCost | undefined]>([
  ['nothing', [], { sourceRequests: 0, cpuSeconds: 0 }],
  [
    'what all took',
    [
      { sourceRequests: 2, cpuSeconds: 0.1 },
      { sourceRequests: 3, cpuSeconds: 0.2 },
    ],
    { sourceRequests: 5, cpuSeconds: 0.3 },
  ],
  [
    'no CPU time where one has none',
    [{ sourceRequests: 2, cpuSeconds: 0.1 }, { sourceRequests: 3 }],
    { sourceRequests: 5 },
  ],
  ['nothing that is known where an earlier version made one', [{ sourceRequests: 2 }, undefined], undefined],
])('costs add up to %s', (_, costs, sum) => {
  expect(sumOfCosts(costs)).toEqual(sum);
});
