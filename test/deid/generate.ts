import fc from 'fast-check';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../functions/deid/model/types.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { FUNCTIONS } from '../../functions/deid/expression/functions.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';

/** Random choices that fast-check can repeat and shrink. */
export class Choices {
  private readonly generate: fc.GeneratorValue;
  constructor(generate: fc.GeneratorValue) {
    this.generate = generate;
  }
  below(limit: number): number {
    return this.generate(fc.nat, Math.max(0, limit - 1));
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }
}

const TEXTS = [
  'a',
  'Müller',
  '日本 "x"',
  'x'.repeat(300),
  '<b>&</b>',
  'http://e.org/a',
  'official',
  '01234',
  '\u2028',
  ' ',
];
const DATES = [
  '2015',
  '2015-02',
  '2015-02-07',
  '1900-01-01',
  '2020-02-29',
  '1937-11-21',
  '0001-01-01',
  '9999-12-31',
];
const TIMES = [
  '2015-02-07T13:28:17Z',
  '2015-02-07T13:28:17.239+02:00',
  '1910-10-10T10:10:10-05:00',
  '2015-02-07T13:28Z',
];
const REFERENCES = [
  'Patient/1',
  '#p1',
  'http://e.org/Patient/a-1/_history/2',
  'https://e-1.org/Patient/1/Observation/2',
  'urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
];

/** JSON text of a primitive of a type: mostly right. */
function primitiveText(choices: Choices, type: FhirType, name: string): string {
  switch (type.primitive) {
    case 'boolean':
      return choices.of(['true', 'false']);
    case 'integer':
      return choices.of(['0', '1', '7', '-3', '2147483647', '12']);
    case 'decimal':
      return choices.of([
        '1.50',
        '0',
        '-0.0',
        '1e3',
        '1.20E-5',
        '89',
        '90.5',
        '123456789012345678901234567.89',
        '45.0',
      ]);
    case 'date':
      return JSON.stringify(choices.of(DATES));
    case 'dateTime':
      return JSON.stringify(choices.of([...DATES, ...TIMES]));
    case 'time':
      return '"10:11:12"';
    case 'string':
    case null:
      return JSON.stringify(
        name === 'reference'
          ? choices.of(REFERENCES)
          : name === 'postalCode'
            ? '98052-1234'
            : choices.of(TEXTS),
      );
  }
}

const WRONG = [
  '{}',
  '[]',
  '[[1]]',
  '{"a":{"b":1}}',
  '"text"',
  '17',
  '1.0',
  'true',
  'null',
  '""',
  '"2015-02-30"',
  '[null]',
  '"2015-01-01T24:00:00Z"',
];

/** Of every JSON type, for elements of every kind; a text may hold an object. */
const REPLACEMENTS = [
  ...[
    'x',
    '',
    null,
    true,
    17,
    -1.5,
    {},
    '{"text":"y"}',
    'null',
    '[1]',
    { unknown: 'x' },
    { value: 1, unit: '%' },
  ],
  ...[
    { value: 'y', family: 'Doe', given: ['A', 'B'] },
    { line: ['a', null], _line: [null, { id: 'b' }] },
  ],
  { extension: [{ url: 'http://e.org/a', valueString: 'z' }], reference: 'Patient/1', _given: [{ id: 'g' }] },
  { resource: { resourceType: 'Patient', id: 'inside', birthDate: '2015-02-07' } },
];

/** Makes resources of one FHIR version as JSON texts: right ones, and hostile ones. */
export class ResourceGenerator {
  private readonly choices: Choices;
  private readonly model: FhirModel;
  private readonly hostility: number;

  /** @param hostility percent of members that are not what they should be */
  constructor(choices: Choices, version: FhirVersion, hostility: number) {
    this.choices = choices;
    this.model = FhirModel.of(version);
    this.hostility = hostility;
  }

  resource(typeName: string, depth = 0): string {
    const type = this.model.resource(typeName);
    if (type === undefined) throw new Error(typeName);
    return this.object(type, depth, [`"resourceType":${JSON.stringify(typeName)}`]);
  }

  private object(type: FhirType, depth: number, members: string[] = []): string {
    const { choices } = this;
    const elements = [...type.elements.values()];
    for (let count = choices.below(depth === 0 ? 12 : 4); count >= 0; count--) {
      members.push(...this.member(choices.of(elements), depth));
    }
    if (choices.chance(this.hostility))
      members.push(
        `"${choices.of(['secretName', '__proto__', 'constructor', 'fhir_comments', '_x'])}":"Peter"`,
      );
    return `{${members.join(',')}}`;
  }

