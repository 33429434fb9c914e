import { expect, it } from 'vitest';
import { expectNoIdentityIn } from './reportTexts.js';

const patient = JSON.stringify({
  resourceType: 'Patient',
  id: 'p-4711',
  name: [{ family: 'Example', given: ['Jean Paul'] }],
  birthDate: '1961-02-03',
});

it.each(['p-4711', 'Example', 'Jean Paul', '1961-02-03'])('%s of a Patient is found in a report', (value) => {
  expect(() => expectNoIdentityIn(['{}', `{"element":"${value}"}`], [patient])).toThrow(value);
});

it('what a report says of any export, and random names, are no identities', () => {
  const name = 'Patient-0-0-01234567-abcd-4567-89ab-0123456789ab.ndjson';
  const ids = ['Resources', 'abcd', '4711', '4567'].map((id) =>
    JSON.stringify({ resourceType: 'Group', id }),
  );
  expectNoIdentityIn([`{"name":"${name}","count":4711,"title":"Resources"}`], ids);
});
