import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import fhirpath, { type Model } from 'fhirpath';
import type { JsonObject, JsonValue } from '../../../functions/json/json.js';
import { JsonNumber } from '../../../functions/json/jsonNumber.js';
import type { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirType } from '../../../functions/deid/model/types.js';
import {
  patientOf,
  fullUrlOf,
  patientsOfBundle,
  type BundlePatients,
} from '../../../functions/fhir/patientsOf.js';

/**
 * A second engine, as plain as can be, written from the description of the language and not from the first one: the
 * resource becomes a tree, one rule after the other is evaluated by `fhirpath` on all of it as the rules before left
 * it, and the elements it selects are changed one by one. Of the first engine it takes only what has tests of its own:
 * the reading of JSON, the types of FHIR, and whose compartment a resource is in.
 */

/** A rule and the parameters as they stand in a configuration. */
export interface PlainRule {
  readonly path: string;
  readonly method: string;
  readonly replaceWith?: JsonValue;
  readonly span?: number;
  readonly rangeType?: string;
  readonly roundTo?: number;
  readonly cases?: Readonly<Record<string, string | number>>;
  readonly otherValues?: string;
  readonly above?: number;
}

export interface PlainParameters {
  readonly dateShiftKey: string;
  readonly cryptoHashKey: string;
  readonly encryptKey: string;
  readonly dateShiftScope: string;
  readonly dateShiftFixedOffsetInDays?: number;
  readonly dateShiftOutput: 'dateTime' | 'date';
  readonly enablePartialAgesForRedact: boolean;
  readonly enablePartialDatesForRedact: boolean;
  readonly enablePartialZipCodesForRedact: boolean;
  readonly restrictedZipCodeTabulationAreas: readonly string[];
  readonly cryptoHashFunction: string;
  readonly truncate: number | null;
  readonly referenceServers: 'keep' | 'hash';
  readonly strictZipCodes: boolean;
  readonly ageLimitByYear: boolean;
  readonly unmatched: string;
}

/** What the plain engine needs from outside. */
export interface PlainOptions {
  readonly model: FhirModel;
  readonly definitions: Model;
  readonly now: number;
  readonly fileName: string;
  readonly folderName: string;
  readonly randomBytes: (size: number) => Uint8Array;
}

type Primitive = string | number | boolean | JsonNumber;

/** Stands for a value that is gone: to the language the element is still there, to `fhirpath` only with a value. */
const GONE = '\u0001gone';

const CODES = ['REDACTED', 'ABSTRED', 'CRYTOHASH', 'MASKED', 'PERTURBED', 'SUBSTITUTED', 'GENERALIZED'];
const DISPLAYS = [
  'redacted',
  'abstracted',
  'cryptographic hash function',
  'masked',
  'exact value is replaced with another exact value',
  'exact value is replaced with a predefined value',
  'exact value is replaced with a general value',
];
const QUANTITIES = 'Quantity Age Count Duration Distance Money SimpleQuantity MoneyQuantity'.split(' ');

/** An element of the tree. */
class Element {
  readonly key: string;
  readonly name: string;
  readonly type: FhirType;
  readonly repeats: boolean;
  readonly parent: Element | null;
  readonly source: JsonObject;
  value: Primitive | undefined;
  children: Element[] = [];
  isDecided = false;
  readonly labels = new Set<string>();

  constructor(
    parent: Element | null,
    place: { key: string; name: string; repeats: boolean },
    type: FhirType,
    source: JsonObject,
  ) {
    this.parent = parent;
    this.key = place.key;
    this.name = place.name;
    this.repeats = place.repeats;
    this.type = type;
    this.source = source;
  }

  /** All below, without the resources inside. */
  get below(): Element[] {
    return this.children.flatMap((child) => (child.type.isResource ? [] : [child, ...child.below]));
  }
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof JsonNumber);
}

/** The number's text, as it came. */
function textOf(value: number | JsonNumber): string {
  return typeof value === 'number' ? String(value) : value.text;
}

/** A decimal as digits and their number after the point. */
type Digits = readonly [coefficient: bigint, scale: number];

