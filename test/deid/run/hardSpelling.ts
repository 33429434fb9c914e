import {
  isJsonObject,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../../../functions/json/json.js';
import { JsonNumber } from '../../../functions/json/jsonNumber.js';
import type { Choices } from '../generate.js';

/** Ways to write a resource that a careless reader takes for another one. */
export const HABITS = [
  'as it came',
  'spaces',
  'shuffled',
  'hard texts',
  'hard numbers',
  'nothing',
  'other shapes',
  'siblings',
  'meta',
  'contained',
  'unknown names',
  'names twice',
  'escaped names',
] as const;
export type Habit = (typeof HABITS)[number];

const SPACES = ['', '', ' ', '\n', '\t', '\r\n    ', '  '];
const TEXTS = [
  'Zoë',
  '日本語 – 😀',
  'a\u007fb',
  '\u0000\u001f\b\f\n\r\t',
  '"\\/"',
  '\ud800 alone',
  'low \udc00',
  '\u2028\u2029\ufeff',
  'ß'.repeat(150),
  'someone '.repeat(700),
  '\x7f#1.50',
  '2015-02-07',
  'A',
];
const NUMBERS = [
  ...['1.0', '1e3', '1E+2', '-0', '0', '-0.0', '0.00', '89', '90', '-1.50', '2147483648', '-2147483649'],
  ...['12345678901234567890', '0.00000000000000000001', '1e400', '123456789012345.678', '1e-7', '999999999'],
];
const NOTHINGS = [
  'null',
  '""',
  '{}',
  '[]',
  '[null]',
  '[{}]',
  '[""]',
  '[[]]',
  '{"extension":[]}',
  '{"id":""}',
];
const SHAPES = [
  '"someone"',
  '{"id":"someone"}',
  '[["someone"]]',
  '[{"id":"a"},"someone",1,null]',
  'true',
  '17',
];
const SIBLINGS = [
  ...[
    'null',
    '{}',
    '[]',
    '"someone"',
    '{"id":"s-1"}',
    '[null]',
    '[{"id":"s-1"}]',
    '[null,{"id":"s-2"},null]',
  ],
  '{"extension":[{"url":"http://e.org/a","valueString":"someone"}]}',
  '{"id":"s-1","extension":[{"url":"http://e.org/b","valueDate":"2015-02-07"}],"x":1}',
];
const METAS = [
  ...['null', '{}', '[]', '"someone"', '{"versionId":""}', '{"security":null}', '{"security":{}}'],
  ...['{"security":[]}', '{"security":[{}]}', '{"security":"REDACTED"}', '{"x":"someone"}', '{"id":"m"}'],
  '{"versionId":"1","lastUpdated":"2015-02-07T13:28:17.239+02:00"}',
  '{"security":[{"code":"A"}]}',
  '{"security":[{"system":"s","code":"redacted"},{"code":"CRYTOHASH"}],"versionId":"2"}',
  '{"versionId":"3","security":{"code":"R","display":"\\u00e9\\/"},"tag":[{"code":"A"}]}',
  '{"profile":["http://e.org/p",null],"security":[null,{"code":"PERTURBED","extension":[{"url":"u"}]}]}',
  '{"security":[{"userSelected":true,"code":"ABSTRED"}],"lastUpdated":"2015"}',
];
const CONTAINED = [
  ...['null', '{}', '[]', '"someone"', '{"resourceType":"Nobody","id":"someone"}', '{"id":"someone"}'],
  ...['{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}', '{"resourceType":17}'],
  '{"id":"p1","resourceType":"Patient","birthDate":"1956-05-27","name":[{"family":"someone"}]}',
  '{"resourceType":"Patient","id":"p1","meta":{"security":[{"code":"A"}]},"active":true,"_active":{"id":"s"}}',
  '{"resourceType":"Organization","id":"o1","contained":[{"resourceType":"Patient","birthDate":"1956-05-27"}]}',
  '{"resourceType":"Organization","contained":{"resourceType":"Organization","contained":[{},null]}}',
  '{"resourceType":"\\u0050atient","id":"p2"}',
  '{"resourceType":"Observation","subject":{"reference":"Patient/1"},"effectiveDateTime":"2015-02-07"}',
  '{"resourceType":"Observation","valueQuantity":{"value":7.50,"unit":"a"},"status":""}',
];
const UNKNOWN = [
  ...['surname', '_surname', 'é', '', '__proto__', 'constructor', 'toString', 'fhir_comments', 'length'],
  ...['0', '17', 'nam', 'names', 'n'.repeat(64), 'n'.repeat(65), 'Name', 'resourcetype', 'valueNobody'],
];

/** Writes resources as JSON with habits: each is followed at some of the places where it can be. */
export class HardSpelling {
  private readonly choices: Choices;
  private readonly habits: ReadonlySet<Habit>;

  constructor(choices: Choices, habits: readonly Habit[]) {
    this.choices = choices;
    this.habits = new Set(habits);
  }

  resource(resource: JsonObject): string {
    const members = this.members(resource, 0);
    if (this.habits.has('meta')) this.put(members, 'meta', this.choices.of(METAS));
    if (this.habits.has('contained')) {
      const inner = Array.from({ length: 1 + this.choices.below(3) }, () => this.choices.of(CONTAINED));
      this.put(members, 'contained', this.choices.chance(85) ? `[${inner.join()}]` : (inner[0] ?? 'null'));
    }
    return this.space() + this.joined(members) + this.space();
  }

  /** Puts a member in the place of the one of its name: first, last or between, or takes it away. */
  private put(members: [string, string][], name: string, json: string): void {
    const rest = members.filter(([other]) => other !== name);
    members.splice(0, members.length, ...rest);
    if (this.choices.chance(12)) return;
    const place = this.choices.of([0, members.length, this.choices.below(members.length + 1)]);
    members.splice(place, 0, [name, json]);
  }

  private follows(habit: Habit, percent: number): boolean {
    return this.habits.has(habit) && this.choices.chance(percent);
  }

  private space(): string {
    return this.habits.has('spaces') ? this.choices.of(SPACES) : '';
  }

  private joined(members: readonly [string, string][]): string {
    const parts = members.map(([name, json]) => {
      const spelled = this.follows('escaped names', 4) ? this.escaped(name) : JSON.stringify(name);
      return `${this.space()}${spelled}${this.space()}:${this.space()}${json}${this.space()}`;
    });
    return `{${parts.length === 0 ? this.space() : parts.join()}}`;
  }

  private members(object: JsonObject, depth: number): [string, string][] {
    const { choices } = this;
    const members: [string, string][] = [];
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined) continue;
      const isType = name === 'resourceType';
      members.push([name, isType && !choices.chance(2) ? JSON.stringify(value) : this.member(value, depth)]);
      if (!isType && !isJsonObject(value) && this.follows('siblings', 15)) {
        const sibling: [string, string] = [`_${name}`, choices.of(SIBLINGS)];
        if (choices.chance(20)) members.pop();
        if (choices.chance(50)) members.push(sibling);
        else members.splice(-1, 0, sibling);
      }
    }
    if (this.follows('unknown names', depth === 0 ? 90 : 20))
      members.splice(choices.below(members.length + 1), 0, [
        choices.of(UNKNOWN),
        choices.of([...SHAPES, ...NOTHINGS]),
      ]);
    if (this.follows('names twice', 15) && members.length > 0) {
      const [name, json] = choices.of(members);
      members.splice(choices.below(members.length + 1), 0, [
        name,
        choices.of([json, '"someone"', 'null', ...SHAPES]),
      ]);
    }
    if (this.follows('shuffled', 70))
      for (let last = members.length - 1; last > 0; last--) {
        const place = choices.below(last + 1);
        [members[last], members[place]] = [
          members[place] as [string, string],
          members[last] as [string, string],
        ];
      }
    return members;
  }

  private member(value: JsonValue, depth: number): string {
    const { choices } = this;
    if (this.follows('nothing', 15)) return choices.of(NOTHINGS);
    if (this.follows('other shapes', 8)) return choices.of(SHAPES);
    if (this.follows('other shapes', 8)) {
      if (Array.isArray(value)) return this.value(value[0] ?? null, depth);
      return `[${this.value(value, depth)}${choices.of(['', ',null', ',{}', `,${this.value(value, depth)}`])}]`;
    }
    return this.value(value, depth);
  }

  private value(value: JsonValue, depth: number): string {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number' || value instanceof JsonNumber)
      return this.follows('hard numbers', 80) ? this.choices.of(NUMBERS) : stringifyJson(value);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.space() + this.value(item, depth) + this.space());
      if (this.follows('nothing', 10))
        items.splice(this.choices.below(items.length + 1), 0, this.choices.of(NOTHINGS));
      return `[${items.length === 0 ? this.space() : items.join()}]`;
    }
    return isJsonObject(value) ? this.joined(this.members(value, depth + 1)) : stringifyJson(value);
  }

  private text(text: string): string {
    if (!this.habits.has('hard texts')) return JSON.stringify(text);
    const hard = this.choices.chance(40) ? this.choices.of(TEXTS) : text;
    return this.choices.chance(40) ? this.escaped(hard) : JSON.stringify(hard);
  }

  /** A text as a JSON string, some of it escaped without need. */
  private escaped(text: string): string {
    const percent = this.choices.of([10, 100]);
    const parts = text.split('').map((unit, place) => {
      if (unit === '/' && this.choices.chance(50)) return '\\/';
      // Of the long ones, the begin is enough.
      if (place < 40 && this.choices.chance(percent)) {
        const code = unit.charCodeAt(0).toString(16).padStart(4, '0');
        return `\\u${this.choices.chance(50) ? code.toUpperCase() : code}`;
      }
      return JSON.stringify(unit).slice(1, -1);
    });
    // Halves of a pair, each written for itself, are one character again.
    return `"${parts.join('')}"`;
  }
}
