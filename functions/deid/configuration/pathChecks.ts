import { addTo, remembered } from '../../common/maps.js';
import { neverTrue } from '../expression/comparisonTypes.js';
import { isPerItem } from '../expression/functionRow.js';
import { functionOf } from '../expression/functions.js';
import { parseFhirPath } from '../expression/parser.js';
import type { Expression } from '../expression/syntax.js';
import { typeNameOf } from '../expression/typeTest.js';
import { didYouMean, IssueList } from '../reading/issues.js';
import type { FhirModel } from '../model/fhirModel.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { isOfAll, type RulePath } from './rulePath.js';

/** Types an expression's result may have; null where that cannot be known. */
export type Types = ReadonlySet<FhirType> | null;

/**
 * Warns of what a rule's path can never find in a FHIR version: a type or an element that no version's definition
 * has, with the nearest name. Such a rule is taken all the same, as the reference takes it.
 * @returns the types of the elements that it may select; null where that cannot be known
 */
export function checkPath(rule: RulePath, model: FhirModel, issues: IssueList): Types {
  const { resourceType } = rule;
  const isAny = resourceType === null || isOfAll(resourceType);
  const type = isAny ? undefined : model.resource(resourceType);
  if (!isAny && type === undefined) {
    return new PathCheck(model, issues).missing('resource type', resourceType, () => model.resourceNames());
  }
  const roots = type === undefined ? model.resourceTypes() : new Set([type]);
  if (rule.expression === null) return roots;
  const meant = inLowerCase(rule, model);
  if (meant === undefined) return new PathCheck(model, issues).types(rule.expression, roots);
  issues.suggest(
    'path',
    () =>
      `Selects only elements named '${meant.name}': a path for a resource type begins with its name as FHIR writes it; did you mean '${meant.path}'?`,
  );
  return null;
}

/** What was meant by a path that begins with a resource type's name in the wrong case; undefined for other paths. */
function inLowerCase(rule: RulePath, model: FhirModel): { name: string; path: string } | undefined {
  if (rule.resourceType !== null) return undefined;
  const [, name, rest] = /^([a-z][A-Za-z]*)\s*\.\s*(.+)$/s.exec(rule.path) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  const lowerCase = name.toLowerCase();
  const type = [...model.resourceTypes()].find((known) => known.name.toLowerCase() === lowerCase);
  if (type === undefined) return undefined;
  const issues = new IssueList();
  const types = new PathCheck(model, issues).types(parseFhirPath(rest), new Set([type]));
  const isRight = issues.list.length === 0 && types?.size !== 0;
  return isRight ? { name, path: `${type.name}.${rest}` } : undefined;
}

/** The elements of the types, by name; remembered for the set of all resource types, which many paths begin with. */
const elementsOfTypes = new WeakMap<ReadonlySet<FhirType>, ReadonlyMap<string, readonly FhirElement[]>>();

function elementsOf(types: ReadonlySet<FhirType>): ReadonlyMap<string, readonly FhirElement[]> {
  return remembered(elementsOfTypes, types, () => {
    const byName = new Map<string, FhirElement[]>();
    for (const type of types)
      for (const element of type.elements.values()) addTo(byName, element.name, element);
    return byName;
  });
}

class PathCheck {
  readonly #model: FhirModel;
  readonly #issues: IssueList;
  constructor(model: FhirModel, issues: IssueList) {
    this.#model = model;
    this.#issues = issues;
  }

