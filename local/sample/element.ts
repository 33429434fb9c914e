import { UCUM } from './codes.js';

/** A resource or element as it is put together. Decimals are `decimal(…)` texts until it is written. */
export type Element = Record<string, unknown>;

/** A resource before it has a `meta`. */
export interface Resource extends Element {
  resourceType: string;
  id: string;
}

const MARK = '\u0001';

/** A decimal with its digits as they are to be in the JSON: `1.0`, `70.20`, `1.2e5`. */
export function decimal(digits: string): string {
  return MARK + digits;
}

/** One line of NDJSON, without the line break. */
export function serialize(resource: Element): string {
  return JSON.stringify(resource).replace(/"\\u0001([^"]*)"/g, '$1');
}

export function coding(system: string, code: string, display?: string): Element {
  return display === undefined ? { system, code } : { system, code, display };
}

/** A CodeableConcept with one coding and its display as text. */
export function concept(system: string, code: string, display?: string): Element {
  return display === undefined
    ? { coding: [coding(system, code)] }
    : { coding: [coding(system, code, display)], text: display };
}

export function reference(target: Resource, display?: string): Element {
  const to = `${target.resourceType}/${target.id}`;
  return display === undefined ? { reference: to } : { reference: to, display };
}

/** A UCUM quantity. */
export function quantity(digits: string, unit: string, code: string): Element {
  return { value: decimal(digits), unit, system: UCUM, code };
}

export function extension(url: string, value: Element): Element {
  return { url, ...value };
}

const DAY_MS = 86_400_000;

/** Milliseconds since the epoch as a FHIR date, in UTC. */
export function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** As a dateTime in seconds, five hours behind UTC. */
export function dateTime(time: number): string {
  return `${new Date(time - 5 * 3_600_000).toISOString().slice(0, 19)}-05:00`;
}

export function instant(time: number): string {
  return new Date(time).toISOString();
}

export function days(count: number): number {
  return count * DAY_MS;
}
