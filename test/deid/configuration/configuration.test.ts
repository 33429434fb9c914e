import { describe, expect, it } from 'vitest';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import { objectEngine } from '../bothWays.js';
import { readConfiguration, type ReadOptions } from '../../../functions/deid/readConfiguration.js';
import { resolveKeys } from '../../../functions/deid/configuration/keys.js';
import type { ConfigurationIssue } from '../../../functions/deid/reading/issues.js';
import { configurationOf, engineOptions } from '../shared.js';

function issuesOf(
  configuration: object | string,
  options: ReadOptions = { fhirVersion: 'R4' },
): ConfigurationIssue[] {
  return readConfiguration(
    typeof configuration === 'string' ? configuration : JSON.stringify(configuration),
    options,
  ).issues;
}

/** Where an issue is in a configuration of one line. */
const IN_LINE_1 = { line: 1, column: expect.any(Number) as number };

describe('every problem is reported at once: where, what, and what would be right', () => {
  it.each(['include', 'Includes', 'import'])(
    '%s: an error, since the rules that it names would be missing',
    (name) => {
      const configuration = {
        [name]: 'hipaa-safe-harbor-r4.json',
        fhirPathRules: [{ path: 'Patient.name', method: 'redact' }],
      };
      expect(issuesOf(configuration)).toContainEqual({
        severity: 'error',
        path: name,
        message: expect.stringContaining('has all of its rules itself') as string,
        ...IN_LINE_1,
      });
    },
  );

  it.each<[object, string, RegExp]>([
    [
      { path: 'Patient.name', method: 'redcat' },
      'fhirPathRules[0].method',
      /Unknown method 'redcat': did you mean 'redact'/,
    ],
    [{ path: 'Patient.name' }, 'fhirPathRules[0].method', /A method is required: one of redact/],
    [{ method: 'redact' }, 'fhirPathRules[0].path', /A path is required/],
    [
      { path: 'Patient.name[', method: 'redact' },
      'fhirPathRules[0].path',
      /Not a FHIRPath expression: .* at character 14/,
    ],
    [
      { path: 'Patient.name.hasValue()', method: 'redact' },
      'fhirPathRules[0].path',
      /Unknown symbol 'hasValue'/,
    ],
    [
      { path: 'Patient.name.where()', method: 'redact' },
      'fhirPathRules[0].path',
      /where\(\) takes 1 argument, not 0/,
    ],
    [{ path: 'Patient.name', method: 'substitute' }, 'fhirPathRules[0].replaceWith', /needs replaceWith/],
    [{ path: 'Patient.name', method: 'perturb' }, 'fhirPathRules[0].span', /needs a span/],
    [
      { path: 'Patient.name', method: 'perturb', span: 1, roundTo: 29 },
      'fhirPathRules[0].roundTo',
      /0 to 28/,
    ],
    [{ path: 'Patient.name', method: 'generalize' }, 'fhirPathRules[0].cases', /needs cases/],
    [
      { path: 'Patient.gender', method: 'generalize', cases: { '$this >': "'x'" } },
      'fhirPathRules[0].cases["$this >"]',
      /condition is not a FHIRPath/,
    ],
  ])('%j: an error', (rule, path, message) => {
    const errors = issuesOf({ fhirPathRules: [rule] }).filter(({ severity }) => severity === 'error');
    expect(errors).toEqual([
      { severity: 'error', rule: 0, path, message: expect.stringMatching(message) as string, ...IN_LINE_1 },
    ]);
  });

  it.each([
    [{ path: 'Patient.name', methd: 'redact' }, 'methd', 'method'],
    [{ path: 'Patient.name', Method: 'redact' }, 'Method', 'method'],
    [{ pth: 'Patient.name', method: 'redact' }, 'pth', 'path'],
  ])('%j: a mistyped name is an error at its place, beside what is missing', (rule, name, meant) => {
    const errors = issuesOf({ fhirPathRules: [rule] }).filter(({ severity }) => severity === 'error');
    expect(errors.map(({ path }) => path)).toEqual([`fhirPathRules[0].${name}`, `fhirPathRules[0].${meant}`]);
    expect(errors[0]).toMatchObject({ message: `Unknown setting; did you mean '${meant}'?`, ...IN_LINE_1 });
  });

  it.each<[string, string]>([
    ['Patient.name.extension(1)', 'Argument 1 of extension() must be a string: write it in single quotes'],
    ['Patient.name.where(family.startsWith(1))', 'Argument 1 of startsWith() must be a string'],
    ["Patient.name.where(family.replace('a', 1.5) = 'b')", 'Argument 2 of replace() must be a string'],
    ['Patient.name.where(family.matches(@2020))', 'Argument 1 of matches() must be a string'],
    ["Patient.name.where(family.replaceMatches('a', true) = 'b')", 'Argument 2 of replaceMatches() must be'],
    ["Patient.name.take('1')", 'Argument 1 of take() must be an integer: write it without quotes'],
    ['Patient.name.skip(1.0)', 'Argument 1 of skip() must be an integer'],
    ['nodesByType(1)', 'Argument 1 of nodesByType() must be a string'],
    ["Patient.name['1'].family", 'An index must be an integer'],
  ])('%s: an error, since it fails on every resource', (path, message) => {
    const problem = `Not a FHIRPath expression: ${message}`;
    const errors = issuesOf({ fhirPathRules: [{ path, method: 'redact' }] }).filter(
      ({ severity }) => severity === 'error',
    );
    expect(errors).toMatchObject([
      { path: 'fhirPathRules[0].path', message: expect.stringContaining(problem) as string },
    ]);
  });

  it.each([
    "Patient.name.extension('1')",
    'Patient.name.extension({})',
    'Patient.name.extension(id)',
    'Patient.name.take(1)',
    'Patient.name.take(-1)',
    'Patient.name.trace(1)',
    'Patient.name[0].family',
    "Observation.where(value.toQuantity('mg') > 1)",
  ])('%s: no error', (path) => {
    const errors = issuesOf({ fhirPathRules: [{ path, method: 'redact' }] }).filter(
      ({ severity }) => severity === 'error',
    );
    expect(errors).toEqual([]);
  });

  it.each<[string, RegExp]>([
    ['Pateint.name', /no resource type 'Pateint'; did you mean 'Patient'/],
    ['Patient.nmae', /no element 'nmae' in Patient; did you mean 'name'/],
    ['Patient.contact.name.gven', /no element 'gven' in HumanName; did you mean 'given'/],
    ['Observation.valueQuantity', /write 'value', or 'value as Quantity'/],
    ["nodesByType('HumanNam')", /no type 'HumanNam'; did you mean 'HumanName'/],
    ["nodesByName('famly')", /no element 'famly'; did you mean 'family'/],
    ['Patient.birthDate as Quantity', /never a 'Quantity' \(types match exactly\), only date/],
    ['Patient.name.where(usee = 1)', /no element 'usee' in HumanName; did you mean 'use'/],
    ['Patient.name | Practitioner.name', /'Practitioner' never matches here/],
    ['patient.name', /Selects only elements named 'patient'.*did you mean 'Patient.name'/],
    ['observation.value as Quantity', /did you mean 'Observation.value as Quantity'/],
    ['OBSERVATION.value', /no resource type 'OBSERVATION'; did you mean 'Observation'/],
    ['encounter.nmae', /no element 'nmae' in Reference/],
  ])('%s: a warning', (path, message) => {
    const issues = issuesOf({ fhirPathRules: [{ path, method: 'redact' }] });
    expect(issues).toEqual([
      {
        severity: 'warning',
        rule: 0,
        path: 'fhirPathRules[0].path',
        message: expect.stringMatching(message) as string,
        ...IN_LINE_1,
      },
    ]);
  });

  it.each<[object, 'warning' | 'error', string, RegExp]>([
    [
      { path: 'Patient.telecom.value', method: 'dateShift' },
      'warning',
      'method',
      /dateShift moves dates, and .* only string$/,
    ],
    [{ path: "nodesByType('string')", method: 'dateShift' }, 'warning', 'method', /only string$/],
    [
      { path: 'Patient.name', method: 'perturb', span: 1 },
      'warning',
      'method',
      /perturb changes numbers, .* only HumanName/,
    ],
    [
      { path: "nodesByType('HumanName')", method: 'generalize', cases: {} },
      'error',
      'method',
      /for primitive elements, .* only HumanName/,
    ],
    [{ path: 'Patient', method: 'generalize', cases: {} }, 'error', 'method', /only Patient/],
    [
      { path: 'Patient.name', method: 'substitute', replaceWith: 'Doe' },
      'error',
      'replaceWith',
      /Must be an object .* only HumanName/,
    ],
    [
      { path: 'Patient.gender', method: 'substitute', replaceWith: { a: 1 } },
      'warning',
      'replaceWith',
      /takes a primitive's value away: the path selects only code\. Give a text/,
    ],
    [
      { path: 'Observation.value', method: 'substitute', replaceWith: { text: 'x' } },
      'warning',
      'replaceWith',
      /takes a primitive's value away: the path also selects boolean, dateTime, integer, string, time\. Give a text/,
    ],
    [
      { path: 'Patient.multipleBirth | Patient.name', method: 'substitute', replaceWith: 'x' },
      'warning',
      'replaceWith',
      /takes a complex element away: the path also selects HumanName\. Give an object/,
    ],
  ])('%j: a method that its path has no use for is an %s', (rule, severity, path, message) => {
    const issues = issuesOf({ fhirPathRules: [rule], parameters: { dateShiftScope: 'patient' } });
    expect(issues).toEqual([
      {
        severity,
        rule: 0,
        path: `fhirPathRules[0].${path}`,
        message: expect.stringMatching(message) as string,
        ...IN_LINE_1,
      },
    ]);
  });

  it.each([
    { path: 'Patient.birthDate', method: 'dateShift' },
    { path: 'Resource', method: 'dateShift' },
    { path: 'Encounter.period', method: 'dateShift' },
    { path: 'Observation.value', method: 'perturb', span: 1 },
    { path: 'Observation.referenceRange', method: 'perturb', span: 1 },
    { path: 'Observation.value', method: 'generalize', cases: {} },
    { path: 'Patient.name', method: 'substitute', replaceWith: null },
    { path: 'Patient.name', method: 'substitute', replaceWith: '{"text": "x"}' },
    { path: 'patient.reference', method: 'cryptoHash' },
  ])('%j: no issue, since it can act', (rule) => {
    expect(issuesOf({ fhirPathRules: [rule], parameters: { dateShiftScope: 'patient' } })).toEqual([]);
  });

  it.each<[string, (at: number) => string]>([
    ['unknown elements', (at) => `foo${at}.bar`],
    ['unknown types', (at) => `nodesByType('Foo${at}')`],
    [
      'unions of unknown elements',
      (at) => Array.from({ length: 100 }, (_, each) => `x${at}y${each}`).join(' | '),
    ],
    ['unions within unions', (at) => `(name | nam${at})${'.select(name | nmae)'.repeat(8)}`],
  ])('%s by the thousand are read in bounded time: most suggestions are left out', (_name, pathOf) => {
    const fhirPathRules = Array.from({ length: 2000 }, (_, at) => ({ path: pathOf(at), method: 'redact' }));
    const text = JSON.stringify({ fhirPathRules: fhirPathRules.slice(0, 1e6 / pathOf(0).length) });
    const started = process.cpuUsage();
    const issues = issuesOf(text, { fhirVersion: 'R4', coverage: 'warning' });
    const { user, system } = process.cpuUsage(started);
    expect(issues.length).toBeLessThan(150);
    // Some 0.2 s; without the bound up to half a minute.
    expect((user + system) / 1e6).toBeLessThan(4);
  });

  it('all of them in one answer', () => {
    const issues = issuesOf({
      fhirVersion: 'R6',
      processingErrors: 'ignore',
      fhirPathRules: [{ path: 'Patient..name', method: 'x' }, 7],
      parameters: {
        encryptKey: 'short',
        dateShiftScope: 'week',
        truncate: 8,
        enablePartialDatesForRedact: 'perhaps',
      },
    });
    expect(issues.map(({ severity, path }) => `${severity} ${path}`)).toEqual([
      'error fhirVersion',
      'error processingErrors',
      'error fhirPathRules[0].path',
      'error fhirPathRules[0].method',
      'error fhirPathRules[1]',
      'error parameters.enablePartialDatesForRedact',
      'error parameters.dateShiftScope',
      'error parameters.truncate',
      'error parameters.encryptKey',
    ]);
  });

  it.each([
    ['{"fhirPathRules":[],"fhirPathRules":[]}', /is there twice in the same object at line 1, column 21/],
    ['{\n "fhirPathRules": [\n', /at line 3, column 1/],
    ['', /is empty/],
    ['[]', /must be a JSON object/],
    [`{"fhirPathRules":[],"x":"${'x'.repeat(1024 * 1024)}"}`, /larger than 1 MiB/],
  ])('%.40s', (text, message) => {
    expect(issuesOf(text)).toEqual([
      { severity: 'error', path: '', message: expect.stringMatching(message) as string },
    ]);
  });

  it('reads a byte order mark, comments, single quotes and other names for settings', () => {
    const text =
      "\ufeff{ // c\n 'FHIRPATHRULES': [{'path':'Patient.name','method':'redact'},], /* d */ 'processingError':'keep'}";
    const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
    expect(configuration?.processingErrors).toBe('skip');
    expect(issues.map(({ severity, path }) => [severity, path])).toEqual([
      ['warning', 'processingError'],
      ['warning', 'processingError'],
    ]);
  });
});