  types(expression: Expression | null, input: Types): Types {
    if (expression === null) return input;
    switch (expression.kind) {
      case 'this':
        return input;
      case 'literal':
      case 'variable':
      case 'iteration':
        return null;
      case 'polarity':
        this.types(expression.operand, input);
        return null;
      case 'item':
        return this.types(expression.focus, input);
      case 'type':
        return this.#ofType(
          this.types(expression.operand, input),
          expression.type,
          expression.operator === 'is',
        );
      case 'binary': {
        const left = this.types(expression.left, input);
        const right = this.types(expression.right, input);
        const reason = neverTrue(expression, left, right);
        if (reason !== undefined) this.#issues.warn('path', reason);
        return expression.operator === '|' && left !== null && right !== null
          ? new Set([...left, ...right])
          : null;
      }
      case 'member':
        return this.#member(expression, input);
      case 'call':
        return this.#call(expression, input);
    }
  }

  #member({ focus, name }: { focus: Expression | null; name: string }, input: Types): Types {
    const from = this.types(focus, input);
    if (from === null || from.size === 0) return from;
    if (focus === null && /^[A-Z]/.test(name)) return this.#root(name, from);
    const elements = elementsOf(from);
    const found = elements.get(name);
    if (found === undefined) this.#warnOfElement(name, from, elements.keys());
    return typesOf(found ?? []);
  }

  #root(name: string, from: ReadonlySet<FhirType>): Types {
    if (isOfAll(name)) return from;
    const types = [...from].filter((type) => type.name === name);
    if (types.length === 0) {
      const known = this.#model.resource(name) !== undefined;
      const reason = known
        ? 'the leading type of the path decides which resources the rule is for: write a rule of its own'
        : `FHIR ${this.#model.version} has no resource type of that name`;
      this.#issues.suggest('path', () => `'${name}' never matches here: ${reason}`);
    }
    return new Set(types);
  }

  #warnOfElement(name: string, from: ReadonlySet<FhirType>, names: Iterable<string>): void {
    this.#issues.suggest('path', () => {
      const where = from.size === 1 ? ([...from][0]?.path ?? '') : 'any resource';
      const choice = choiceOf(name, from);
      const meant =
        choice === undefined
          ? didYouMean(name, names)
          : `; choices are named without their type: write '${choice.name}', or '${choice.name} as ${choice.type?.name}'`;
      return `Never matches: FHIR ${this.#model.version} has no element '${name}' in ${where}${meant}`;
    });
  }

  #ofType(from: Types, name: string, isTest: boolean): Types {
    const bare = name.replace(/^FHIR\./, '');
    if (name.startsWith('System.')) return null;
    const type = this.#model.type(bare) ?? this.#model.resource(bare);
    if (type === undefined) {
      if (isTest && /^(?:String|Boolean|Integer|Decimal|Date|DateTime|Time|Quantity)$/.test(bare))
        return null;
      const model = this.#model;
      return this.missing('type', bare, () => [...model.dataTypeNames(), ...model.resourceNames()]);
    }
    if (isTest) return null;
    if (from === null) return new Set([type]);
    const found = [...from].filter((candidate) => candidate.name === bare);
    if (found.length === 0 && from.size > 0)
      this.#issues.suggest('path', () => {
        const types = [...from].map((candidate) => candidate.name);
        return `Never matches: the element is never a '${bare}' (types match exactly), only ${types.slice(0, 8).join(', ')}`;
      });
    return new Set(found);
  }

  #call(call: Extract<Expression, { kind: 'call' }>, input: Types): Types {
    const focus = this.types(call.focus, input);
    const [argument] = call.arguments;
    const { gives, kinds } = functionOf(call);
    if (kinds.includes('type'))
      return argument?.kind === 'member'
        ? this.#ofType(focus, typeNameOf(argument), gives === 'boolean')
        : null;
    const [inner] = call.arguments.map((each, at) => (isPerItem(kinds[at]) ? this.types(each, focus) : null));
    switch (gives) {
      case 'nodesByType':
      case 'nodesByName':
        if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return null;
        return gives === 'nodesByType'
          ? this.#nodesByType(argument.value)
          : this.#nodesByName(argument.value);
      case 'extension': {
        const extension = this.#model.type('Extension');
        return extension === undefined ? null : new Set([extension]);
      }
      case 'same':
      case 'some':
        return focus;
      case 'projected':
        return inner ?? null;
      default:
        return null;
    }
  }

  #nodesByType(name: string): Types {
    const model = this.#model;
    const type = model.type(name) ?? model.resource(name);
    if (type === undefined) return this.missing('type', name, () => model.dataTypeNames());
    return name === 'BackboneElement' || name === 'Element' ? null : new Set([type]);
  }

  #nodesByName(name: string): Types {
    const elements = this.#model.elementsByName();
    const found = elements.get(name);
    return found === undefined ? this.missing('element', name, () => elements.keys()) : typesOf(found);
  }

  /** Warns of a name that the FHIR version does not have. @returns no types */
  missing(what: string, name: string, known: () => Iterable<string>): Types {
    this.#issues.suggest(
      'path',
      () => `Never matches: FHIR ${this.#model.version} has no ${what} '${name}'${didYouMean(name, known())}`,
    );
    return new Set();
  }
}

function typesOf(elements: readonly FhirElement[]): Types {
  return elements.some(({ type }) => type === null)
    ? null
    : new Set(elements.flatMap(({ type }) => type ?? []));
}

function choiceOf(key: string, from: ReadonlySet<FhirType>): FhirElement | undefined {
  for (const type of from) {
    const element = type.elements.get(key);
    if (element !== undefined) return element;
  }
  return undefined;
}
