import { definitionsOf } from '../../../functions/deid/model/definitions.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';

const DATE = String.raw`\d{4}(-\d\d(-\d\d)?)?`;
const TIME = String.raw`\d\d:\d\d:\d\d(\.\d+)?`;
const PRIMITIVES: Record<string, RegExp> = {
  base64Binary: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  boolean: /^(true|false)$/,
  canonical: /^\S+$/,
  code: /^\S+( \S+)*$/,
  date: new RegExp(`^${DATE}$`),
  dateTime: new RegExp(`^(${DATE}|\\d{4}-\\d\\d-\\d\\dT${TIME}(Z|[+-]\\d\\d:\\d\\d))$`),
  decimal: /^-?\d/,
  id: /^[A-Za-z0-9.-]{1,64}$/,
  instant: new RegExp(`^\\d{4}-\\d\\d-\\d\\dT${TIME}(Z|[+-]\\d\\d:\\d\\d)$`),
  integer: /^-?\d+$/,
  markdown: /\S/,
  positiveInt: /^[1-9]\d*$/,
  string: /\S/,
  'System.String': /\S/,
  time: new RegExp(`^${TIME}$`),
  unsignedInt: /^\d+$/,
  uri: /^\S+$/,
  url: /^\S+$/,
  xhtml: /^<div xmlns="http:\/\/www\.w3\.org\/1999\/xhtml">/,
};
const NUMBERS = new Set(['decimal', 'integer', 'positiveInt', 'unsignedInt']);

/** Finds what in a resource is not as the definitions of a version have it, as paths with a reason. */
export function shapeOf(version: FhirVersion): (resource: Record<string, unknown>) => string[] {
  const { path2Repeating: repeating, pathsDefinedElsewhere: elsewhere, path2Type } = definitionsOf(version);
  const types: Readonly<Record<string, string | { code: string }>> = path2Type;
  return shapeProblems;

  function shapeProblems(resource: Record<string, unknown>): string[] {
    const type = String(resource['resourceType']);
    const { resourceType: _, ...elements } = resource;
    return Object.entries(elements).flatMap(([name, value]) => elementProblems(type, name, value, type));
  }

  function elementProblems(definition: string, name: string, value: unknown, at: string): string[] {
    const path = `${at}.${name}`;
    const key = `${definition}.${name.replace(/^_/, '')}`;
    const type = typeAt(key);
    if (type === undefined) return [`${path} is not defined`];
    if (Array.isArray(value) !== (repeating[key] ?? false)) return [`${path} repeats wrongly`];
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.length === 0) return [`${path} is empty`];
    return values.flatMap((item) => itemProblems(key, name.startsWith('_') ? 'Element' : type, item, path));
  }

  function itemProblems(key: string, type: string, value: unknown, path: string): string[] {
    if (value === null) return /\.(_?given)$/.test(path) ? [] : [`${path} is null`];
    if (type === 'Resource') return isObject(value) ? shapeProblems(value) : [`${path} is no resource`];
    const primitive = PRIMITIVES[type];
    if (primitive) {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const isRight = (typeof value === 'number') === NUMBERS.has(type) && primitive.test(text);
      return isRight ? [] : [`${path} is no ${type}`];
    }
    if (!isObject(value)) return [`${path} is no ${type}`];
    const own = elsewhere[key] ?? (type === 'BackboneElement' || hasOwnChildren(key) ? key : type);
    return Object.entries(value).flatMap(([name, child]) => elementProblems(own, name, child, path));
  }

  function hasOwnChildren(key: string): boolean {
    return typeAt(`${key}.id`) !== undefined;
  }

  function typeAt(key: string): string | undefined {
    const type = types[key];
    if (type !== undefined) return typeof type === 'string' ? type : type.code;
    return key in elsewhere ? 'BackboneElement' : undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
