import { MalformedJsonError, visitMembers } from './json-scan.js';

/** Where things stand in a resource's text, as byte positions in the scanned buffer. */
export interface ResourceScan {
  resourceType: string;
  id: string;
  /** The text of `meta.lastUpdated`, if it has one. */
  lastUpdated: string | undefined;
  /** Where that text begins inside its quotes; without one, where it can be inserted. */
  position: number;
  /** Where that text ends; without one, the same as `position`. */
  positionEnd: number;
  /** How an absent `meta.lastUpdated` is put in. */
  insertion: number;
}

/** How a `meta.lastUpdated` gets into a text at `ResourceScan.position`: what stands around its instant. */
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
  let resourceType: string | undefined;
  let id: string | undefined;
  let metaStart = -1;
  let metaEnd = -1;
  const opening = visitMembers(json, start, end, (name, valueStart, valueEnd) => {
    if (name === 'resourceType') resourceType = readString(json, valueStart, valueEnd);
    else if (name === 'id') id = readString(json, valueStart, valueEnd);
    else if (name === 'meta') {
      metaStart = valueStart;
      metaEnd = valueEnd;
    }
    return resourceType === undefined || id === undefined || metaStart < 0;
  });
  if (resourceType === undefined || id === undefined) throw new MalformedJsonError(opening);
  const scan: ResourceScan = {
    resourceType,
    id,
    lastUpdated: undefined,
    position: opening + 1,
    positionEnd: opening + 1,
    insertion: NEW_META,
  };
  if (metaStart >= 0) scanMeta(json, metaStart, metaEnd, scan);
  return scan;
}

function scanMeta(json: Buffer, start: number, end: number, scan: ResourceScan): void {
  scan.position = start + 1;
  scan.positionEnd = start + 1;
  scan.insertion = INTO_EMPTY_META;
  visitMembers(json, start, end, (name, valueStart, valueEnd) => {
    scan.insertion = INTO_META;
    if (name !== 'lastUpdated') return true;
    scan.lastUpdated = readString(json, valueStart, valueEnd);
    scan.position = valueStart + 1;
    scan.positionEnd = valueEnd - 1;
    scan.insertion = IN_PLACE;
    return false;
  });
}

function readString(json: Buffer, start: number, end: number): string {
  const value: unknown = JSON.parse(json.toString('utf8', start, end));
  if (typeof value !== 'string') throw new MalformedJsonError(start);
  return value;
}