function digitsOf(text: string): Digits {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) ?? [];
  const scale = fraction.length - Number(exponent);
  const coefficient = BigInt(`${sign}${whole}${fraction}`);
  return scale < 0 ? [coefficient * 10n ** BigInt(-scale), 0] : [coefficient, scale];
}

function writeDigits([coefficient, scale]: Digits): string {
  const digits = String(coefficient < 0n ? -coefficient : coefficient).padStart(scale + 1, '0');
  const at = digits.length - scale;
  return `${coefficient < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`;
}

/** Whether a JSON value is one that a primitive type has. */
function isValid(type: FhirType, value: JsonValue): value is Primitive {
  const isNumber = typeof value === 'number' || value instanceof JsonNumber;
  switch (type.primitive) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return (
        isNumber && /^-?(0|[1-9][0-9]*)$/.test(textOf(value)) && Math.abs(Number(textOf(value))) < 2 ** 31
      );
    case 'decimal':
      return isNumber;
    case 'date':
      return typeof value === 'string' && isDate(value);
    case 'dateTime': {
      if (typeof value !== 'string') return false;
      const [date = '', time] = value.split(/T(.*)/);
      if (time === undefined) return isDate(date);
      return (
        date.length === 10 &&
        isDate(date) &&
        /^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?$/.test(
          time,
        )
      );
    }
    case 'time':
      return typeof value === 'string' && /^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$/.test(value);
    case 'string':
      return typeof value === 'string';
    case null:
      return false;
  }
}

