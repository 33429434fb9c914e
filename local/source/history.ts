import type { Collection, Version } from './collection.js';
import { parseTimeRange } from './instant.js';
import { OutcomeError } from './outcome.js';
import { resourceText } from './page.js';

/**
 * The history of a type (R4, 3.1.0.11.2) since the source was started, newest first, as a Bundle's text. What was in
 * the files before is not in it.
 * @throws OutcomeError with 400 for a parameter that is wrong or, where `strict`, not known
 */
export function historyPage(
  collection: Collection,
  parameters: URLSearchParams,
  base: string,
  strict: boolean,
  limits: { defaultCount: number; maxCount: number },
): string {
  const known = new Set(['_since', '_count', '_before', '_format']);
  const unknown = [...parameters.keys()].find((name) => !known.has(name));
  if (strict && unknown !== undefined) {
    throw new OutcomeError(400, 'not-supported', `Unknown parameter ${unknown} of a history`);
  }
  const since = parameters.get('_since');
  const from = since === null ? -Infinity : parseTimeRange(since)?.from;
  if (from === undefined) throw new OutcomeError(400, 'invalid', `_since=${since} is not an instant`);
  const { versions } = collection;
  const count = Math.min(wholeNumber(parameters, '_count', limits.defaultCount), limits.maxCount);
  // Versions are only added, so a link that counts them from the first one stays good.
  const before = Math.min(wholeNumber(parameters, '_before', versions.length), versions.length);
  const first = versions.findIndex(({ at }) => at * 1000 >= from);
  const begin = Math.max(before - count, first < 0 ? before : first);
  const next = new URLSearchParams(parameters);
  next.set('_before', String(begin));
  const path = `${base}/${collection.type}/_history`;
  const link = [
    { relation: 'self', url: `${path}?${parameters.toString()}` },
    ...(first >= 0 && begin > first ? [{ relation: 'next', url: `${path}?${next.toString()}` }] : []),
  ];
  const entries = versions.slice(begin, before).reverse();
  const texts = entries.map((version) => entry(collection, version, base));
  const head = JSON.stringify({ resourceType: 'Bundle', type: 'history', link });
  return `${head.slice(0, -1)},"entry":[${texts.join(',')}]}`;
}

function entry(collection: Collection, { id, at, row }: Version, base: string): string {
  const url = `${collection.type}/${id}`;
  const lastModified = new Date(at).toISOString();
  const head = JSON.stringify({
    fullUrl: `${base}/${url}`,
    request: { method: row === undefined ? 'DELETE' : 'PUT', url },
    response: { status: row === undefined ? '204' : '200', lastModified },
  });
  if (row === undefined) return head;
  return `${head.slice(0, -1)},"resource":${resourceText(collection, row).toString('utf8')}}`;
}

function wholeNumber(parameters: URLSearchParams, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,9}$/.test(text))
    throw new OutcomeError(400, 'invalid', `${name}=${text} is not a whole number`);
  return Number(text);
}
