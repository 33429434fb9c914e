import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import type { DomainName, PseudonymSource } from '../../functions/deid/methods/pseudonyms.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { EngineOptions } from '../../functions/deid/run/engine.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { Decimal } from '../../functions/deid/values/values.js';
import { bothWays, type ObjectEngine } from './bothWays.js';
import type { JsonValue } from '../../functions/json/json.js';
import { JsonNumber, numberText } from '../../functions/json/jsonNumber.js';

/** The reference material beside the project's folder; a user's clone does not have it. */
export const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** Whether a folder of the reference material is there; says so in one line where it is not. */
export function hasShared(folder: string): boolean {
  const there = existsSync(join(SHARED, folder));
  if (!there) console.log(`skipped: ../shared/${folder} is not there`);
  return there;
}

export function readText(...path: string[]): string {
  return readFileSync(join(SHARED, ...path), 'utf8');
}

/** Files under a folder of the reference material, as paths relative to it. */
export function filesIn(...path: string[]): string[] {
  const folder = join(SHARED, ...path);
  return readdirSync(folder)
    .sort()
    .flatMap((name) =>
      statSync(join(folder, name)).isDirectory()
        ? filesIn(...path, name).map((file) => `${name}/${file}`)
        : [name],
    );
}

/** The day the goldens were made. */
export const NOW = Date.parse('2026-11-21T12:00:00Z');

/** A source of bytes that a seed fixes. */
function seededBytes(seed: number): (size: number) => Uint8Array {
  let state = seed >>> 0;
  return (size) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[at] = state >>> 24;
    }
    return bytes;
  };
}

/** Pseudonyms as a service would make them: of domain and value, and not to be guessed from the value by looking. */
export function madePseudonym({ domain, entici }: DomainName, value: string): string {
  const what = JSON.stringify([domain, entici?.resourceType, entici?.project, value]);
  return createHash('sha256').update(what).digest('hex').slice(0, 16);
}

/** Knows all pseudonyms. */
const MADE_PSEUDONYMS: PseudonymSource = {
  domain: (name) => ({ of: (value) => madePseudonym(name, value) }),
  takeLack: () => false,
};

export function engineOptions(fhirVersion: FhirVersion, seed = 1): EngineOptions {
  return {
    fhirVersion,
    now: NOW,
    jobSecret: new Uint8Array(32).fill(7),
    randomBytes: seededBytes(seed),
    validation: 'report',
    pseudonyms: MADE_PSEUDONYMS,
  };
}

/** Reads a configuration that must be right. */
export function configurationOf(text: string, fhirVersion: FhirVersion): Configuration {
  const { configuration, issues } = readConfiguration(text, { fhirVersion });
  if (configuration === undefined)
    throw new Error(issues.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return configuration;
}

export function engineOf(text: string, fhirVersion: FhirVersion, seed = 1): ObjectEngine {
  return bothWays(configurationOf(text, fhirVersion), engineOptions(fhirVersion, seed));
}

/** The reference rewrites `meta.lastUpdated` as a full instant; here it keeps its text, like any other element. */
function instant(text: string): string {
  const full =
    text.length === 4 ? `${text}-01-01T00:00:00Z` : text.length === 10 ? `${text}T00:00:00Z` : text;
  return full.replace(/\+00:00$/, 'Z').replace(/\.0+(?=[Z+-])/, '');
}

/** A JSON value in a form in which equal values are equal: names sorted, numbers by their digits. */
export function comparable(value: JsonValue, path = ''): unknown {
  if (typeof value === 'number' || value instanceof JsonNumber) {
    const digits = Decimal.parse(numberText(value)).toString();
    return `number ${digits.replace(/^-(?=0(?:\.0*)?$)/, '')}`;
  }
  if (Array.isArray(value)) return value.map((item) => comparable(item, path));
  if (typeof value === 'string' && path.endsWith('.meta.lastUpdated')) return instant(value);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [two]) => (one < two ? -1 : 1))
      .map(([key, member]) => [key, comparable(member as JsonValue, `${path}.${key}`)]),
  );
}
