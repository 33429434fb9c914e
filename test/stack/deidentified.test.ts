import { it } from 'vitest';
import { expectDeidentified } from './deidentified.js';

it('a de-identified export of the generated hospital has every resource once and no identity anywhere, and leaves no key behind', async () => {
  await expectDeidentified({});
});
