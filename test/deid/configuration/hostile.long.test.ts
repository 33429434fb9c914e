import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { anonymizeText } from '../../../functions/deid/run/anonymizeText.js';
import { engineOptions } from '../shared.js';

/** What a configuration of 1 MiB may cost, in milliseconds of processor time: reading, coverage and compiling. */
const MAX_MS = 500;
/** What the first resource after it may cost, of one type, and of a Bundle that has all types. */
const MAX_MS_FIRST = 800;
const MAX_MS_FIRST_BUNDLE = 2000;
/** Machines on which the tests run are so much slower at most, other work on them included. */
const MACHINE_FACTOR = 4;
const MAX_BYTES = 1_048_576;

/** As many pieces as fit, numbered. */
function filled(piece: (n: number) => string, separator = ',', bytes = MAX_BYTES - 500): string {
  const pieces: string[] = [];
  for (let sum = 0, n = 0; ; n++) {
    const next = piece(n);
    sum += next.length + separator.length;
    if (sum > bytes) return pieces.join(separator);
    pieces.push(next);
  }
}

const configuration = (rules: string, parameters = ''): string =>
  `{"fhirPathRules":[${rules}],"parameters":{${parameters}}}`;
const rule = (path: string, method = 'redact'): string => `{"path":"${path}","method":"${method}"}`;
const inAll = (path: (n: number) => string, method?: string): string =>
  configuration(filled((n) => rule(path(n), method)));
/** As many rules as are allowed. */
const allowed = (path: (n: number) => string, method?: string): string =>
  configuration(Array.from({ length: 2000 }, (_, n) => rule(path(n), method)).join());
const condition = (text: string): string => configuration(rule(`Patient.name.where(${text})`));
const pattern = (text: string): string => condition(`family.matches('${text}')`);
/** Most characters of a regular expression are some less. */
const inPattern = (piece: (n: number) => string): string => filled(piece, '', 19_900);
const cases = (piece: (n: number) => string): string =>
  configuration(
    `{"path":"Patient.birthDate","method":"generalize","cases":{${filled(piece, ',', MAX_BYTES - 600)}}}`,
  );
const parameters = (text: string): string => configuration(rule('Patient'), text);
const zip = (code: (n: number) => string): string =>
  parameters(
    `"enablePartialZipCodesForRedact":true,"restrictedZipCodeTabulationAreas":[${filled(code, ',', MAX_BYTES - 700)}]`,
  );

/** By what they are made of: those that are read, and those that are refused. */
const READ: Record<string, string> = {
  'rules in YAML': `fhirPathRules:\n${Array.from({ length: 2000 }, (_, n) => `- path: Patient.name${n}\n  # what it is for\n  method: redact\n`).join('')}`,
  'rules in YAML by an alias': `fhirPathRules:\n- &r {path: Patient.name, method: redact}\n${'- *r\n'.repeat(1999)}`,
  'the same rule': allowed(() => 'Patient.name'),
  'rules of many types': allowed((n) => `${['Patient', 'Encounter', 'Claim', 'Bundle'][n % 4]}.id`),
  'elements that are none': allowed((n) => `Patient.e${n}`),
  'types that are none': allowed((n) => `T${'x'.repeat(n % 50)}.id`),
  'names that are none': allowed((n) => `nodesByName('name${n}')`),
  'types in lower case': allowed((n) => `patient.name${n}`),
  conditions: allowed((n) => `Patient.name.where(use='a${n}')`),
  'conditions by type': allowed((n) => `nodesByType('HumanName').where(use='a${n}')`),
  'conditions on anything': allowed((n) => `Patient.descendants().where(id='a${n}')`, 'keep'),
  'conditions on anything in any type': allowed((n) => `descendants().where(id='a${n}')`),
  'undecided conditions on anything': allowed((n) => `descendants().where(value > ${n} 'mg')`),
  'conditions on what other rules change': allowed(
    (n) => `nodesByName('extension').where(value=extension.value or id='${n}')`,
    'cryptoHash',
  ),
  'descendants of descendants': allowed((n) => `descendants().descendants().where(id='a${n}')`, 'keep'),
  'a deep path': configuration(rule(`Patient${'.extension'.repeat(198)}`)),
  'deep paths': configuration(filled(() => rule(`Patient${'.extension'.repeat(190)}`), ',', 250_000)),
  'deep descendants': configuration(
    filled(() => rule(`Patient${'.descendants()'.repeat(90)}`, 'keep'), ',', 150_000),
  ),
  'a union': configuration(rule(Array.from({ length: 1999 }, (_, n) => `name${n}`).join('|'))),
  'a union of names': configuration(rule(Array.from({ length: 1999 }, () => 'name').join('|'))),
  'alternatives of a condition': condition(Array.from({ length: 1999 }, (_, n) => `use='${n}'`).join(' or ')),
  'a sum': condition(`1=${Array.from({ length: 1999 }, () => '1').join('+')}`),
  'conditions that have regular expressions': allowed((n) => `Patient.name.where(family.matches('a${n}'))`),
  'a regular expression of alternatives': pattern(filled((n) => `a${n}`, '|', 19_900)),
  'a regular expression of groups': pattern(inPattern(() => '(a)')),
  'a regular expression of named groups': pattern(inPattern((n) => `(?<g${n}>a)`)),
  'a regular expression of repeats': pattern(inPattern(() => 'a*')),
  'a regular expression of counted repeats': pattern(inPattern(() => 'a{9,99}')),
  'a regular expression of classes': pattern(inPattern(() => '[a-z-[aeiou]]')),
  'a regular expression of complements': pattern(`(?>a)${inPattern(() => '[^a-z]')}`),
  'a regular expression of categories': pattern(inPattern(() => '\\\\\\\\p{L}\\\\\\\\W')),
  'a regular expression without case': pattern(`(?i)${inPattern((n) => `a${n}|`)}b`),
  'a large class': pattern(`(?i)[${inPattern((n) => String.fromCharCode(0x100 + 2 * (n % 20_000)))}]`),
  'ZIP codes': zip((n) => `"${n}"`),
  'the same ZIP code': zip(() => '"0"'),
  'ZIP codes that are numbers': zip(() => '1'),
  'unknown settings of a rule': configuration(
    `{"path":"id","method":"keep",${filled((n) => `"x${n}":1`, ',', MAX_BYTES - 600)}}`,
  ),
  'unknown parameters': parameters(filled((n) => `"dateShiftKez${n}":1`, ',', MAX_BYTES - 600)),
  'a replacement of many members': configuration(
    `{"path":"Patient","method":"substitute","replaceWith":{${filled((n) => `"n${n}":1`, ',', MAX_BYTES - 600)}}}`,
  ),
};

