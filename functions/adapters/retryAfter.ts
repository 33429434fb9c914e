/**
 * `Retry-After` in milliseconds, as seconds or as an HTTP date: RFC 9110, section 10.2.3. 0 where it says nothing.
 * @param now by the clock of the date, in milliseconds since the epoch
 */
export function retryAfterMs(header: string | undefined, now: number): number {
  const value = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  // Some servers give the second of the epoch: as a number of seconds, it would be decades.
  const date = /^\d{10}$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
