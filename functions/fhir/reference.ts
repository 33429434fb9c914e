import { isJsonObject, type JsonObject, type JsonValue } from '../json/json.js';

/** A resource of the source that a Reference names by type and id. */
export interface LocalReference {
  type: string;
  id: string;
}

/**
 * An id, as a part of a pattern. FHIR has letters, digits, `-` and `.` (https://hl7.org/fhir/R4/datatypes.html#id), and
 * some servers have others, too: all that neither a path nor a list of values in a search takes for something else.
 */
export const ID = String.raw`(?!\.{1,2}(?:$|/))[A-Za-z0-9\-._~:@+=]{1,255}`;
const TYPE_AND_ID = `([A-Z][A-Za-z]{0,63})/(${ID})`;
/** The version of a reference, which may be absent. */
export const VERSION = `(?:/_history/${ID})?`;
/** The base of a server, which may be absent. */
export const ANY_BASE = String.raw`(?:https?://[^?#]*/)?`;

const RELATIVE = new RegExp(`^${TYPE_AND_ID}${VERSION}$`);
const ABSOLUTE = new RegExp(`^${ANY_BASE}${TYPE_AND_ID}${VERSION}$`);
const WHOLE_ID = new RegExp(`^${ID}$`);

/** Whether a text can be an id. */
export function isId(text: string): boolean {
  return WHOLE_ID.test(text);
}

/**
 * Reads `Reference.reference` (https://hl7.org/fhir/R4/references.html#literal): relative, or absolute below one of
 * the source's own bases, with or without a version. `undefined` for what is on another server, contained, logical
 * or conditional.
 * @param bases FHIR bases of the source, without trailing slash
 */
export function readReference(text: unknown, bases: readonly string[]): LocalReference | undefined {
  if (typeof text !== 'string') return undefined;
  const base = bases.find((candidate) => text.startsWith(`${candidate}/`));
  const [, type, id] = RELATIVE.exec(base === undefined ? text : text.slice(base.length + 1)) ?? [];
  return type === undefined || id === undefined ? undefined : { type, id };
}

/** Reads a `Reference.reference` by its last parts, on whatever server; `undefined` where it names no type and id. */
export function readAnyReference(text: string): LocalReference | undefined {
  const [, type, id] = ABSOLUTE.exec(text) ?? [];
  return type === undefined || id === undefined ? undefined : { type, id };
}

/** The References at a path of a resource, through arrays. */
export function* referencesAt(
  value: JsonValue | undefined,
  path: readonly string[],
  depth = 0,
): Generator<JsonObject> {
  if (Array.isArray(value)) {
    for (const item of value) yield* referencesAt(item, path, depth);
  } else if (isJsonObject(value)) {
    const name = path[depth];
    if (name === undefined) yield value;
    else if (Object.hasOwn(value, name)) yield* referencesAt(value[name], path, depth + 1);
  }
}

/** All that a resource refers to by type and id, on whatever server, in any element: extensions and contained ones too. */
export function* referencedOf(value: JsonValue | undefined): Generator<LocalReference> {
  if (Array.isArray(value)) {
    for (const item of value) yield* referencedOf(item);
  } else if (isJsonObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (name === 'reference' && typeof inner === 'string') {
        const target = readAnyReference(inner);
        if (target !== undefined) yield target;
      } else if (typeof inner === 'object') yield* referencedOf(inner);
    }
  }
}