const REFUSED: Record<string, string> = {
  'more rules than are allowed': inAll((n) => `Patient.e${n}`),
  'rules that are none': configuration(filled(() => '1')),
  'a path of too many steps': configuration(rule(`Patient${'.extension'.repeat(1000)}`)),
  'a very long path': configuration(rule(`Patient${'.id'.repeat(300_000)}`)),
  'a very long name': configuration(rule('a'.repeat(1_000_000))),
  'a very long number': condition(`1=${'1'.repeat(1_000_000)}`),
  'a very long union': configuration(rule(filled((n) => `e${n}`, '|'))),
  'long unions': inAll(() => Array.from({ length: 300 }, (_, n) => `name.where(id='${n}')`).join('|')),
  'alternatives without end': condition(filled((n) => `use='${n}'`, ' or ')),
  'open brackets': configuration(rule('('.repeat(1_000_000))),
  'brackets in brackets': configuration(rule(filled(() => `${'('.repeat(190)}a${')'.repeat(190)}`, '|'))),
  signs: configuration(rule('-'.repeat(1_000_000))),
  quotes: configuration(rule("'".repeat(999_999))),
  'what is no FHIRPath': configuration(rule('%'.repeat(999_999))),
  'a very long regular expression': pattern(filled((n) => `a${n}`, '|')),
  'long regular expressions': inAll((n) => `Patient.name.where(family.matches('${'a*'.repeat(300)}${n}'))`),
  'a long regular expression in brackets': condition(`family.matches(('${'a'.repeat(30_000)}'))`),
  'open groups': pattern(inPattern(() => '(')),
  'a table of cases': cases((n) => `"$this = '${n}'":"'a'"`),
  'a table of cases that are none': cases((n) => `"${n} (":"a"`),
  'a table of regular expressions': cases(
    (n) => `"$this.matches('a${n}')":"$this.replaceMatches('(a)','$1')"`,
  ),
  'ZIP codes that are none': zip(() => '[]'),
  'deep JSON': '['.repeat(MAX_BYTES),
  'comments without end': '/*'.repeat(MAX_BYTES / 2),
  ...Object.fromEntries(
    ['- ', '? ', '- [', '#\n', ',', '[,', '!', '&a ', '*a ', '---\n', '%a\n', '"\n', '}\n', 'a: b: ', '- a:\n'].map((part) => [
      `YAML of nothing but ${JSON.stringify(part)}`,
      `a:\n  ${part.repeat(MAX_BYTES)}`.slice(0, MAX_BYTES - 500),
    ]),
  ),
  'YAML with an unknown escape many times': `a: "${'\\q'.repeat(MAX_BYTES / 3)}"`,
  'YAML with many names': filled((n) => `a${n}:`, '\n'),
  'YAML with many aliases': `- &a b\n${filled(() => '- *a', '\n')}`,
  'YAML indented ever deeper': filled((n) => `${' '.repeat(n)}a:`, '\n'),
}; // prettier-ignore

