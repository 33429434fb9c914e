import { expect, it } from 'vitest';
import { ResourceIds } from '../../../cli/verify/resourceIds.js';

it('finds each id that is there twice, and each reference that leads nowhere', () => {
  const ids = new ResourceIds();
  const count = 100_000;
  for (let id = 0; id < count; id++) {
    ids.refer('Patient', `p${id}`);
    expect(ids.add('Patient', `p${id}`)).toBe(true);
    ids.refer('Practitioner', `p${id}`);
  }
  // An id is one of its type.
  expect(ids.add('Observation', 'p1')).toBe(true);
  for (const id of [0, 1, count - 1]) expect(ids.add('Patient', `p${id}`)).toBe(false);
  ids.refer('Patient', 'p0');
  ids.refer('Patient', 'none');
  expect([...ids.resolutions()]).toEqual([
    ['Patient', { resolved: count + 1, unresolved: 1 }],
    ['Practitioner', { resolved: 0, unresolved: count }],
  ]);
});
