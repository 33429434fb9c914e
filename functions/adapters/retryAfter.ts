/**
 * `Retry-After` in milliseconds, as seconds or as an HTTP date: RFC 9110, section 10.2.3. 0 where it says nothing.
 * @param now by the clock of the date, in milliseconds since the epoch
 */
export function retryAfterMs(header: string | undefined, now: number): number {
  const value = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  // Some servers give a moment since the epoch, in seconds or milliseconds: as seconds to wait, it would be decades.
  const isEpoch = /^\d{10}(?:\d{3})?$/.test(value);
  const date = isEpoch ? Number(value.padEnd(13, '0')) : Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
