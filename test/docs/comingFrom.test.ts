import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TOP_LEVEL } from '../../functions/deid/configuration/extended.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { configurationOf } from '../deid/shared.js';

const text = readFileSync(new URL('../../docs/coming-from.md', import.meta.url), 'utf8');
const [, table = ''] = /^## Every setting$([\s\S]*?)^## /m.exec(text) ?? [];
/** What the first cells of the rows name. */
const named = new Set(
  [...table.matchAll(/^\| ([^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  ),
);

const KNOWN = [
  ...TOP_LEVEL,
  'path',
  'method',
  ...Object.keys(configurationOf('{"fhirPathRules":[]}', 'R4').parameters),
  ...METHODS.flatMap(({ name, settings }) => [name, ...Object.keys(settings)]),
];

it('the table has every setting, parameter and method that is read', () => {
  expect(KNOWN.length).toBeGreaterThan(40);
  expect(KNOWN.filter((name) => !named.has(name))).toEqual([]);
});
