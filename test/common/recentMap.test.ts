import { expect, it } from 'vitest';
import { RecentMap } from '../../functions/common/recentMap.js';

it('the entry that was longest not used makes room for a new one', () => {
  const map = new RecentMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  expect(map.get('a')).toBe(1);
  map.set('c', 3);
  expect(map.get('b')).toBeUndefined();
  expect([...map.values()]).toEqual([1, 3]);
  map.delete('a');
  expect(map.size).toBe(1);
});
