import { addTo, remembered } from '../../common/maps.js';
import { givesValue, isPerItem, type Argument } from '../expression/functionRow.js';
import { functionOf } from '../expression/functions.js';
import type { Expression } from '../expression/syntax.js';
import type { FhirModel } from '../model/fhirModel.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { readsOf } from '../plan/reads.js';
import type { Rule } from '../configuration/rule.js';
import { identityOf, type Identity } from './identities.js';

/** An identity whose value a rule looks at, so that the value can be read off what the rule did. */
export interface IdentityRead {
  readonly identity: Identity;
  /** `HumanName.family`, or what the rule looks at where that cannot be known. */
  readonly definition: string;
}

/** What an expression's result may be: elements; null where that cannot be known. */
type Items = readonly Item[] | null;

interface Item {
  readonly type: FhirType;
  readonly read: IdentityRead | null;
}

type Binary = Extract<Expression, { kind: 'binary' }>;

/** What conditions may look at: texts of codes, and what kind of identifier one is. */
const OF_KINDS: ReadonlySet<string> = new Set([
  'CodeableConcept.text',
  'Coding.display',
  'Identifier.system',
]);

/** Most elements that the expressions of one configuration are followed through. */
const MAX_WORK = 500_000;

const UNKNOWN: IdentityRead = {
  identity: {
    category: 'freeText',
    dataType: 'any',
    needs: 'clearing',
    path: 'Resource',
    method: 'redact',
  },
  definition: 'any element',
};

/**
 * The identities that a rule looks at to decide what it does: in the conditions of its path, or, with `generalize`,
 * elsewhere than at the value that it generalizes. Whoever writes such a rule reads them off what it did.
 */
export function identityReadsOf(
  rules: readonly Rule[],
  model: FhirModel,
): { rule: number; reads: readonly IdentityRead[] }[] {
  const elements = new Elements(model);
  return rules.flatMap((rule) => {
    const reads = readsOfRule(rule, elements);
    return reads.length === 0 ? [] : [{ rule: rule.index, reads }];
  });
}

function readsOfRule(rule: Rule, elements: Elements): readonly IdentityRead[] {
  const reads = new Reads(elements, elements.roots(rule.resourceType));
  reads.path(rule.expression);
  for (const expression of rule.method.expressions?.(rule.settings) ?? []) reads.ofValue(expression);
  return [...reads.found.values()];
}

/** The elements of a FHIR version. */
class Elements {
  /** Those of all resources, by their types. */
  readonly #byType = new Map<string, FhirElement[]>();
  readonly #items = new Map<readonly FhirElement[], readonly Item[]>();
  readonly #roots = new Map<string | null, readonly Item[]>();
  readonly #named = new WeakMap<readonly Item[], Map<string, Items>>();
  #work = 0;

  constructor(readonly model: FhirModel) {}

  /** Whether there was more work than one configuration is worth. */
  isTooMuch(work: number): boolean {
    this.#work += work;
    return this.#work > MAX_WORK;
  }