  private member(element: FhirElement, depth: number): string[] {
    const { choices } = this;
    const { key, type } = element;
    if (choices.chance(this.hostility)) return [`"${key}":${choices.of(WRONG)}`];
    if (type === null) {
      if (depth > 1) return [];
      const inner = this.resource(
        choices.of(['Patient', 'Organization', 'Observation', 'Bundle']),
        depth + 1,
      );
      return [`"${key}":${element.repeats ? `[${inner}]` : inner}`];
    }
    if (type.primitive === null) {
      if (depth > 3) return [];
      const items = Array.from({ length: 1 + choices.below(2) }, () => this.object(type, depth + 1));
      return [`"${key}":${element.repeats ? `[${items.join(',')}]` : (items[0] ?? '{}')}`];
    }
    return this.primitives(element, type, depth);
  }

  private primitives(element: FhirElement, type: FhirType, depth: number): string[] {
    const { choices } = this;
    const count = element.repeats ? 1 + choices.below(3) : 1;
    const hasSiblings = choices.chance(20) && depth < 3;
    const values = Array.from({ length: count }, () =>
      hasSiblings && choices.chance(30) ? 'null' : primitiveText(choices, type, element.name),
    );
    const result = [`"${element.key}":${element.repeats ? `[${values.join(',')}]` : (values[0] ?? 'null')}`];
    if (hasSiblings) {
      const siblings = values.map(() => (choices.chance(30) ? 'null' : this.object(type, depth + 2)));
      // Fewer of them than values, or more.
      if (element.repeats && choices.chance(30)) siblings.pop();
      if (element.repeats && choices.chance(30))
        siblings.push(choices.of(['null', '{}', this.object(type, depth + 2)]));
      result.push(
        `"_${element.key}":${element.repeats ? `[${siblings.join(',')}]` : (siblings[0] ?? 'null')}`,
      );
      if (choices.chance(30)) result.shift();
      if (choices.chance(30)) result.reverse();
    }
    return result;
  }
}

/** A rule, or one that redacts instead where its method fails on all that its path selects. */
export function takenRule<T extends { path: string; method: string }>(
  rule: T,
  fhirVersion: FhirVersion,
): T | { path: string; method: 'redact' } {
  const text = JSON.stringify({ fhirPathRules: [rule] });
  return readConfiguration(text, { fhirVersion }).configuration === undefined
    ? { path: rule.path, method: 'redact' }
    : rule;
}

/** Makes configurations whose rules can reach something in resources of some types. */
export class ConfigurationGenerator {
  private readonly choices: Choices;
  private readonly model: FhirModel;
  private readonly types: readonly string[];

  constructor(choices: Choices, version: FhirVersion, types: readonly string[]) {
    this.choices = choices;
    this.model = FhirModel.of(version);
    this.types = types;
  }

  configuration(): string {
    const { choices } = this;
    const rules = Array.from({ length: 1 + choices.below(8) }, () =>
      takenRule({ path: this.path(), ...this.method() }, this.model.version),
    );
    return JSON.stringify({
      fhirPathRules: rules,
      parameters: {
        dateShiftKey: 'k',
        cryptoHashKey: 'h',
        encryptKey: '0123456789abcdef',
        dateShiftScope: choices.of(['resource', 'file', 'folder', 'patient']),
        dateShiftOutput: choices.of(['dateTime', 'date']),
        enablePartialAgesForRedact: choices.chance(50),
        enablePartialDatesForRedact: choices.chance(50),
        enablePartialZipCodesForRedact: choices.chance(50),
        unmatched: choices.chance(10) ? 'redact' : 'keep',
      },
    });
  }

  private method(): { method: string; [setting: string]: unknown } {
    const { choices } = this;
    // Not often: the tree engine does it.
    if (choices.chance(3)) return { method: 'remove' };
    switch (choices.below(10)) {
      case 0:
        return { method: 'keep' };
      case 1:
        return { method: 'dateShift' };
      case 2:
      case 3:
        return { method: 'cryptoHash' };
      case 4:
        return { method: 'encrypt' };
      case 5:
        return {
          method: 'substitute',
          replaceWith: choices.of(REPLACEMENTS),
        };
      case 6:
        return {
          method: 'perturb',
          span: choices.of([0, 4, 0.5]),
          rangeType: choices.of(['fixed', 'proportional']),
          roundTo: 1,
        };
      case 7:
        return choices.chance(50)
          ? {
              method: 'generalize',
              cases: { "$this = 'a'": "'b'", "$this.toString() = '7'": '70' },
              otherValues: 'keep',
            }
          : { method: 'redact' };
      default:
        return { method: 'redact' };
    }
  }

