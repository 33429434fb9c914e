import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { createRandom, type Random } from '../../local/sample/random.js';
import { Elements, type ElementNode } from '../configurations/elements.js';
import { KEPT } from '../configurations/kept.js';

/** A source whose every identifying value is a token of its own, and the tokens. */
export interface Canaries {
  /** Each with the place it is in, for people. */
  tokens: ReadonlyMap<string, string>;
  resources: number;
}

type Json = string | number | boolean | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

/** Deep enough for every backbone of every type; data types repeat below. */
const DEEPEST = 6;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(1941, 0, 1);
const DAYS = 28_000;

/** Values of types that are no carriers: codes and numbers, which the sample configurations keep. */
const CONSTANTS: Record<string, Json> = {
  boolean: true,
  code: 'unknown',
  decimal: 1.5,
  integer: 3,
  integer64: '3',
  positiveInt: 3,
  unsignedInt: 3,
};

/** Elements that a configuration of ours keeps for a reason get a value that anybody may see. */
const HARMLESS = 'https://example.org/harmless';
const HARMLESS_BY_TYPE: Record<string, string> = { string: 'harmless', 'System.String': 'harmless' };

export interface CanaryOptions {
  /** Makes of each resource what is written. */
  change?: (line: string) => string;
  /** Chooses among the resource types of the version, all unless given. */
  choose?: (types: readonly string[]) => readonly string[];
}

/** Writes, for each resource type of a version, one resource with every element, each with a token of its own. */
export function writeCanaries(
  directory: string,
  version: FhirVersion,
  seed: number,
  { change = (line) => line, choose = (types) => types }: CanaryOptions = {},
): Canaries {
  mkdirSync(directory, { recursive: true });
  const maker = new CanaryMaker(version, createRandom(seed));
  const types = choose(maker.elements.resourceTypes);
  for (const type of types) {
    writeFileSync(join(directory, `${type}.ndjson`), `${change(JSON.stringify(maker.resource(type)))}\n`);
  }
  return { tokens: maker.tokens, resources: types.length };
}

class CanaryMaker {
  readonly elements: Elements;
  readonly tokens = new Map<string, string>();
  readonly #random: Random;
  #moment = 0;

  constructor(version: FhirVersion, random: Random) {
    this.elements = new Elements(version);
    this.#random = random;
  }

  resource(type: string): JsonObject {
    const root = this.elements.rootOf(type);
    const made = this.#object(root, 0);
    // Ids are of 64 characters at most; the source's key must not be a carrier.
    made['resourceType'] = type;
    made['id'] = this.#token(`${type}.id`);
    made['meta'] = {
      ...(made['meta'] as JsonObject),
      lastUpdated: new Date(Date.UTC(2024, 0, 1) + 1000 * this.#moment++).toISOString(),
    };
    this.#addStrangers(made, type);
    if ('contained' in made) {
      made['contained'] = [
        { resourceType: 'Basic', ...this.#object(this.elements.rootOf('Basic'), 4) },
        // A type that no version has.
        { resourceType: this.#token(`${type}.contained, its type`), id: this.#token(`${type}.contained.id`) },
      ];
    }
    return made;
  }

  /** Names that no version defines carry tokens, and are such. */
  #addStrangers(into: JsonObject, place: string): void {
    into[this.#token(`${place}, an unknown name`)] = this.#token(`${place}, an unknown element`);
    into[`_${this.#token(`${place}, an unknown name`)}`] = {
      id: this.#token(`${place}, an unknown sibling`),
    };
  }

  #object(node: ElementNode, depth: number): JsonObject {
    const made: JsonObject = {};
    const chosen = new Set<string>();
    for (const child of this.elements.childrenOf(node)) {
      const { jsonName = '', type } = child;
      const choice = child.path.join('.');
      // Of a choice there is one at most: by chance, so that all are met over the types.
      if (jsonName !== child.path.at(-1) && (chosen.has(choice) || !this.#random.chance(0.3))) continue;
      if (depth === 0 && (jsonName === 'id' || jsonName === 'extension')) continue;
      const value = this.#value(child, depth + 1);
      if (value === undefined) continue;
      chosen.add(choice);
      made[jsonName] = this.#repeats(child) ? [value] : value;
      if (/^[a-z]/.test(type) && jsonName !== 'id') {
        const sibling = {
          id: this.#token(`${choice}, its id`),
          extension: [
            {
              url: this.#token(`${choice}, extension url`),
              valueString: this.#token(`${choice}, extension`),
            },
          ],
        };
        made[`_${jsonName}`] = this.#repeats(child) ? [sibling] : sibling;
      }
    }
    if (depth > 0 && depth < 3) this.#addStrangers(made, node.path.join('.'));
    return made;
  }

  #value(node: ElementNode, depth: number): Json | undefined {
    const place = node.path.join('.');
    const { type } = node;
    const name = `${node.parentType}.${node.path.at(-1)}`;
    const isKept = name in KEPT;
    if (type === 'Resource') return depth === 1 ? {} : undefined;
    if (type === 'Extension') {
      return { url: this.#token(`${place}.url`), valueString: this.#token(`${place}.value`) };
    }
    if (name === 'Coding.system') return `https://${this.#token(place)}.example.org/codes`;
    if (name === 'Coding.code' || name === 'Quantity.code') return this.#token(place);
    if (name === 'Reference.reference') return this.#reference(place);
    if (type in CONSTANTS) return CONSTANTS[type];
    switch (type) {
      case 'date':
        return this.#day(place);
      case 'dateTime':
      case 'instant':
        return `${this.#day(place)}T11:12:13Z`;
      case 'time':
        return '11:12:13';
      case 'xhtml':
        return `<div xmlns="http://www.w3.org/1999/xhtml">${this.#token(place)}</div>`;
      case 'base64Binary':
        return this.#token(place);
    }
    if (/^[a-z]|^System\./.test(type)) {
      return isKept ? (HARMLESS_BY_TYPE[type] ?? HARMLESS) : this.#token(place);
    }
    return depth >= DEEPEST ? undefined : this.#object(node, depth);
  }

  /** Relative, or to a server that identifies a person, in a version that does. */
  #reference(place: string): string {
    const id = `Patient/${this.#token(place)}`;
    if (this.#random.chance(0.5)) return id;
    const server = `https://${this.#token(`${place}, its server`)}.example-1.org/r4`;
    return `${server}/${id}/_history/${this.#token(`${place}, its version`)}`;
  }

  #repeats({ parentType, jsonName = '' }: ElementNode): boolean {
    return this.elements.repeats(parentType, jsonName);
  }

  #token(place: string): string {
    // Letters and digits alone, so that it is right as an id, too, and base64.
    const token = `Canary${this.#random.uuid().replaceAll('-', '').slice(0, 18)}`;
    this.tokens.set(token, place);
    return token;
  }

  #day(place: string): string {
    const day = new Date(FIRST_DAY + this.#random.int(0, DAYS) * DAY_MS).toISOString().slice(0, 10);
    // January the first is what a kept year may look like.
    if (day.endsWith('-01-01')) return this.#day(place);
    this.tokens.set(day, place);
    return day;
  }
}
