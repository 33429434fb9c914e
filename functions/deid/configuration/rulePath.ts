import { parseFhirPath } from '../expression/parser.js';
import type { Expression } from '../expression/syntax.js';

/** What a rule applies to. */
export interface RulePath {
  /** As written. */
  readonly path: string;
  /** Leading type of the path: resources it applies to. Null, `Resource` and `DomainResource`: all. */
  readonly resourceType: string | null;
  /** The rest of the path, evaluated on the resource. Null selects the resource itself. */
  readonly expression: Expression | null;
}

const LEADING_TYPE = /^([A-Z][A-Za-z]*)(?![A-Za-z0-9_(])(?:\.|$|(?=[^.]))/;

/** A path with its leading type apart. @throws FhirPathSyntaxError */
export function splitPath(path: string): RulePath {
  const resourceType = LEADING_TYPE.exec(path)?.[1] ?? null;
  const rest = resourceType === null ? path : path.slice(resourceType.length).replace(/^\s*\.?/, '');
  const expression = rest.trim() === '' ? null : parseFhirPath(rest);
  return { path, resourceType, expression };
}

/** Whether a rule is for resources of a type. */
export function appliesTo({ resourceType }: RulePath, type: string): boolean {
  return resourceType === null || isOfType(resourceType, type);
}

/** Whether a type name in a path means a resource type: `Resource` and `DomainResource` mean all, as in the reference. */
export function isOfType(name: string, type: string): boolean {
  return name === type || isOfAll(name);
}

export function isOfAll(name: string): boolean {
  return name === 'Resource' || name === 'DomainResource';
}

/** A path that looks nodes up below the resource: `nodesByType('T')`, `nodesByName('n')`, and one child of these. */
const LOOKUP = /^nodesBy(Type|Name)\('(\w+)'\)(?:\.(\w+))?$/;

/** What a path that only looks up nodes asks for; null for any other path. */
export function lookupOf(
  path: string,
): { by: 'Type' | 'Name'; value: string; child: string | undefined } | null {
  const match = LOOKUP.exec(path);
  return match === null
    ? null
    : { by: match[1] as 'Type' | 'Name', value: match[2] as string, child: match[3] };
}
