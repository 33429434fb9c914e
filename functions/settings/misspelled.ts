import { nearest } from '../deid/reading/issues.js';
import { settingRows } from './schema.js';
import type { Environment } from './setting.js';

/** Names of variables that are those of settings but for as many characters are taken for them. */
const MAX_DIFFERENCE = 2;
/** Shorter names are like too many others. */
const MIN_CHARACTERS = 8;

/** Variables that are no settings and nearly have the name of one, in words: what they say has no effect. */
export function misspelledSettings(environment: Environment): string[] {
  const names = settingRows.map(({ name }) => name);
  const known = new Set(names.map((name) => name.toLowerCase()));
  return Object.keys(environment).flatMap((name) => {
    if (known.has(name.toLowerCase()) || name.length < MIN_CHARACTERS || !/^[A-Za-z_]+$/.test(name))
      return [];
    const meant = nearest(name, names, MAX_DIFFERENCE);
    // That one is set as well: this one is something else.
    if (meant === undefined || environment[meant] !== undefined) return [];
    return [`Warning: ${name} is no setting, and has no effect. Did you mean ${meant}?`];
  });
}