describe('date shifts', () => {
  it.each([
    [{ dateShiftScope: 'resource' }, 'parameters.dateShiftScope'],
    [{ dateShiftScope: 'folder' }, 'parameters.dateShiftScope'],
    [{ dateShiftFixedOffsetInDays: 3 }, 'parameters.dateShiftFixedOffsetInDays'],
    [{ dateShiftScope: 'patient' }, undefined],
  ])('says where a date shift is weak: %j', (parameters, path) => {
    const issues = issuesOf({
      fhirPathRules: [{ path: "nodesByType('date')", method: 'dateShift' }],
      parameters,
    });
    expect(issues[0]?.path).toBe(path);
  });
});

describe('keys', () => {
  const rules = [
    { path: 'Patient.id', method: 'cryptoHash' },
    { path: 'Patient.gender', method: 'encrypt' },
    { path: 'Patient.birthDate', method: 'dateShift' },
  ];
  const patient = { resourceType: 'Patient', id: 'p', gender: 'male', birthDate: '2000-01-01' };

  const lineOf = (parameters: object, secret: number): string => {
    const configuration = configurationOf(JSON.stringify({ fhirPathRules: rules, parameters }), 'R4');
    const engine = objectEngine(configuration, {
      ...engineOptions('R4'),
      jobSecret: new Uint8Array(32).fill(secret),
    });
    const result = engine.anonymize({ ...patient });
    return result.outcome === 'anonymized' ? result.line : '';
  };

  it('that are empty are the job’s own: the same in every activity, others in every job', () => {
    for (const parameters of [{}, { cryptoHashKey: '', encryptKey: '', dateShiftKey: null }]) {
      expect(lineOf(parameters, 1)).toBe(lineOf({}, 1));
      expect(lineOf(parameters, 1)).not.toBe(lineOf({}, 2));
    }
    const given = { cryptoHashKey: 'a', encryptKey: '0123456789abcdef', dateShiftKey: 'b' };
    expect(lineOf(given, 1)).toBe(lineOf(given, 2));
  });

  it('named by the configuration are looked up, and must be there and fit', async () => {
    const parameters = { cryptoHashKey: { secretName: 'hash' }, encryptKey: { secretName: 'encrypt' } };
    const configuration = configurationOf(JSON.stringify({ fhirPathRules: rules, parameters }), 'R4');
    expect(() => compileEngine(configuration, engineOptions('R4'))).toThrow(/resolved/);
    const found = new Map([
      ['hash', 'a'],
      ['encrypt', '0123456789abcdef'],
    ]);
    const { configuration: resolved } = await resolveKeys(
      configuration,
      async (name) => found.get(name) ?? null,
    );
    expect(resolved?.parameters.cryptoHashKey).toEqual({ kind: 'text', text: 'a' });
    const bad = await resolveKeys(configuration, async (name) => (name === 'encrypt' ? 'topsecret' : null));
    expect(bad.configuration).toBeUndefined();
    expect(bad.issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "parameters.cryptoHashKey: The secret 'hash' was not found",
      "parameters.encryptKey: The secret 'encrypt' must be 16, 24 or 32 bytes long in UTF-8",
    ]);
    expect(JSON.stringify(bad.issues)).not.toContain('topsecret');
  });

  it('are in no issue', () => {
    const issues = issuesOf({
      fhirPathRules: [{ path: 'x', method: 'y' }],
      parameters: {
        encryptKey: 'topsecret',
        cryptoHashKey: ['topsecret'],
        dateShiftKey: { key: 'topsecret' },
      },
    });
    expect(issues.length).toBeGreaterThan(3);
    expect(JSON.stringify(issues)).not.toContain('topsecret');
  });
});

describe('fhirVersion is one version or a list of some', () => {
  it.each([
    [undefined, undefined],
    ['R4B', undefined],
    ['r4b', undefined],
    [['R4', 'R4B'], undefined],
    [['R4B'], undefined],
    ['R4', /is for another FHIR version: the data is R4B/],
    [['R4', 'R5'], /is for another FHIR version: the data is R4B/],
    [[], /Not a FHIR version/],
    [['R4B', 'R9'], /Not a FHIR version/],
    [['R4B', null], /Not a FHIR version/],
    [{ R4B: true }, /Not a FHIR version/],
  ])('%j', (fhirVersion, message) => {
    const issues = issuesOf({ fhirVersion, fhirPathRules: [] } as object, { fhirVersion: 'R4B' });
    if (message === undefined) expect(issues).toEqual([]);
    else expect(issues.map((issue) => issue.message)).toEqual([expect.stringMatching(message)]);
  });
});