const PATIENT =
  '{"resourceType":"Patient","id":"a","name":[{"use":"official","family":"b","given":["c"]}],"birthDate":"1970-01-01",' +
  '"extension":[{"url":"http://example.org/a","valueQuantity":{"value":1,"code":"kg"}}]}';
const ALL_TYPES = JSON.stringify({
  resourceType: 'Bundle',
  type: 'collection',
  entry: FhirModel.of('R4')
    .resourceNames()
    .map((resourceType) => ({ resource: { resourceType, id: 'a' } })),
});

/** Processor time in milliseconds. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The cost of a run, or of a second one where the first is beyond a bound: other work of the machine adds to a cost. */
function leastCost(run: () => number, bound: number): number {
  const first = run();
  return first < bound ? first : Math.min(first, run());
}

function costOf(text: string): { cost: number; isRead: boolean; issues: number } {
  let isRead = false;
  let found = 0;
  const cost = leastCost(
    () =>
      timed(() => {
        const { configuration: read, issues } = readConfiguration(text, {
          fhirVersion: 'R4',
          coverage: 'warning',
        });
        if (read !== undefined) compileEngine(read, engineOptions('R4'));
        isRead = read !== undefined;
        found = issues.length;
      }),
    MAX_MS * MACHINE_FACTOR,
  );
  return { cost, isRead, issues: found };
}

/** Of the first resource that a new engine is given. */
function firstCost(text: string, resource: string, bound: number): number {
  const { configuration: read } = readConfiguration(text, { fhirVersion: 'R4' });
  if (read === undefined) throw new Error('not read');
  return leastCost(() => {
    const engine = compileEngine(read, engineOptions('R4'));
    return timed(() => anonymizeText(engine, resource));
  }, bound);
}

describe(`any configuration of 1 MiB is read or refused within ${MAX_MS} ms (${MACHINE_FACTOR} times as much on slow machines):`, () => {
  // What all of them need is loaded once.
  readConfiguration(configuration(rule('Resource')), { fhirVersion: 'R4', coverage: 'warning' });

  const rows = [
    ...Object.entries(READ).map(([name, text]) => ({ name, text, expected: true })),
    ...Object.entries(REFUSED).map(([name, text]) => ({ name, text, expected: false })),
  ];
  it.each(rows)('$name', ({ text, expected }) => {
    expect(text.length).toBeLessThanOrEqual(MAX_BYTES);
    const { cost, isRead, issues } = costOf(text);
    expect(isRead).toBe(expected);
    expect(issues).toBeLessThanOrEqual(2000);
    expect(cost).toBeLessThan(MAX_MS * MACHINE_FACTOR);
  });
});

describe(`the first resource after any configuration takes ${MAX_MS_FIRST} ms, a Bundle of all types ${MAX_MS_FIRST_BUNDLE} ms (${MACHINE_FACTOR} times as much on slow machines):`, () => {
  // Of others, nothing is planned ahead.
  const conditional = Object.entries(READ).filter(([, text]) => /where|descendants/.test(text));
  it.each(conditional)('%s', (_name, text) => {
    for (const [resource, bound] of [
      [PATIENT, MAX_MS_FIRST * MACHINE_FACTOR],
      [ALL_TYPES, MAX_MS_FIRST_BUNDLE * MACHINE_FACTOR],
    ] as const)
      expect(Math.round(firstCost(text, resource, bound))).toBeLessThan(bound);
  });
});

it.each([
  ['rules', REFUSED['more rules than are allowed'], 'A configuration may have 2000 rules, and this one has'],
  ['one expression', REFUSED['a very long union'], 'An expression may have 20000 names, literals'],
  ['all expressions', REFUSED['long unions'], 'All expressions of a configuration may have 60000 names'],
  ['a path', REFUSED['a path of too many steps'], 'a path may have 200 steps'],
  ['a name', REFUSED['a very long name'], 'A name or number may have 1000 characters'],
  ['regular expressions', REFUSED['a very long regular expression'], 'characters of regular expressions'],
])('what is beyond a limit is an error that names the limit: %s', (_what, text = '', message) => {
  const { issues } = readConfiguration(text, { fhirVersion: 'R4' });
  expect(
    issues
      .filter(({ severity }) => severity === 'error')
      .map((issue) => issue.message)
      .join('\n'),
  ).toContain(message);
});
