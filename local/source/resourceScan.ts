import { MalformedJsonError, memberName, visitMembers } from './jsonScan.js';

/** Where things are in a resource's text, as byte positions in the scanned buffer. */
export interface ResourceScan {
  resourceType: string;
  idStart: number;
  idEnd: number;
  /** The text of `meta.lastUpdated`, if it has one. */
  lastUpdated: string | undefined;
  /** Where that text begins inside its quotes; without one, where it can be inserted. */
  position: number;
  /** Where that text ends; without one, the same as `position`. */
  positionEnd: number;
  /** How a `meta.lastUpdated` is put in there, for `insertionText`. */
  insertion: number;
}

/** What is around the instant that is put into a text at `ResourceScan.position`. */
const INSERTION_FORMS = [
  ['', ''],
  ['"lastUpdated":"', '",'],
  ['"lastUpdated":"', '"'],
  ['"meta":{"lastUpdated":"', '"},'],
] as const;
const IN_PLACE = 0;
const INTO_META = 1;
const INTO_EMPTY_META = 2;
const NEW_META = 3;

const RESOURCE_MEMBERS = ['resourceType', 'id', 'meta'].map(memberName);
const META_MEMBERS = ['lastUpdated'].map(memberName);
const CLOSE_BRACE = 0x7d;

/** Whether the text has a `meta.lastUpdated`. */
export function isInPlace(insertion: number): boolean {
  return insertion === IN_PLACE;
}

/** The text that puts `instant` in at an insertion point, or replaces the one that is there. */
export function insertionText(insertion: number, instant: string): string {
  const [before, after] = INSERTION_FORMS[insertion]!;
  return before + instant + after;
}

/**
 * Finds type, id and `meta.lastUpdated` of one resource's JSON without parsing the rest.
 * @throws MalformedJsonError when it is not a JSON object, or has no `resourceType` or `id`.
 */
export function scanResource(json: Buffer, start: number, end: number): ResourceScan {
  const scan: ResourceScan = {
    resourceType: '',
    idStart: 0,
    idEnd: 0,
    lastUpdated: undefined,
    position: 0,
    positionEnd: 0,
    insertion: NEW_META,
  };
  let metaStart = 0;
  let metaEnd = 0;
  let missing = RESOURCE_MEMBERS.length;
  const opening = visitMembers(json, start, end, RESOURCE_MEMBERS, (member, valueStart, valueEnd) => {
    if (member === 0) scan.resourceType = json.toString('latin1', valueStart + 1, valueEnd - 1);
    else if (member === 1) {
      scan.idStart = valueStart + 1;
      scan.idEnd = valueEnd - 1;
    } else {
      metaStart = valueStart;
      metaEnd = valueEnd;
    }
    missing--;
    return missing > 0;
  });
  if (scan.resourceType === '' || !isId(json, scan.idStart, scan.idEnd))
    throw new MalformedJsonError(opening);
  scan.position = opening + 1;
  if (metaEnd > 0) scanMeta(json, metaStart, metaEnd, scan);
  else scan.positionEnd = scan.position;
  return scan;
}

function scanMeta(json: Buffer, start: number, end: number, scan: ResourceScan): void {
  scan.position = start + 1;
  scan.insertion = isEmptyObject(json, start, end) ? INTO_EMPTY_META : INTO_META;
  visitMembers(json, start, end, META_MEMBERS, (_member, valueStart, valueEnd) => {
    scan.lastUpdated = json.toString('latin1', valueStart + 1, valueEnd - 1);
    scan.position = valueStart + 1;
    scan.positionEnd = valueEnd - 1;
    scan.insertion = IN_PLACE;
    return false;
  });
  if (scan.insertion !== IN_PLACE) scan.positionEnd = scan.position;
}

function isEmptyObject(json: Buffer, start: number, end: number): boolean {
  let at = start + 1;
  while (at < end && json[at]! <= 0x20) at++;
  return json[at] === CLOSE_BRACE;
}

const OTHERS_IN_ID = Buffer.from('-._~:@+=');

/** Whether the bytes are an id: letters, digits, hyphens and dots as in FHIR, and characters that some servers allow. */
function isId(json: Buffer, start: number, end: number): boolean {
  if (end <= start || end - start > 255) return false;
  for (let at = start; at < end; at++) {
    const byte = json[at]!;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    if (!isDigit && !isLetter && !OTHERS_IN_ID.includes(byte)) return false;
  }
  return true;
}
