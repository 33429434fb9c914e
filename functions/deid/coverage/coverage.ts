import type { ConfigurationIssue } from '../engine.js';
import type { Configuration } from '../configuration.js';
import type { Expression } from '../fhirpath/syntax.js';
import { FhirModel } from '../model/fhirModel.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { lookupOf, appliesTo } from '../treeEngine.js';
import type { Rule } from '../rule.js';

/** The parts of data types that tell who someone is. */
const IDENTIFYING_PARTS: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given'],
  Address: ['text', 'line', 'city', 'district', 'postalCode'],
  ContactPoint: ['value'],
  Identifier: ['value'],
  Narrative: ['div'],
  Attachment: ['data', 'url', 'title'],
  Annotation: ['author', 'text'],
  Signature: ['who', 'data'],
};

/** Where the value lies in types that are reached by it: a person's reference, a time, an age. */
const TELLING_PARTS: Readonly<Record<string, readonly string[]>> = {
  Reference: ['reference', 'display'],
  Period: ['start', 'end'],
  Age: ['value'],
  Quantity: ['value'],
  Range: ['low', 'high'],
};

/** Elements of resources that do, by name: ids, births, deaths. */
const IDENTIFYING_NAMES = new Set(['birthDate', 'deceased', 'born']);

/** The kinds of identities that HIPAA's Safe Harbor lists (45 CFR 164.514(b)(2)(i)), as FHIR elements hold them. */
export type CoverageCategory =
  | 'names' | 'places' | 'dates' | 'ages' | 'contacts' | 'identifiers' | 'references' | 'devices' | 'accounts'
  | 'networkAddresses' | 'urls' | 'media' | 'extensions' | 'numbers' | 'freeText'; // prettier-ignore

/** What a configuration leaves that may be an identity. */
export interface Coverage {
  /** Whether no identity can be left: there are no gaps. */
  readonly isComplete: boolean;
  readonly gaps: readonly CoverageGap[];
}

/** Elements of one category and data type that no rule clears, or that are cleared on a condition only. */
export interface CoverageGap {
  readonly category: CoverageCategory;
  readonly dataType: string;
  readonly reach: 'none' | 'partial';
  /** The elements, by the paths of their definitions: `HumanName.family`, `Patient.contact.name.family`. */
  readonly paths: readonly string[];
  /** The one rule that would clear all of them. */
  readonly suggestion: { readonly path: string; readonly method: string };
}

/** Data types by category; elements of any other type are dates. */
const CATEGORIES: Readonly<Record<string, CoverageCategory>> = {
  HumanName: 'names',
  Address: 'places',
  ContactPoint: 'contacts',
  Identifier: 'identifiers',
  id: 'identifiers',
  Narrative: 'freeText',
  Annotation: 'freeText',
  Attachment: 'media',
  Signature: 'media',
  Age: 'ages',
};

/** What of a configuration's identifying elements no rule reaches. */
export function coverageOf(configuration: Configuration): Coverage {
  const gaps = new Map<string, string[]>();
  for (const { resource, path, type } of allUncovered(configuration)) {
    const paths = gaps.get(type);
    if (paths === undefined) gaps.set(type, [`${resource}.${path}`]);
    else paths.push(`${resource}.${path}`);
  }
  return {
    isComplete: gaps.size === 0,
    gaps: [...gaps].map(([dataType, paths]) => ({
      category: CATEGORIES[dataType] ?? 'dates',
      dataType,
      reach: 'none',
      paths,
      suggestion: { path: `nodesByType('${dataType}')`, method: 'redact' },
    })),
  };
}

/** A place that a rule's path may have led to. */
type Follow = (type: FhirType, name: string, into: Reached) => void;
interface Reached {
  isReached: boolean;
  readonly onward: Onward[];
}
interface Onward {
  readonly accepts: (type: FhirType, name: string) => boolean;
  readonly stays: boolean;
  readonly next: Follow;
}

interface Uncovered {
  readonly resource: string;
  readonly path: string;
  readonly type: string;
}

/**
 * The identifying elements that no rule reaches, one issue for each resource type that has some. A rule with a
 * condition counts as reaching all that it may reach. What extensions hold is not looked at.
 */
export function uncovered(
  configuration: Configuration,
  severity: ConfigurationIssue['severity'],
): ConfigurationIssue[] {
  const byResource = new Map<string, string[]>();
  for (const { resource, path } of allUncovered(configuration)) {
    const paths = byResource.get(resource);
    if (paths === undefined) byResource.set(resource, [path]);
    else paths.push(path);
  }
  return [...byResource].map(([name, paths]) => ({
    severity,
    path: 'fhirPathRules',
    message: `${name}: no rule reaches ${paths.join(', ')}. Add rules, or "keep" for what may stay`,
  }));
}

function allUncovered(configuration: Configuration): Uncovered[] {
  if (configuration.parameters.unmatched === 'redact') return [];
  const model = FhirModel.of(configuration.fhirVersion);
  return model.resourceNames().flatMap((name) => {
    const type = model.resource(name);
    return type === undefined ? [] : uncoveredOf(type, configuration.rules);
  });
}

function uncoveredOf(type: FhirType, rules: readonly Rule[]): Uncovered[] {
  const start: Reached = { isReached: false, onward: [] };
  for (const rule of rules) {
    if (!appliesTo(rule, type.name)) continue;
    const lookup = lookupOf(rule.path);
    if (lookup === null) follow(rule.expression, accept)?.(type, type.name, start);
    else {
      const then: Follow = lookup.child === undefined ? accept : toChild(lookup.child, accept);
      start.onward.push({ accepts: matcher(lookup.by, lookup.value), stays: true, next: then });
    }
  }
  const found: Uncovered[] = [];
  if (!start.isReached)
    search(type, start, '', (path, ofType) =>
      found.push({ resource: type.name, path, type: ofType }),
    );
  return found;
}

