import { lineAndColumn, type LineAndColumn } from './documentError.js';

/** A last step that is a name in brackets, for names that are no words. */
const BRACKETS = /\["(.*)"\]$/s;
/** The last step of a path: a name, or a place in an array. */
const LAST_STEP = /(?:\.[^.[\]]*|\[\d+\])$/;

/** Where in a document its values begin, by their paths: `fhirPathRules[3].path`. Names are found in any case. */
export class Places {
  readonly #positions = new Map<string, number>();

  /** Notes where a value begins, and its name, if it has one. */
  note(path: string, position: number): void {
    const key = path.toLowerCase();
    if (!this.#positions.has(key)) this.#positions.set(key, position);
  }

  /** Where a path leads, or the nearest value around it; undefined where none is known. */
  find(path: string, text: string): LineAndColumn | undefined {
    for (let at = path.replace(BRACKETS, '.$1'); at !== '';) {
      const position = this.#positions.get(at.toLowerCase());
      if (position !== undefined) return lineAndColumn(text, position);
      const shorter = at.replace(LAST_STEP, '');
      at = shorter === at ? '' : shorter;
    }
    return undefined;
  }
}

/** The path of a member. */
export function memberPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
