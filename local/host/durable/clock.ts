/**
 * Timestamps as the Durable Task history has them: UTC with seven decimals (units of 100 ns). They only ever
 * grow within a process, so that events keep their order.
 */
const TICKS_PER_MS = 10_000n;

let last = 0n;

/** The current time, later than every one given before. */
export function timestamp(): string {
  const fraction = BigInt(Math.floor((performance.now() % 1) * 10_000));
  const now = BigInt(Date.now()) * TICKS_PER_MS + fraction;
  last = now > last ? now : last + 1n;
  return format(last);
}

/** `time` plus whole or broken milliseconds (rounded to 100 ns). */
export function addMilliseconds(time: string, ms: number): string {
  return format(parse(time) + BigInt(Math.round(ms * 10_000)));
}

/** Milliseconds from `from` to `to`; negative when `to` is earlier. */
export function millisecondsBetween(from: string, to: string): number {
  return Number(parse(to) - parse(from)) / 10_000;
}

/** The time cut to whole seconds, as the status shows it. */
export function wholeSeconds(time: string): string {
  return `${time.slice(0, 19)}Z`;
}

function parse(time: string): bigint {
  const match = /^(.{19})(?:\.(\d+))?Z$/.exec(time);
  const ms = match ? Date.parse(`${match[1]}Z`) : Date.parse(time);
  return BigInt(ms) * TICKS_PER_MS + BigInt((match?.[2] ?? '').padEnd(7, '0').slice(0, 7));
}

function format(ticks: bigint): string {
  const seconds = new Date(Number(ticks / TICKS_PER_MS)).toISOString().slice(0, 19);
  return `${seconds}.${(ticks % 10_000_000n).toString().padStart(7, '0')}Z`;
}