  roots(resourceType: string | null): readonly Item[] {
    return remembered(this.#roots, resourceType, () => {
      const type = resourceType === null ? undefined : this.model.resource(resourceType);
      const types = type === undefined ? [...this.model.resourceTypes()] : [type];
      return types.map((each) => ({ type: each, read: null }));
    });
  }

  byName(name: string): readonly Item[] {
    return this.#itemsOf(this.model.elementsByName().get(name) ?? []);
  }

  byType(name: string): readonly Item[] {
    if (this.#byType.size === 0)
      for (const element of [...this.model.elementsByName().values()].flat())
        if (element.type !== null) addTo(this.#byType, element.type.name, element);
    const found = this.#byType.get(name);
    if (found !== undefined) return this.#itemsOf(found);
    const type = this.model.type(name) ?? this.model.resource(name);
    return type === undefined ? [] : [{ type, read: null }];
  }

  /** Those of a name in items; null where any resource may be there. */
  named(items: readonly Item[], name: string): Items {
    const ofItems = remembered(this.#named, items, () => new Map<string, Items>());
    return remembered(ofItems, name, () => {
      const found: FhirElement[] = [];
      for (const { type } of items)
        for (const element of type.elements.values()) if (element.name === name) found.push(element);
      return found.some(({ type }) => type === null) ? null : itemsOf(found);
    });
  }

  /** One value of each primitive type, of which nothing is known. */
  values(): readonly Item[] {
    return this.model.dataTypeNames().flatMap((name) => {
      const type = this.model.type(name);
      return type?.primitive == null ? [] : [{ type, read: null }];
    });
  }

  #itemsOf(elements: readonly FhirElement[]): readonly Item[] {
    return remembered(this.#items, elements, () => itemsOf(elements));
  }
}

class Reads {
  readonly found = new Map<string, IdentityRead>();
  readonly #roots: readonly Item[];
  readonly #elements: Elements;

  constructor(elements: Elements, roots: readonly Item[]) {
    this.#elements = elements;
    this.#roots = roots;
  }

  /** Follows a path; what its conditions look at is read. */
  path(expression: Expression | null): void {
    this.#follow(expression, this.#roots, false);
  }

  /** What an expression on a value looks at beside the value. */
  ofValue(expression: Expression): void {
    if (!isOfValueAlone(expression)) this.#look(this.#follow(expression, this.#elements.values(), true));
  }

  /** Takes down that the values of items decide something. */
  #look(items: Items): Items {
    for (const read of items === null ? [] : items.flatMap((item) => item.read ?? []))
      this.found.set(read.definition, read);
    return items;
  }

  #unknown(): null {
    this.found.set(UNKNOWN.definition, UNKNOWN);
    return null;
  }

  /** @param inside whether in a condition, where what is found is compared with something */
  #follow(expression: Expression | null, input: Items, inside: boolean): Items {
    if (expression === null) return input;
    switch (expression.kind) {
      case 'this':
        return input;
      case 'literal':
      case 'iteration':
        return [];
      case 'variable':
        return ['resource', 'rootResource', 'context'].includes(expression.name) ? this.#roots : [];
      case 'polarity':
        this.#look(this.#follow(expression.operand, input, inside));
        return [];
      case 'item':
        this.#look(this.#follow(expression.index, input, true));
        return this.#follow(expression.focus, input, inside);
      case 'type':
        return this.#ofType(this.#follow(expression.operand, input, inside), expression.type);
      case 'binary': {
        if (expression.operator === '|') return this.#union(expression, input, inside);
        this.#look(this.#follow(expression.left, input, inside));
        this.#look(this.#follow(expression.right, input, inside));
        return [];
      }
      case 'member':
        return this.#member(expression, input, inside);
      case 'call':
        return this.#call(expression, input, inside);
    }
  }

  /** All operands of a union at once: each pair of them would be as many items as there are before it. */
  #union(union: Binary, input: Items, inside: boolean): Items {
    const operands: Expression[] = [];
    let left: Expression = union;
    for (; left.kind === 'binary' && left.operator === '|'; left = left.left) operands.push(left.right);
    const items = new Set<Item>();
    let isKnown = true;
    for (const operand of [left, ...operands.reverse()]) {
      const found = this.#follow(operand, input, inside);
      if (found === null) isKnown = false;
      else for (const item of found) items.add(item);
    }
    return isKnown ? [...items] : null;
  }

  #member({ focus, name }: Extract<Expression, { kind: 'member' }>, input: Items, inside: boolean): Items {
    const from = this.#follow(focus, input, inside);
    if (focus === null && /^[A-Z]/.test(name)) return from;
    if (from === null) return inside ? this.#unknown() : null;
    return this.#named(from, name);
  }

  #ofType(items: Items, name: string): Items {
    const bare = name.replace(/^(?:FHIR|System)\./, '');
    if (items !== null) return items.filter(({ type }) => type.name === bare);
    const { model } = this.#elements;
    const type = model.type(bare) ?? model.resource(bare);
    return type === undefined ? null : [{ type, read: null }];
  }

  #call(call: Extract<Expression, { kind: 'call' }>, input: Items, inside: boolean): Items {
    const focus = this.#follow(call.focus, input, inside);
    const [argument] = call.arguments;
    const { gives, kinds, looksAt } = functionOf(call);
    if (kinds.includes('type') && gives === 'boolean') return [];
    if (gives === 'typed') return argument?.kind === 'member' ? this.#ofType(focus, argument.name) : null;
    if (gives === 'nodesByType' || gives === 'nodesByName') return this.#nodes(gives, argument, inside);
    if (gives === 'extension')
      return focus === null ? this.#elements.byType('Extension') : this.#named(focus, 'extension');
    const results = call.arguments.map((each, at) =>
      this.#follow(each, argumentInput(kinds[at], focus, input), inside || gives !== 'projected'),
    );
    if (gives === 'projected') return results[0] ?? null;
    for (const result of results) this.#look(result);
    if (gives === 'same' || gives === 'some') return focus;
    if (looksAt === 'presence' && givesValue(gives)) return [];
    this.#look(focus);
    if (!inside) return null;
    return givesValue(gives) && looksAt === 'value' ? [] : this.#unknown();
  }

  /** Elements anywhere below, of a type or name. */
  #nodes(name: string, argument: Expression | undefined, inside: boolean): Items {
    if (argument?.kind !== 'literal' || typeof argument.value !== 'string')
      return inside ? this.#unknown() : null;
    return name === 'nodesByType'
      ? this.#elements.byType(argument.value)
      : this.#elements.byName(argument.value);
  }

  #named(items: readonly Item[], name: string): Items {
    return this.#elements.isTooMuch(items.length) ? this.#unknown() : this.#elements.named(items, name);
  }
}

/** What an argument is evaluated on. */
function argumentInput(kind: Argument | undefined, focus: Items, input: Items): Items {
  if (kind === 'branch') return focus === null || input === null ? null : [...focus, ...input];
  return isPerItem(kind) || kind === 'recursion' ? focus : input;
}

/** An expression that looks at nothing but the value that it is evaluated on. */
function isOfValueAlone(expression: Expression): boolean {
  return readsOf(expression)?.every(({ names }) => names.length === 0) === true;
}

/** What elements may hold, but for those that hold resources; what is alike is there once. */
function itemsOf(elements: readonly FhirElement[]): readonly Item[] {
  const items = new Map<string, Item>();
  for (const element of elements) {
    const { type, path: definition } = element;
    if (type === null) continue;
    const identity = identityOf(element);
    const isRead = identity?.needs === 'clearing' && !['ages', 'numbers'].includes(identity.category);
    const read = isRead && !OF_KINDS.has(definition) ? { identity, definition } : null;
    items.set(`${type.path} ${read?.definition ?? ''}`, { type, read });
  }
  return [...items.values()];
}
