import { isUtf8 } from 'node:buffer';
import type { ExportError } from '../../common/errors.js';
import { type Instant, parseInstant } from '../../fhir/instant.js';
import { isJsonObject, type JsonObject, valueAt } from '../../json/json.js';
import { type JsonTape, OBJECT, refuseReleased, STRING, type TapeValue } from '../../json/jsonTape.js';
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
  /** Whether a name is written with escapes, so that only the parser knows it. */
  readonly hasUnresolved: boolean;
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
  hasUnresolved: false,
};

export const RESOURCE_TYPE = nameNumber('resourceType');
const ID = nameNumber('id');
const LAST_UPDATED = nameNumber('lastUpdated');
const META = nameNumber('meta');

/** @param type the type that it probably is of */
export function readHead(tape: JsonTape, node: number, type: string): ResourceHead {
  let [typeMember, idMember, meta] = [-1, -1, -1];
  let hasUnresolved = false;
  const end = tape.after(node);
  // Of members of one name the last one counts, as in `JSON.parse`.
  for (let member = tape.first(node); member < end; member = tape.after(member)) {
    const name = tape.name(member);
    if (name === RESOURCE_TYPE) typeMember = member;
    else if (name === ID) idMember = member;
    else if (name === META) meta = member;
    else if (name === UNRESOLVED_NAME) hasUnresolved = true;
  }
  const isUsual = typeMember >= 0 && tape.isText(typeMember, type);
  return {
    node,
    resourceType: isUsual ? type : textAt(tape, typeMember),
    id: textAt(tape, idMember),
    lastUpdated: meta >= 0 && tape.kind(meta) === OBJECT ? tape.textOf(meta, LAST_UPDATED) : undefined,
    hasUnresolved,
  };
}

/** The text of a value that is there and is a string. */
function textAt(tape: JsonTape, node: number): string | undefined {
  return node >= 0 && tape.kind(node) === STRING ? (tape.primitive(node) as string) : undefined;
}

/** A resource on a tape, without an object beside it. */
class TapeRow implements SearchRow, TapeValue {
  readonly tape: JsonTape;
  readonly node: number;
  readonly bytes: Buffer;
  readonly id: string | undefined;
  readonly lastUpdated: Instant | undefined;
  private readonly isText: boolean;
  private readonly faults: RowFaults;

  constructor(tape: JsonTape, isText: boolean, { node, id, lastUpdated }: ResourceHead, faults: RowFaults) {
    this.tape = tape;
    this.node = node;
    this.bytes = tape.bytes;
    this.id = id;
    this.lastUpdated = lastUpdated === undefined ? undefined : parseInstant(lastUpdated);
    this.isText = isText;
    this.faults = faults;
  }

  get json(): TapeValue | undefined {
    return this.isText ? this : undefined;
  }

  resource(): JsonObject {
    if (!this.isText) throw this.faults.notUtf8();
    return parseResource(this, this.faults);
  }
}

/** @param isText whether all of the tape is UTF-8 */
export function resourceRow(
  tape: JsonTape,
  isText: boolean,
  head: ResourceHead,
  faults: RowFaults,
): SearchRow {
  // JSON is UTF-8 (RFC 8259, section 8.1). Read all the same, two ids would become one.
  const isOwnText = isText || isUtf8(tape.bytes.subarray(tape.start(head.node), tape.end(head.node)));
  const row = new TapeRow(tape, isOwnText, head, faults);
  if (isOwnText && head.hasUnresolved) refuseHidden(parseResource(row, faults), head, faults);
  return row;
}

/** Keys written with escapes are known to the parser only: two readers must not see two resources. */
function refuseHidden(resource: JsonObject, { resourceType, id }: ResourceHead, faults: RowFaults): void {
  if (resource['resourceType'] !== resourceType || (id !== undefined && resource['id'] !== id))
    throw faults.malformed();
}

/** @throws what `malformed` makes, where the resource is no object or nested too deeply */
export function parseResource(resource: TapeValue, faults: Pick<RowFaults, 'malformed'>): JsonObject {
  refuseReleased(resource);
  try {
    const value = valueAt(resource.tape, resource.node);
    if (isJsonObject(value)) return value;
  } catch {
    // Nested too deeply.
  }
  throw faults.malformed();
}
