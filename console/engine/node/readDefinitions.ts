import type { Definitions, Demand } from '../../../functions/deid/model/definitions.js';

/** A word of a line: an element, or a choice. */
const WORD = /^(\?)?(\w+)([*-])?(!)?(?:#(\d+))?(?::([\w.]+))?(?:=([\w.,]+))?$/;

/** Reads the compact form of a version's definitions. */
export function readDefinitions(compact: string): Definitions {
  const [codes = '', types = '', ...lines] = compact.split('\n');
  const codeLists = codes.split('|').map((list) => new Set(list.split(' ')));
  const path2Type: Record<string, string> = {};
  const path2Repeating: Record<string, boolean> = {};
  const choiceTypePaths: Record<string, readonly string[]> = {};
  const pathsDefinedElsewhere: Record<string, string> = {};
  const demands = new Map<string, Map<string, Demand>>();
  for (const line of lines) {
    const [parent = '', ...words] = line.split(' ');
    const ofType = new Map<string, Demand>();
    for (const word of words) {
      const [, choice, name = '', repeats, required, list, type, more] = WORD.exec(word) ?? [];
      const path = `${parent}.${name}`;
      if (choice !== undefined) choiceTypePaths[path] = (more ?? '').split(',');
      else if (more !== undefined) pathsDefinedElsewhere[path] = more;
      if (type !== undefined) path2Type[path] = type;
      if (repeats !== undefined) path2Repeating[path] = repeats === '*';
      if (required === undefined && list === undefined) continue;
      const allowed = list === undefined ? undefined : codeLists[Number(list)];
      ofType.set(name, { isRequired: required !== undefined, codes: allowed });
    }
    if (ofType.size > 0) demands.set(parent, ofType);
  }
  const type2Parent: Record<string, string> = {};
  let supertype = '';
  for (const word of types.split(' ')) {
    const [type = '', own = supertype] = word.split(':');
    supertype = own;
    type2Parent[type] = supertype;
  }
  return {
    path2Type,
    path2Repeating,
    choiceTypePaths,
    pathsDefinedElsewhere,
    type2Parent,
    path2RefType: {},
    demands,
  };
}