  /** A path; a few in every form the language has. */
  path(): string {
    const { choices } = this;
    const dataType = choices.of([
      'HumanName',
      'Extension',
      'date',
      'dateTime',
      'Identifier',
      'string',
      'Reference',
      'Quantity',
      'Period',
      'code',
    ]);
    const name = choices.of([
      'value',
      'family',
      'code',
      'extension',
      'start',
      'id',
      'reference',
      'coding',
      'name',
    ]);
    switch (choices.below(12)) {
      case 0:
        return `nodesByType('${dataType}')`;
      case 1:
        return `nodesByType('${dataType}').${name}`;
      case 2:
        return `nodesByName('${name}')${choices.chance(30) ? `.${name}` : ''}`;
      case 3:
        return choices.of([
          'Resource',
          'Resource.id',
          'DomainResource.text',
          'Resource.meta',
          choices.of(this.types),
        ]);
      case 4:
        return `${choices.of(this.types)}.descendants().ofType(${dataType})`;
      case 5:
        return `${choices.of(this.types)}.nodesByType('${dataType}').where(${this.condition(dataType)})`;
      case 6:
        return `${choices.of(this.types)}.${choices.of(['contained', 'extension.value', "extension('http://e.org/a').value", 'children()'])}`;
      default:
        return this.elementPath();
    }
  }

  private elementPath(): string {
    const { choices } = this;
    const typeName = choices.of(this.types);
    let type = this.model.resource(typeName);
    let path = typeName;
    for (
      let steps = 1 + choices.below(3);
      type !== undefined && type.primitive === null && steps > 0;
      steps--
    ) {
      const element: FhirElement = choices.of([...type.elements.values()]);
      path += `.${element.name}`;
      const next: FhirType | null = element.type;
      if (next === null) break;
      if (choices.chance(25)) path += `.where(${this.condition(next.name, next)})`;
      if (choices.chance(10))
        path += choices.of(['[0]', '.first()', '.last()', '.tail()', `.ofType(${next.name})`]);
      if (choices.chance(5))
        path += choices.of(['.select($this)', '.select(id | extension)', ".trace('a')", `.${typeName}`]);
      type = next;
    }
    return choices.chance(5) ? `${path} | ${typeName}.name` : path;
  }

  /** A call of any function of the table, and perhaps of one more on what it gives. */
  private call(focus: string, child: string): string {
    const { choices } = this;
    const { name, arity, kinds } = choices.of([...FUNCTIONS.values()]);
    const count = arity[0] + choices.below(arity[1] - arity[0] + 1);
    const given = kinds.slice(0, count).map((kind) => {
      switch (kind) {
        case 'condition':
        case 'branch':
          return choices.of(["id = 'a'", 'true', `${child}.exists()`, '{}']);
        case 'projection':
        case 'collection':
          return choices.of(['$this', child, "'a'", '{}']);
        case 'recursion':
          return choices.of([child, 'extension']);
        case 'type':
          return choices.of(['string', 'HumanName', 'Quantity', 'System.String']);
        case 'string':
          return choices.of(["'a'", "'Extension'", "'http://e.org/a'", 'id']);
        case 'integer':
        case 'number':
          return choices.of(['0', '1', '2']);
        case 'pattern':
        case 'replacement':
          return choices.of(["'a'", "'$1'", "'(x)+'"]);
      }
    });
    const call = `${focus}.${name}(${given.join(', ')})`;
    return choices.chance(40) ? this.call(call, child) : call;
  }

  private condition(typeName: string, type = this.model.type(typeName)): string {
    const { choices } = this;
    const names = [...(type?.elements.values() ?? [])].map((element) => element.name);
    const child = names.length === 0 ? 'id' : choices.of(names);
    const simple = (): string =>
      choices.of([
        `${child} = 'a'`,
        `${child}.exists()`,
        `${child}.empty()`,
        `${child} != 'official'`,
        'id.exists()',
        `extension.where(url = 'http://e.org/a').exists()`,
        `$this = 'a'`,
        `${child}.startsWith('a')`,
        child,
        `(${child} = 'a').not()`,
        this.call(child, child),
        this.call(child, child),
      ]);
    return choices.chance(30)
      ? `${simple()} ${choices.of(['and', 'or', 'xor', 'implies'])} ${simple()}`
      : simple();
  }
}
