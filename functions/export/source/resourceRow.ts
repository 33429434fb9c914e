import { isUtf8 } from 'node:buffer';
import type { ExportError } from '../../common/errors.js';
import { type Instant, parseInstant } from '../../fhir/instant.js';
import { isJsonObject, type JsonObject, valueAt } from '../../json/json.js';
import { type JsonTape, OBJECT, refuseReleased, type TapeValue } from '../../json/jsonTape.js';
import { nameNumber, UNRESOLVED_NAME } from '../../json/keyNames.js';

/** One resource of a search page or a file, with what the walk needs of it. */
export interface SearchRow {
  readonly id: string | undefined;
  readonly lastUpdated: Instant | undefined;
  /** Where the resource is on the page; `undefined` where its bytes are not UTF-8: what they say is not known. */
  readonly json: TapeValue | undefined;
  /**
   * Parses the resource: one at a time, so that a page is never in memory as objects.
   * @throws ExportError where it cannot be read
   */
  resource(): JsonObject;
}

/** Where a resource lies, and what it says of itself. */
export interface ResourceHead {
  /** -1 for none. */
  readonly node: number;
  readonly resourceType: string | undefined;
  readonly id: string | undefined;
  readonly lastUpdated: string | undefined;
}

/** What is wrong with the place where a resource was found. */
export interface RowFaults {
  malformed: () => ExportError;
  notUtf8: () => ExportError;
}

export const NO_RESOURCE: ResourceHead = {
  node: -1,
  resourceType: undefined,
  id: undefined,
  lastUpdated: undefined,
};

export const RESOURCE_TYPE = nameNumber('resourceType');
const ID = nameNumber('id');
const LAST_UPDATED = nameNumber('lastUpdated');
const META = nameNumber('meta');

/** @param type the type that it probably is of */
export function readHead(tape: JsonTape, node: number, type: string): ResourceHead {
  const typeMember = tape.lastMember(node, RESOURCE_TYPE);
  const isUsual = typeMember >= 0 && tape.isText(typeMember, type);
  const meta = tape.lastMember(node, META);
  return {
    node,
    resourceType: isUsual ? type : tape.textOf(node, RESOURCE_TYPE),
    id: tape.textOf(node, ID),
    lastUpdated: meta >= 0 && tape.kind(meta) === OBJECT ? tape.textOf(meta, LAST_UPDATED) : undefined,
  };
}

/** @param isText whether all of the tape is UTF-8 */
export function resourceRow(
  tape: JsonTape,
  isText: boolean,
  head: ResourceHead,
  { malformed, notUtf8 }: RowFaults,
): SearchRow {
  const { node, id, lastUpdated } = head;
  const { bytes } = tape;
  // JSON is UTF-8 (RFC 8259, section 8.1). Read all the same, two ids would become one.
  const isOwnText = isText || isUtf8(bytes.subarray(tape.start(node), tape.end(node)));
  const json = { tape, node, bytes };
  if (isOwnText && tape.member(node, UNRESOLVED_NAME) >= 0) {
    refuseHidden(parseResource(json, malformed), head, malformed);
  }
  return {
    id,
    lastUpdated: lastUpdated === undefined ? undefined : parseInstant(lastUpdated),
    json: isOwnText ? json : undefined,
    resource: () => {
      if (!isOwnText) throw notUtf8();
      return parseResource(json, malformed);
    },
  };
}

/** Keys written with escapes are known to the parser only: two readers must not see two resources. */
function refuseHidden(
  resource: JsonObject,
  { resourceType, id }: ResourceHead,
  malformed: () => ExportError,
): void {
  if (resource['resourceType'] !== resourceType || (id !== undefined && resource['id'] !== id))
    throw malformed();
}

/** @throws what `malformed` makes, where the resource is no object or nested too deeply */
export function parseResource(resource: TapeValue, malformed: () => ExportError): JsonObject {
  refuseReleased(resource);
  try {
    const value = valueAt(resource.tape, resource.node);
    if (isJsonObject(value)) return value;
  } catch {
    // Nested too deeply.
  }
  throw malformed();
}
