import { remembered } from '../../../functions/common/maps.js';
import type { Definitions } from '../../../functions/deid/model/definitions.js';

/*
 * The definitions of a FHIR version as a short text, which `console/engine/node/readDefinitions.ts` reads. The first line has
 * the lists of codes; the second the types, each with its supertype where that differs from the one before; each other line the elements of one type or backbone element:
 *
 *     Patient name*:HumanName gender#3:code deceasedBoolean:boolean ?deceased=Boolean,DateTime
 *
 * After a name: `*` repeats, `-` does not although what it refers to does, `!` is required, `#3` the list of its codes,
 * `:` its type, `=` what defines it. A choice begins with `?`.
 */

/** What is known of one element. */
interface Word {
  repeats?: boolean;
  demand?: string;
  type?: string;
  definition?: string;
  choice?: readonly string[];
}

/** What references may refer to is left out: the engine does not ask. */
export function compactDefinitions(definitions: Omit<Definitions, 'path2RefType'>): string {
  const codeLists: string[] = [];
  const parents = wordsOf(definitions, codeLists);
  const lines = [...parents].map(([parent, words]) =>
    [parent, ...[...words].map(([name, word]) => textOf(name, word))].join(' '),
  );
  let last = '';
  const types = Object.entries(definitions.type2Parent).map(([type, parent]) => {
    const isSame = parent === last;
    last = parent;
    return isSame ? type : `${type}:${parent}`;
  });
  return [codeLists.join('|'), types.join(' '), ...lines].join('\n');
}

/** By the type or backbone element that they are in, in the order of the definitions. */
function wordsOf(
  definitions: Omit<Definitions, 'path2RefType'>,
  codeLists: string[],
): ReadonlyMap<string, ReadonlyMap<string, Word>> {
  const parents = new Map<string, Map<string, Word>>();
  const wordAt = (path: string): Word => {
    const at = path.lastIndexOf('.');
    const words = remembered<string, Map<string, Word>>(parents, path.slice(0, at), () => new Map());
    return remembered<string, Word>(words, path.slice(at + 1), () => ({}));
  };
  for (const [path, type] of Object.entries(definitions.path2Type)) wordAt(path).type = type;
  for (const [path, definition] of Object.entries(definitions.pathsDefinedElsewhere))
    wordAt(path).definition = definition;
  for (const [path, types] of Object.entries(definitions.choiceTypePaths)) wordAt(path).choice = types;
  for (const [path, repeats] of Object.entries(definitions.path2Repeating)) wordAt(path).repeats = repeats;
  for (const [parent, demands] of definitions.demands) {
    for (const [name, { isRequired, codes }] of demands)
      wordAt(`${parent}.${name}`).demand =
        (isRequired ? '!' : '') + (codes === undefined ? '' : `#${placeIn(codeLists, [...codes].join(' '))}`);
  }
  return parents;
}

function placeIn(list: string[], text: string): number {
  const place = list.indexOf(text);
  return place < 0 ? list.push(text) - 1 : place;
}

function textOf(name: string, { repeats, demand = '', type, definition, choice }: Word): string {
  if (choice !== undefined && (type !== undefined || definition !== undefined))
    throw new Error(`The choice ${name} is an element as well.`);
  const mark = repeats === undefined ? '' : repeats ? '*' : '-';
  const more = choice?.join(',') ?? definition;
  return `${choice === undefined ? '' : '?'}${name}${mark}${demand}${type === undefined ? '' : `:${type}`}${more === undefined ? '' : `=${more}`}`;
}
