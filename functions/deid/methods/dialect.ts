import { JsonNumber, numberText } from '../../json/jsonNumber.js';
import type { Setting } from '../reading/settings.js';

/**
 * Whose results a configuration gives where two tools with the same language differ: Microsoft's, or
 * fhir-pseudonymizer's, which comes from the MIRACUM consortium.
 */
export type Dialect = 'microsoft' | 'miracum';

/** A dialect; null without one. */
export const dialect: Setting<Dialect | null> = (value, site) => {
  if (value === undefined || value === null) return null;
  const name = typeof value === 'string' ? value.toLowerCase() : '';
  if (name === 'microsoft' || name === 'miracum') return name;
  site.error('Must be one of microsoft, miracum');
  return null;
};

/** A whole number of a rule's setting, which fhir-pseudonymizer also reads from a text; undefined for anything else. */
export function wholeNumber(value: unknown): number | undefined {
  const text = typeof value === 'number' || value instanceof JsonNumber ? numberText(value) : value;
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}

/**
 * An instant as fhir-pseudonymizer writes it, which holds instants as moments: without zeros at the end of a fraction,
 * and with the offset of UTC in digits.
 */
export function writtenInstant(text: string): string {
  return text.replace(/(?:(\.[0-9]*[1-9])0+|\.0+)(?=Z|[+-])/, '$1').replace(/Z$/, '+00:00');
}
