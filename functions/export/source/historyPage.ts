import { ExportError } from '../../errors.js';
import { isJsonObject } from '../../deid/node.js';
import type { JsonValue } from '../../deid/json.js';
import { type Instant, parseInstant } from '../instant.js';
import { JsonScanError, JsonScanner } from './jsonScanner.js';

/** A page of a type's history, as far as deletions go: https://hl7.org/fhir/R4/http.html#history */
export interface HistoryPage {
  readonly deletions: ReadonlyArray<{ id: string; at: Instant }>;
  /** URL of the next page as the source wrote it. */
  readonly next: string | undefined;
}

/**
 * Reads a `Bundle` of type `history` from its bytes, without parsing its resources.
 * @throws ExportError `source-not-fhir` where it is none; `source-unverifiable` where a deletion does not tell of what
 *   or when
 */
export function readHistoryPage(bytes: Buffer, type: string): HistoryPage {
  const deletions: Array<{ id: string; at: Instant }> = [];
  let resourceType: unknown;
  let kind: unknown;
  let links: unknown;
  try {
    const scanner = new JsonScanner(bytes);
    if (!scanner.isAtObject) throw noHistory(type);
    scanner.object(['resourceType', 'type', 'link', 'entry'], (key) => {
      if (key === 'resourceType') resourceType = scanner.value();
      else if (key === 'type') kind = scanner.value();
      else if (key === 'link') links = scanner.value();
      else {
        scanner.array(() => {
          const deletion = scanEntry(scanner, type);
          if (deletion !== undefined) deletions.push(deletion);
        });
      }
    });
    scanner.end();
  } catch (thrown) {
    throw thrown instanceof JsonScanError ? noHistory(type) : thrown;
  }
  if (resourceType !== 'Bundle' || kind !== 'history') throw noHistory(type);
  return { deletions, next: nextOf(links) };
}

function scanEntry(scanner: JsonScanner, type: string): HistoryPage['deletions'][number] | undefined {
  let request: unknown;
  let response: unknown;
  let fullUrl: unknown;
  if (!scanner.isAtObject) {
    scanner.skip();
    return undefined;
  }
  scanner.object(['request', 'response', 'fullUrl'], (key) => {
    if (key === 'request') request = scanner.value();
    else if (key === 'response') response = scanner.value();
    else fullUrl = scanner.value();
  });
  if (!isObject(request) || request['method'] !== 'DELETE') return undefined;
  const id = idOf(request['url'], type) ?? idOf(fullUrl, type);
  const at = isObject(response) ? parseInstant(response['lastModified']) : undefined;
  if (id === undefined || at === undefined) {
    throw new ExportError(
      'source-unverifiable',
      `An entry of the source's history of ${type} does not tell what was deleted, or when (entry.request.url, entry.response.lastModified).`,
    );
  }
  return { id, at };
}

/** The id in `Patient/1`, relative or absolute, with a version or without. */
function idOf(url: unknown, type: string): string | undefined {
  if (typeof url !== 'string') return undefined;
  const match = /(?:^|\/)([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/?]+)?$/.exec(url);
  return match?.[1] === type ? match[2] : undefined;
}

function nextOf(links: unknown): string | undefined {
  if (!Array.isArray(links)) return undefined;
  const next = (links as JsonValue[]).find((link) => isJsonObject(link) && link['relation'] === 'next');
  return isJsonObject(next) && typeof next['url'] === 'string' ? next['url'] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function noHistory(type: string): ExportError {
  return new ExportError(
    'source-not-fhir',
    `The source answered for the history of ${type} with something that is no FHIR Bundle of a history.`,
    true,
  );
}
