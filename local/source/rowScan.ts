import { parseTimeRange } from './instant.js';
import { MalformedJsonError } from './jsonScan.js';
import { insertionText, scanResource } from './resourceScan.js';
import type { RowWithId } from './rowTable.js';

const MICROSECONDS_PER_MILLISECOND = 1000;
const SYNTHETIC_START = Date.UTC(2020, 0, 1);
const SYNTHETIC_SPAN_MS = 4 * 365 * 86_400_000;
const WHOLE_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A resource text that cannot be served. Names the place; holds nothing of the text. */
export class UnusableResourceError extends Error {
  override readonly name = 'UnusableResourceError';
}

/**
 * Scans one resource of a type; one without `meta.lastUpdated` gets `absentTime`, in milliseconds since the
 * epoch. `where` says where the text is from. @throws UnusableResourceError
 */
export function scanRow(
  type: string,
  json: Buffer,
  start: number,
  end: number,
  absentTime: number,
  where: () => string,
): RowWithId {
  const scan = locating(where, () => scanResource(json, start, end));
  if (scan.resourceType !== type)
    throw new UnusableResourceError(`${where()}: its resourceType is not ${type}`);
  const time =
    scan.lastUpdated === undefined
      ? absentTime * MICROSECONDS_PER_MILLISECOND
      : parseInstant(scan.lastUpdated);
  if (time === undefined)
    throw new UnusableResourceError(`${where()}: its meta.lastUpdated is not an instant`);
  return {
    idStart: scan.idStart,
    idEnd: scan.idEnd,
    length: end - start,
    time,
    insertion: scan.insertion,
    insertAt: scan.position - start,
  };
}

/** A resource's text with `instant` as its `meta.lastUpdated`. @throws UnusableResourceError */
export function withLastUpdated(json: Buffer, instant: string, where: () => string): Buffer {
  const scan = locating(where, () => scanResource(json, 0, json.length));
  const text = Buffer.from(insertionText(scan.insertion, instant));
  return Buffer.concat([json.subarray(0, scan.position), text, json.subarray(scan.positionEnd)]);
}

/** A time for a resource that has none, always the same for its line; in milliseconds since the epoch. */
export function syntheticTime(type: string, line: number): number {
  let hash = line;
  for (let at = 0; at < type.length; at++) hash = Math.imul(hash, 31) + type.charCodeAt(at);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return SYNTHETIC_START + Math.floor(((hash >>> 0) / 2 ** 32) * SYNTHETIC_SPAN_MS);
}

function locating<T>(where: () => string, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof MalformedJsonError) && !(error instanceof SyntaxError)) throw error;
    throw new UnusableResourceError(`${where()}: not a JSON object with a resourceType and an id`, {
      cause: error,
    });
  }
}

/** Microseconds since the epoch. The common form is read the quick way. */
function parseInstant(text: string): number | undefined {
  const milliseconds = WHOLE_INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds)
    ? parseTimeRange(text)?.from
    : milliseconds * MICROSECONDS_PER_MILLISECOND;
}
