import { expect, it } from 'vitest';
import { countPresent, planMemberSearch } from '../../../functions/export/selection/memberPlan.js';
import { Members } from '../../../functions/export/selection/members.js';
import { SimulatedSource } from '../simulatedSource.js';

const members = new Members(Array.from({ length: 5000 }, (_, index) => `p${index}`));

it('a source that takes too long to answer how members are found is walked, and asked nothing more', async () => {
  const source = new SimulatedSource('Observation');
  const plan = await planMemberSearch({
    type: 'Observation',
    links: [{ parameter: 'subject', paths: [['subject']] }],
    members,
    bounds: [],
    typeCount: undefined,
    pageSize: 100,
    capabilities: {
      searchParameters: new Map(),
      reverseIncludes: new Map(),
      historyTypes: new Set(),
      searchableTypes: [],
      url: undefined,
    },
    source,
    lists: {},
    isOutOfTime: () => true,
  });
  expect(plan).toEqual({ memberSearch: undefined, estimate: undefined });
  let asked = 0;
  source.beforeAnswer = () => asked++;
  expect(await countPresent(members, source, () => asked >= 2)).toBeUndefined();
  expect(asked).toBe(2);
  expect(source.queries.every((query) => !query.includes('subject'))).toBe(true);
});