function isDate(text: string): boolean {
  const [, year = '', month = '01', day = '01'] =
    /^([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?$/.exec(text) ?? [];
  const full = `${year}-${month}-${day}`;
  const date = new Date(`${full}T00:00:00Z`);
  return (
    year !== '' && year !== '0000' && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(full)
  );
}

const list = (json: JsonValue | undefined): JsonValue[] =>
  json === undefined ? [] : Array.isArray(json) ? json : [json];

/** Makes the children of an element from its JSON: what the definition does not have, or not so, is left out. */
function grow(element: Element, model: FhirModel): Element {
  const json = element.source;
  const keys = new Set(Object.keys(json).map((key) => key.replace(/^_/, '')));
  for (const key of keys) {
    const definition = element.type.elements.get(key);
    if (definition === undefined) continue;
    const isUsable = (part: JsonValue | undefined): boolean => definition.repeats || !Array.isArray(part);
    const own = (name: string): JsonValue[] =>
      Object.hasOwn(json, name) && isUsable(json[name]) ? list(json[name]) : [];
    const values = own(key);
    const siblings = definition.type?.primitive == null ? [] : own(`_${key}`);
    for (let place = 0; place < Math.max(values.length, siblings.length); place++) {
      const value = values[place] ?? null;
      const sibling = siblings[place] ?? null;
      if (definition.type?.primitive != null) {
        const child = new Element(element, definition, definition.type, isObject(sibling) ? sibling : {});
        if (value !== '' && isValid(definition.type, value)) child.value = value;
        const isThere = child.value !== undefined || Object.keys(child.source).length > 0;
        if (isThere) element.children.push(grow(child, model));
      } else if (isObject(value) && Object.keys(value).length > 0) {
        const { resourceType } = value;
        const type =
          definition.type ?? (typeof resourceType === 'string' ? model.resource(resourceType) : undefined);
        if (type !== undefined)
          element.children.push(grow(new Element(element, definition, type, value), model));
      }
    }
  }
  return element;
}

function byKey(element: Element): Map<string, Element[]> {
  const groups = new Map<string, Element[]>();
  for (const child of element.children) groups.set(child.key, [...(groups.get(child.key) ?? []), child]);
  return groups;
}

/** The JSON that `fhirpath` is given: as `cleaned`, but all that is there for the language has a value. */
function jsonForPaths(element: Element): Record<string, unknown> {
  const json: Record<string, unknown> = element.type.isResource ? { resourceType: element.type.name } : {};
  const only = (items: unknown[], repeats: boolean): unknown => (repeats ? items : items[0]);
  for (const [key, group] of byKey(element)) {
    const { repeats, type } = group[0] as Element;
    if (type.primitive === null) json[key] = only(group.map(jsonForPaths), repeats);
    else {
      json[key] = only(group.map(valueForPaths), repeats);
      const siblings = group.map((item) => (item.children.length > 0 ? jsonForPaths(item) : null));
      if (siblings.some((sibling) => sibling !== null)) json[`_${key}`] = only(siblings, repeats);
    }
  }
  return json;
}

function valueForPaths({ value }: Element): unknown {
  return value instanceof JsonNumber ? Number(value.text) : (value ?? GONE);
}

/** What is left in the end. */
function cleaned(element: Element): JsonObject | undefined {
  const json: JsonObject = element.type.isResource ? { resourceType: element.type.name } : {};
  for (const [key, group] of byKey(element)) {
    const parts = group.map((item) => ({
      value: item.type.primitive === null ? cleaned(item) : item.value,
      sibling: item.type.primitive === null ? undefined : cleaned(item),
    }));
    const kept = parts.filter(({ value, sibling }) => value !== undefined || sibling !== undefined);
    const { repeats } = group[0] as Element;
    for (const [name, items] of [
      [key, kept.map(({ value }) => value ?? null)],
      [`_${key}`, kept.map(({ sibling }) => sibling ?? null)],
    ] as const) {
      if (items.some((item) => item !== null)) json[name] = repeats ? items : (items[0] ?? null);
    }
  }
  if (element.type.isResource && element.key !== 'contained') label(json, element.labels);
  return Object.keys(json).length === 0 ? undefined : json;
}

function label(json: JsonObject, labels: ReadonlySet<string>): void {
  if (labels.size === 0) return;
  const meta = isObject(json['meta']) ? json['meta'] : {};
  const security = list(meta['security']);
  const codes = security.map((item) => (isObject(item) ? String(item['code']).toUpperCase() : ''));
  CODES.forEach((code, place) => {
    if (!labels.has(code) || codes.includes(code)) return;
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
    security.push({ ...(place < 4 ? { system } : {}), code, display: DISPLAYS[place] ?? '' });
  });
  json['meta'] = { ...meta, security };
}

/** What a node of `fhirpath` tells of its place. */
interface PathNode {
  readonly parentResNode: PathNode | null;
  readonly propName: string | null;
  readonly index: number | null;
}

/** The element of a node; undefined for the inner parts of its own numbers, which `fhirpath` takes for elements. */
function elementOf(node: PathNode, base: Element): Element | undefined {
  if (node.parentResNode === null) return base;
  if (base.type.primitive !== null && node.parentResNode.parentResNode === null) return base;
  const parent = elementOf(node.parentResNode, base);
  if (parent === undefined) return undefined;
  const named = parent.children.filter(({ name, key }) => name === node.propName || key === node.propName);
  const found = named[node.index ?? 0];
  if (found === undefined && parent.type.primitive === null)
    throw new Error(`no element ${node.propName} in ${parent.type.path}`);
  return found;
}

const capture = (found: PathNode[]): object => ({
  capture: {
    fn: (nodes: PathNode[]) => {
      for (const node of nodes) {
        if (!Object.hasOwn(node, 'parentResNode')) throw new Error('a path that selects a value');
        found.push(node);
      }
      return [];
    },
    arity: { 0: [] },
    internalStructures: true,
  },
});

export class PlainEngine {
  private readonly rules: readonly PlainRule[];
  private readonly parameters: PlainParameters;
  private readonly options: PlainOptions;
  private root: Element | undefined;
  private resource: Element | undefined;
  private patient: string | null = null;
  private bundle: BundlePatients | null = null;

  constructor(rules: readonly PlainRule[], parameters: PlainParameters, options: PlainOptions) {
    const last = { path: 'Resource', method: 'redact' };
    this.rules = parameters.unmatched === 'redact' ? [...rules, last] : rules;
    this.parameters = parameters;
    this.options = options;
  }

  /** De-identifies a resource. @throws any error where the resource fails */
  anonymize(json: JsonObject): JsonObject {
    const type = this.options.model.resource(String(json['resourceType']));
    if (type === undefined) throw new Error('no resource');
    const place = { key: '', name: type.name, repeats: false };
    this.root = grow(new Element(null, place, type, json), this.options.model);
    this.process(this.root);
    return cleaned(this.root) ?? {};
  }

  /** One resource, then those inside it, each on its own. */
  private process(resource: Element): void {
    const outer = this.patient;
    const outerBundle = this.bundle;
    if (resource.key !== 'contained')
      this.patient = patientOf(
        resource.source,
        this.options.model.version,
        this.bundle,
        resource.parent?.type.path === 'Bundle.entry' ? fullUrlOf(resource.parent.source) : undefined,
      );
    if (resource.type.name === 'Bundle') this.bundle = patientsOfBundle(resource.source);
    this.resource = resource;
    for (const rule of this.rules) {
      const type = /^[A-Z][A-Za-z]*(?=\.|$)/.exec(rule.path)?.[0] ?? '';
      if (!['', 'Resource', 'DomainResource', resource.type.name].includes(type)) continue;
      const rest = rule.path.slice(type.length).replace(/^\./, '');
      for (const element of this.select(resource, rest, type === '')) this.apply(rule, element);
    }
    const inside = (element: Element): Element[] =>
      element.children.flatMap((child) => (child.type.isResource ? [child] : inside(child)));
    for (const inner of inside(resource)) {
      this.process(inner);
      for (const code of inner.labels) resource.labels.add(code);
    }
    this.patient = outer;
    this.bundle = outerBundle;
  }

  private select(resource: Element, path: string, isLookup: boolean): Element[] {
    // `fhirpath` does not go below numbers.
    const [, all, rest = ''] = /^(children|descendants)\(\)(?:\.(.*))?$/.exec(path) ?? [];
    const reached = all === 'children' ? resource.children : all === 'descendants' ? allBelow(resource) : [];
    if (all !== undefined) return reached.flatMap((element) => this.evaluate(element, rest));
    const match = /^(?:(.*?)\.)?nodesBy(Type|Name)\('(\w+)'\)(?:\.(.*))?$/.exec(path);
    if (match === null) return this.evaluate(resource, path);
    const [, before = '', by = '', wanted = '', after = ''] = match;
    const found = this.evaluate(resource, before)
      .flatMap((focus) => (isLookup ? focus.below : [focus, ...focus.below]))
      .filter(({ type, name }) => wanted === (by === 'Type' ? type.name : name));
    return [...new Set(found)].flatMap((element) => this.evaluate(element, after));
  }

  /** The elements a path selects, from an element on. */
  private evaluate(base: Element, path: string): Element[] {
    if (path === '') return [base];
    const found: PathNode[] = [];
    // A union drops items that are equal; all elements that a rule selects count.
    for (const alternative of alternativesOf(path)) {
      this.run(base, `(${alternative})`, '.capture()', capture(found));
    }
    return found.map((node) => elementOf(node, base)).filter((element) => element !== undefined);
  }

  /** Evaluates an expression on an element; on a primitive from the element around it, as `fhirpath` needs for numbers. */
  private run(base: Element, expression: string, then: string, functions: object): unknown[] {
    const { definitions } = this.options;
    const options = { userInvocationTable: functions as never };
    const { isResource, primitive, path } = base.type;
    if (isResource) return fhirpath.evaluate(jsonForPaths(base), expression + then, {}, definitions, options);
    if (primitive === null) {
      const at = { base: path, expression: expression + then };
      return fhirpath.evaluate(jsonForPaths(base), at, {}, definitions, options);
    }
    const parent = base.parent as Element;
    const json = {
      [base.key]: valueForPaths(base),
      ...(base.children.length > 0 ? { [`_${base.key}`]: jsonForPaths(base) } : {}),
    };
    // On an id, `fhirpath` takes `id` for the id itself: what belongs to a primitive is looked at as an extension's.
    const around = parent.type.primitive === null ? parent.type.path : 'Extension';
    const at = { base: around, expression: `\`${base.name}\`.select(${expression})${then}` };
    return fhirpath.evaluate(json, at, {}, definitions, options);
  }

  /** The first rule that reaches an element decides it and all below, but for what is decided. */
  private apply(rule: PlainRule, element: Element): void {
    if (element.isDecided) return;
    this.decide(rule, element);
    element.isDecided = true;
    for (const child of element.children) if (!child.type.isResource) this.apply(rule, child);
  }

  private decide(rule: PlainRule, element: Element): void {
    const { type } = element;
    switch (rule.method) {
      case 'keep':
        return;
      case 'substitute':
        this.did('SUBSTITUTED');
        this.substitute(element, this.replacement(element, rule.replaceWith ?? null));
        for (const each of [element, ...allBelow(element)]) each.isDecided = true;
        return;
      case 'remove': {
        const { parent } = element;
        if (parent === null) return;
        parent.children = parent.children.filter((child) => child !== element);
        this.did('REDACTED');
        for (const each of [element, ...allBelow(element)]) each.isDecided = true;
        return;
      }
      case 'generalize':
        if (type.primitive === null) throw new Error('generalize is for values');
        if (element.value !== undefined) element.value = this.generalize(rule, element, element.value);
        return;
      case 'perturb': {
        const value = element.children.find(({ name }) => name === 'value');
        if (!QUANTITIES.includes(type.name)) break;
        if (value?.value === undefined || value.isDecided) return;
        value.value = this.changed(rule, value, value.value);
        for (const each of element.below) each.isDecided = true;
        return;
      }
    }
    if (element.value !== undefined) element.value = this.changed(rule, element, element.value);
  }

  private did(code: string): void {
    this.resource?.labels.add(code);
  }

  private changed(rule: PlainRule, element: Element, value: Primitive): Primitive | undefined {
    const kind = element.type.primitive;
    switch (rule.method) {
      case 'redact':
        return this.redact(element, value, rule.above);
      case 'dateShift':
        return kind === 'date' || kind === 'dateTime' ? this.shift(element, String(value)) : value;
      case 'cryptoHash':
        this.did('CRYTOHASH');
        return this.hash(element, plainText(value));
      case 'encrypt': {
        this.did('MASKED');
        const iv = this.options.randomBytes(16);
        const { encryptKey } = this.parameters;
        const cipher = createCipheriv(`aes-${Buffer.byteLength(encryptKey) * 8}-cbc`, encryptKey, iv);
        return Buffer.concat([iv, cipher.update(plainText(value)), cipher.final()]).toString('base64');
      }
      case 'perturb':
        return kind === 'integer' || kind === 'decimal'
          ? this.perturb(rule, element.type.name, value)
          : value;
      default:
        throw new Error(rule.method);
    }
  }

  private redact(element: Element, value: Primitive, above?: number): Primitive | undefined {
    const { parameters } = this;
    const kind = element.type.primitive;
    if (above !== undefined && (kind === 'decimal' || kind === 'integer')) {
      if (Number(plainText(value)) <= above) return value;
      this.did('REDACTED');
      return undefined;
    }
    if (element.name === 'postalCode' && parameters.enablePartialZipCodesForRedact) {
      this.did('ABSTRED');
      if (parameters.strictZipCodes) return this.zipCode(String(value));
      const isRestricted = parameters.restrictedZipCodeTabulationAreas.some((area) =>
        String(value).startsWith(area),
      );
      const kept = isRestricted ? 0 : 3;
      return String(value).slice(0, kept) + String(value).slice(kept).replace(/[0-9]/g, '0');
    }
    this.did('REDACTED');
    if ((kind === 'date' || kind === 'dateTime') && parameters.enablePartialDatesForRedact)
      return this.isOld(String(value)) ? undefined : String(value).slice(0, 4);
    const isAge = element.parent?.type.name === 'Age' && kind === 'decimal';
    return isAge && parameters.enablePartialAgesForRedact && Number(plainText(value)) <= 89
      ? value
      : undefined;
  }

  private zipCode(text: string): string | undefined {
    const parts = text.trim().replace(/^[A-Z]{2}[ -]+/i, '');
    if (!/^\d{3,5}([ -]*\d{4})?$/.test(parts)) return undefined;
    const digits = parts.replace(/\D/g, '');
    const isLong = digits.length > 5;
    const zip = (isLong ? digits.slice(0, -4) : digits).padStart(5, '0');
    const isRestricted = this.parameters.restrictedZipCodeTabulationAreas.some((area) =>
      zip.startsWith(area),
    );
    return `${isRestricted ? '000' : zip.slice(0, 3)}00${isLong ? '-0000' : ''}`;
  }

  /** Whether someone born on a day is 90 or older. */
  private isOld(text: string): boolean {
    if (this.parameters.ageLimitByYear)
      return new Date(this.options.now).getUTCFullYear() - Number(text.slice(0, 4)) >= 90;
    const [, year = '', month = '1', day = '1'] = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?/.exec(text) ?? [];
    const birthday = new Date(0);
    birthday.setUTCFullYear(Number(year) + 90, Number(month) - 1, Number(day));
    return birthday.getTime() <= this.options.now;
  }

  private shift(element: Element, text: string): Primitive | undefined {
    const match = /^(\d{4})-(\d\d)-(\d\d)(?:T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?/.exec(text);
    const days = this.days();
    if (match === null || days === null || this.isOld(text)) return this.redactDate(text);
    const date = new Date(0);
    date.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + days);
    if (date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) return this.redactDate(text);
    this.did('PERTURBED');
    const day = date.toISOString().slice(0, 10);
    const hasNoTime = this.parameters.dateShiftOutput === 'date' && element.type.name !== 'instant';
    return match[5] === undefined || hasNoTime
      ? day
      : `${day}T00:00:00${(match[4] ?? '').replace(/\d/g, '0')}${match[5]}`;
  }

  private redactDate(text: string): Primitive | undefined {
    this.did('REDACTED');
    return this.parameters.enablePartialDatesForRedact && !this.isOld(text) ? text.slice(0, 4) : undefined;
  }

  private days(): number | null {
    const { dateShiftFixedOffsetInDays, dateShiftScope, dateShiftKey } = this.parameters;
    if (dateShiftFixedOffsetInDays !== undefined) return dateShiftFixedOffsetInDays;
    if (dateShiftScope === 'patient') {
      if (this.patient === null) return null;
      const key = Buffer.from(hkdfSync('sha256', dateShiftKey, '', 'fhir-deidentified-export patient', 32));
      const place = createHmac('sha256', key).update(this.patient).digest().readBigUInt64BE() % 100n;
      return Number(place < 50n ? place - 50n : place - 49n);
    }
    const id = this.root?.children.find(({ name }) => name === 'id')?.value;
    const prefixes: Record<string, string> = {
      resource: id === undefined ? '' : plainText(id),
      file: this.options.fileName,
      folder: this.options.folderName,
    };
    const bytes = Buffer.from(`${prefixes[dateShiftScope]}${dateShiftKey}`);
    return bytes.reduce((hash, byte) => (hash * 131 + byte) % 101, 0) - 50;
  }

  private hash(element: Element, text: string): string {
    const { cryptoHashFunction, cryptoHashKey, truncate } = this.parameters;
    const hmac = (part: string): string =>
      createHmac(cryptoHashFunction, cryptoHashKey)
        .update(part)
        .digest('hex')
        .slice(0, truncate ?? undefined);
    if (element.name !== 'reference' || element.parent?.type.name !== 'Reference') return hmac(text);
    const literal =
      /^((?:https?:\/\/(?:[A-Za-z0-9\\/.:%$~_-]*\/)?)?([A-Za-z]+)\/)([A-Za-z0-9.-]{1,64})(\/_history\/[A-Za-z0-9.-]{1,64})?$/.exec(
        text,
      );
    if (literal !== null && this.options.model.resource(literal[2] ?? '') !== undefined) {
      const [, before = '', type = '', id = '', version = ''] = literal;
      const server = before.slice(0, -`${type}/`.length);
      const names = server.split('/').filter((name) => this.options.model.resource(name) !== undefined);
      if (names.length > 0) return hmac(text);
      if (this.parameters.referenceServers === 'keep') return `${before}${hmac(id)}${version}`;
      const base = server === '' ? '' : `https://${hmac(server).slice(0, 32)}.invalid/`;
      return `${base}${type}/${hmac(id)}`;
    }
    const [, prefix = '', rest = ''] =
      /^(#|urn:oid:(?=[0-2](?:\.(?:0|[1-9]\d*))+$)|urn:uuid:(?=[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}$))(.*)$/s.exec(
        text,
      ) ?? [];
    if (prefix === '') return hmac(text);
    return rest === '' ? prefix : prefix + hmac(rest);
  }

  private perturb(rule: PlainRule, type: string, value: Primitive): Primitive | undefined {
    this.did('PERTURBED');
    const share = Buffer.from(this.options.randomBytes(6)).readUIntBE(0, 6) / 2 ** 48 - 0.5;
    // The reference's decimals take 15 digits of a double.
    const [random, randomScale] = digitsOf(String(Number(share.toPrecision(15))));
    const [own, ownScale] = digitsOf(plainText(value));
    const [span, spanScale] = digitsOf(String(rule.span));
    const isProportional = rule.rangeType === 'proportional';
    let noise = random * span * (isProportional ? own : 1n);
    let scale = randomScale + spanScale + (isProportional ? ownScale : 0);
    while (scale > 0 && noise % 10n === 0n) {
      noise /= 10n;
      scale--;
    }
    const most = Math.max(scale, ownScale);
    const sum = own * 10n ** BigInt(most - ownScale) + noise * 10n ** BigInt(most - scale);
    if (type === 'decimal') return new JsonNumber(writeDigits(rounded([sum, most], rule.roundTo ?? 2)));
    const whole = Number(rounded([sum, most], 0)[0]);
    const least = type === 'positiveInt' ? 1 : type === 'unsignedInt' ? 0 : -(2 ** 31);
    return Math.min(Math.max(whole, least), 2 ** 31 - 1);
  }

  private generalize(rule: PlainRule, element: Element, value: Primitive): Primitive | undefined {
    this.did('GENERALIZED');
    const evaluate = (expression: string): JsonValue[] =>
      this.run(element, expression, '', {}) as JsonValue[];
    for (const [condition, result] of Object.entries(rule.cases ?? {})) {
      // What cannot be decided counts as true.
      if (evaluate(condition)[0] === false) continue;
      const [left, ...more] = evaluate(String(result));
      if (more.length > 0) throw new Error('several results');
      return left as Primitive | undefined;
    }
    return rule.otherValues === 'keep' ? value : undefined;
  }

  /** What `substitute` puts in an element's place. */
  private replacement(element: Element, json: JsonValue): Element {
    const isText = typeof json === 'string' && json.startsWith('{');
    const object = isText ? (JSON.parse(json) as JsonObject) : isObject(json) ? json : {};
    const isPrimitive = element.type.primitive !== null;
    const result = new Element(element.parent, element, element.type, isPrimitive ? {} : object);
    grow(result, this.options.model);
    if (isPrimitive && !isObject(json) && json !== null && json !== '')
      result.value = typeof json === 'boolean' ? (json ? 'True' : 'False') : String(json);
    return result;
  }

  /** Parts that earlier rules decided stay; repeats are matched one by one. */
  private substitute(element: Element, by: Element | null): void {
    if (element.isDecided) return;
    const left = [...(by?.children ?? [])];
    const children: Element[] = [];
    for (const child of element.children) {
      const at = left.findIndex(({ name }) => name === child.name);
      const [match] = at < 0 ? [] : left.splice(at, 1);
      if (child.isDecided) children.push(child);
      else if (match !== undefined && match.key !== child.key) children.push(match);
      else if (match !== undefined || allBelow(child).some(({ isDecided }) => isDecided)) {
        this.substitute(child, match ?? null);
        children.push(child);
      }
    }
    element.children = [...children, ...left];
    element.value = by?.value;
  }
}

function allBelow(element: Element): Element[] {
  return element.children.flatMap((child) => [child, ...allBelow(child)]);
}

/** The text that is hashed and encrypted. */
function plainText(value: Primitive): string {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : writeDigits(digitsOf(textOf(value)));
}

/** Rounded to places, half to even. */
function rounded([coefficient, scale]: Digits, places: number): Digits {
  if (scale <= places) return [coefficient, scale];
  const unit = 10n ** BigInt(scale - places);
  const floor = coefficient / unit - (coefficient % unit < 0n ? 1n : 0n);
  const twice = (coefficient - floor * unit) * 2n;
  const isUp = twice > unit || (twice === unit && floor % 2n !== 0n);
  return [isUp ? floor + 1n : floor, places];
}

/** The operands of the unions of a path that are in no parentheses. */
function alternativesOf(path: string): string[] {
  let depth = 0;
  const parts = [''];
  for (const character of path) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === '|' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}