function search(type: FhirType, at: Reached, prefix: string, report: (path: string, type: string) => void): void {
  for (const element of type.elements.values()) {
    if (element.type === null || element.key === 'extension' || element.key === 'modifierExtension') continue;
    const next = arrive(at, element, element.type);
    if (next.isReached) continue;
    const path = prefix + element.key;
    const parts = IDENTIFYING_PARTS[element.type.name];
    if (parts !== undefined) {
      const missing = parts.filter((part) => !isPartReached(element.type, next, part));
      if (missing.length === parts.length) report(path, element.type.name);
      else for (const part of missing) report(`${path}.${part}`, element.type.name);
    } else if (isIdentifying(type, element)) {
      if (!areTellingPartsReached(element.type, next)) report(path, element.type.name);
    }
    // Only what the resource itself defines: data types of their own are looked at above.
    else if (element.type.path.includes('.') && !isRecursive(element, type))
      search(element.type, next, `${path}.`, report);
  }
}

function isRecursive(element: FhirElement, type: FhirType): boolean {
  return element.type !== null && `${type.path}.`.startsWith(`${element.type.path}.`);
}

function isIdentifying(type: FhirType, { key, name }: FhirElement): boolean {
  return (type.isResource && key === 'id') || (IDENTIFYING_NAMES.has(name) && !key.endsWith('Boolean'));
}

function areTellingPartsReached(type: FhirType, at: Reached): boolean {
  const parts = TELLING_PARTS[type.name];
  return parts?.every((part) => isPartReached(type, at, part)) === true;
}

function isPartReached(type: FhirType | null, at: Reached, part: string): boolean {
  for (const element of type?.elements.values() ?? []) {
    if (element.name !== part || element.type === null) continue;
    const next = arrive(at, element, element.type);
    if (next.isReached) continue;
    if (!areTellingPartsReached(element.type, next)) return false;
  }
  return true;
}

function arrive(at: Reached, element: FhirElement, type: FhirType): Reached {
  const into: Reached = { isReached: false, onward: [] };
  for (const onward of at.onward) {
    if (onward.stays) into.onward.push(onward);
    if (onward.accepts(type, element.name)) onward.next(type, element.name, into);
  }
  return into;
}

const accept: Follow = (_type, _name, into) => {
  into.isReached = true;
};

function toChild(name: string, next: Follow): Follow {
  return (_type, _name, into) => {
    into.onward.push({ accepts: (_childType, childName) => childName === name, stays: false, next });
  };
}

function matcher(by: 'Type' | 'Name', value: string): Onward['accepts'] {
  return by === 'Type' ? (type) => type.name === value : (_type, name) => name === value;
}

/** Functions that select among their input. */
const SELECTING = new Set(['where', 'first', 'last', 'tail', 'skip', 'take', 'single', 'distinct', 'trace']);

/** Where a path may lead, conditions left aside; null for a path that cannot be followed. */
function follow(expression: Expression | null, next: Follow): Follow | null {
  if (expression === null || expression.kind === 'this') return next;
  switch (expression.kind) {
    case 'member': {
      const { name } = expression;
      if (!/^[A-Z]/.test(name)) return follow(expression.focus, toChild(name, next));
      return (type, typeName, into) => {
        if (type.name === name || name === 'Resource' || name === 'DomainResource')
          next(type, typeName, into);
      };
    }
    case 'item':
      return follow(expression.focus, next);
    case 'type':
      return expression.operator === 'as' ? follow(expression.operand, ofType(expression.type, next)) : null;
    case 'binary': {
      if (expression.operator !== '|') return null;
      const left = follow(expression.left, next);
      const right = follow(expression.right, next);
      return (type, name, into) => {
        left?.(type, name, into);
        right?.(type, name, into);
      };
    }
    case 'call':
      return followCall(expression, next);
    case 'literal':
    case 'polarity':
    case 'variable':
    case 'iteration':
      return null;
  }
}

function ofType(type: string, next: Follow): Follow {
  const bare = type.replace(/^FHIR\./, '');
  return (at, name, into) => {
    if (at.name === bare) next(at, name, into);
  };
}

function followCall(call: Extract<Expression, { kind: 'call' }>, next: Follow): Follow | null {
  const [argument] = call.arguments;
  if (SELECTING.has(call.name)) return follow(call.focus, next);
  switch (call.name) {
    case 'as':
    case 'ofType':
      return argument?.kind === 'member' ? follow(call.focus, ofType(argument.name, next)) : null;
    case 'nodesByType':
    case 'nodesByName': {
      if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return null;
      const accepts = matcher(call.name === 'nodesByType' ? 'Type' : 'Name', argument.value);
      return follow(call.focus, (type, name, into) => {
        if (accepts(type, name)) next(type, name, into);
        into.onward.push({ accepts, stays: true, next });
      });
    }
    case 'descendants':
      return follow(call.focus, (_type, _name, into) =>
        into.onward.push({ accepts: () => true, stays: true, next }),
      );
    case 'children':
      return follow(call.focus, (_type, _name, into) =>
        into.onward.push({ accepts: () => true, stays: false, next }),
      );
    case 'extension':
      return follow(call.focus, toChild('extension', next));
    default:
      return null;
  }
}
