import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { coverageOf, type Coverage } from '../../../functions/deid/coverage/coverage.js';
import type { ConfigurationIssue } from '../../../functions/deid/reading/issues.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { configurationOf, hasShared, readText } from '../shared.js';

const VERSIONS: FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];

type Rule = { path: string; method: string; [setting: string]: unknown };

const ALL: Rule = { path: 'Resource', method: 'redact' };

function coverage(rules: readonly Rule[], parameters: object = {}, version: FhirVersion = 'R4'): Coverage {
  return coverageOf(configurationOf(JSON.stringify({ fhirPathRules: rules, parameters }), version));
}

/** The gaps in short: `names HumanName none`. */
function gapsOf(rules: readonly Rule[], parameters: object = {}): string[] {
  return coverage(rules, parameters).gaps.map(
    ({ category, dataType, reach }) => `${category} ${dataType} ${reach}`,
  );
}

function issuesOf(rules: readonly Rule[], isVerbose = false): ConfigurationIssue[] {
  const text = JSON.stringify({ fhirPathRules: rules, parameters: { dateShiftScope: 'patient' } });
  return readConfiguration(text, { fhirVersion: 'R4', coverage: 'warning', isVerbose }).issues;
}

const NAME = "nodesByType('HumanName')";
/** Redacts what is around names, so that only the rules before it are judged. */
const AROUND: Rule[] = [
  { path: `${NAME}.period`, method: 'redact' },
  { path: `${NAME}.id`, method: 'redact' },
  { path: "nodesByType('Extension')", method: 'redact' },
  { path: "nodesByType('string').id", method: 'redact' },
  { path: "nodesByType('code').id", method: 'redact' },
];

describe('an element is covered by a method that acts on its type only, and in full only without conditions', () => {
  it.each<[string, Rule[], string | undefined]>([
    ['redact', [{ path: NAME, method: 'redact' }], undefined],
    ['cryptoHash', [{ path: NAME, method: 'cryptoHash' }], undefined],
    ['encrypt', [{ path: NAME, method: 'encrypt' }], undefined],
    ['substitute', [{ path: NAME, method: 'substitute', replaceWith: { text: 'x' } }], undefined],
    ['keep', [{ path: NAME, method: 'keep' }], 'none'],
    ['dateShift', [{ path: NAME, method: 'dateShift' }], 'none'],
    ['perturb', [{ path: NAME, method: 'perturb', span: 1 }], 'none'],
    ['a constant', [{ path: "nodesByName('name').family", method: 'generalize', cases: { true: "'x'" } }], undefined],
    ['a kept rest', [{ path: `${NAME}.family`, method: 'generalize', cases: { 'length() > 3': "'x'" }, otherValues: 'keep' }], 'partial'],
    ['a part of the value', [{ path: `${NAME}.family`, method: 'generalize', cases: { true: '$this.substring(0, 1)' } }], 'partial'],
    ['keep with a condition', [{ path: `${NAME}.where(use = 'nickname')`, method: 'keep' }], 'partial'],
    ['keep of the first', [{ path: 'Patient.name.first()', method: 'keep' }], 'partial'],
    ['keep of one', [{ path: 'Patient.name[0]', method: 'keep' }], 'partial'],
    ['keep of a path that cannot be followed', [{ path: 'Patient.name.repeat(period)', method: 'keep' }], 'partial'],
    ['a condition before keep', [{ path: `${NAME}.where(use = 'usual')`, method: 'redact' }, { path: NAME, method: 'keep' }], 'partial'],
    ['a condition before redact', [{ path: `${NAME}.where(use = 'usual')`, method: 'redact' }], undefined],
    ['keep of names inside a Bundle', [{ path: 'Bundle.entry.resource.name', method: 'keep' }], 'partial'],
    ['keep of contained names', [{ path: "Patient.contained.nodesByType('HumanName')", method: 'keep' }], 'partial'],
  ])('%s', (_name, rules, reach) => {
    const found = coverage([...AROUND, ...rules, ALL]).gaps.filter(
      ({ category, dataType }) => category === 'names' && dataType === 'HumanName',
    );
    expect(found.map((gap) => gap.reach)).toEqual(reach === undefined ? [] : [reach]);
  }); // prettier-ignore

  it.each<[string, Rule[], object, string[]]>([
    ['partial dates', [ALL], { enablePartialDatesForRedact: true, enablePartialAgesForRedact: true }, []],
    ['partial ZIP codes without the restricted ones', [ALL], { enablePartialZipCodesForRedact: true }, ['places Address partial']],
    ['a shift by no days', [{ path: "nodesByType('dateTime')", method: 'dateShift' }, ALL], { dateShiftFixedOffsetInDays: 0 }, ['dates dateTime none', 'media Attachment none']],
    ['a result as exact as a date', [{ path: 'Patient.birthDate', method: 'generalize', cases: { true: '@1990-02-03' } }, ALL], {}, ['dates date partial']],
    ['a year', [{ path: 'Patient.birthDate', method: 'generalize', cases: { true: '@1990' } }, ALL], {}, []],
    ['an allow-list', [], { unmatched: 'redact' }, []],
    ['an allow-list that keeps names', [{ path: 'Patient.name.family', method: 'keep' }], { unmatched: 'redact' }, ['names HumanName none']],
    ['keep of displays and units', [{ path: "nodesByType('Coding').display", method: 'keep' }, { path: "nodesByType('Quantity').unit", method: 'keep' }], { unmatched: 'redact' }, []],
    ['a shift by days that are known', [{ path: "nodesByType('dateTime')", method: 'dateShift' }, ALL], { dateShiftFixedOffsetInDays: 1 }, ['dates dateTime none', 'media Attachment none']],
    ['ranges of years', [{ path: 'Patient.birthDate', method: 'generalize', cases: { '$this >= @1980 and $this < @1990-01-01': "'1980s'", '$this > @2000': '@2000' } }, ALL], {}, []],
    ['ranges of days', [{ path: 'Patient.birthDate', method: 'generalize', cases: { '$this >= @1980-02-03': "'x'" } }, ALL], {}, ['dates date partial']],
    ['a table of values', [{ path: 'Patient.birthDate', method: 'generalize', cases: { '$this = @1980-02-03': "'d1'", '$this = @1980-02-04': "'d2'" } }, ALL], {}, ['dates date partial']],
    ['many ranges', [{ path: 'Patient.birthDate', method: 'generalize', cases: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`$this < @${1900 + at}`, `'${at}'`])) }, ALL], {}, ['dates date partial']],
    ['references whose servers are kept', [{ path: "nodesByType('Reference').reference", method: 'cryptoHash' }, ALL], {}, ['references Reference.reference partial']],
    ['references whose servers are hashed', [{ path: "nodesByType('Reference').reference", method: 'cryptoHash' }, ALL], { referenceServers: 'hash' }, []],
    ['quantities of another unit', [{ path: "nodesByType('Quantity').where(code = 'kg').value", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity none']],
    ['quantities with a code alone', [{ path: "nodesByType('Quantity').where(value > 89 and code = 'a').value", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity partial']],
    ['quantities by code, and by unit', [{ path: "nodesByType('Quantity').where(code = 'a').value", method: 'redact' }, { path: "nodesByType('Quantity').where(unit ~ 'years')", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, []],
    ['quantities above another limit', [{ path: "nodesByType('Quantity').value.where($this > 100)", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity none']],
    ['quantities by their number alone', [{ path: "nodesByType('Quantity').value.where($this > 89)", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, []],
    ['the first of the quantities', [{ path: "nodesByType('Quantity').first().value", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity none']],
    ['ages that an earlier rule keeps', [{ path: "nodesByType('Quantity').where(code = 'a').value", method: 'keep' }, { path: "nodesByType('Quantity').where(unit ~ 'years' or code = 'a').value", method: 'redact' }, { path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity partial']],
    ['quantities of any age', [{ path: "nodesByType('Quantity').value", method: 'keep' }, ALL], {}, ['ages Quantity none']],
  ])('%s', (_name, rules, parameters, gaps) => {
    const before: Rule[] = [
      { path: "nodesByType('Extension')", method: 'redact' },
      ...['string', 'date', 'decimal', 'dateTime'].map((type) => ({ path: `nodesByType('${type}').id`, method: 'redact' })),
    ];
    expect(gapsOf([...before, ...rules], parameters)).toEqual(gaps);
  }); // prettier-ignore

  it.each<[string, Rule[], string[]]>([
    ['a result from elsewhere', [{ path: 'Patient.gender', method: 'generalize', cases: { true: '%resource.name.first().family' } }], ['HumanName.family']],
    ['a condition on what is elsewhere', [{ path: 'Patient.gender', method: 'generalize', cases: { "%resource.birthDate < @1980": "'x'" } }], ['Patient.birthDate']],
    ['a result from an extension of the value', [{ path: 'Patient.gender', method: 'generalize', cases: { true: 'extension.first().value.ofType(Coding).display' } }], []],
    ['a result from a text of an extension', [{ path: 'Patient.gender', method: 'generalize', cases: { true: 'extension.first().value.ofType(string)' } }], ['Extension.valueString']],
    ['a condition on a name', [{ path: "Patient.where(name.family = 'A').gender", method: 'keep' }], ['HumanName.family']],
    ['a condition on the value', [{ path: "Patient.name.family.where($this = 'A')", method: 'cryptoHash' }], ['HumanName.family']],
    ['a function of the value', [{ path: "Patient.name.family.where(startsWith('A'))", method: 'cryptoHash' }], ['HumanName.family']],
    ['an argument', [{ path: "Patient.where('A'.startsWith(name.family)).gender", method: 'keep' }], ['HumanName.family']],
    ['an index', [{ path: "Patient.communication[iif(birthDate = @1980-02-03, 0, 1)].preferred", method: 'keep' }], ['Patient.birthDate']],
    ['a choice', [{ path: "Patient.where(iif(true, name, contact.name).family = 'A').gender", method: 'keep' }], ['any element']],
    ['nodes of a type', [{ path: "Patient.where(nodesByType('ContactPoint').value = '1').gender", method: 'keep' }], ['ContactPoint.value']],
    ['nodes of a name', [{ path: "Patient.where(nodesByName('city') = 'A').gender", method: 'keep' }], ['Address.city']],
    ['all below', [{ path: "Patient.where(descendants() = 'A').gender", method: 'keep' }], ['any element']],
    ['the resource around', [{ path: "nodesByType('Coding').where(%resource.id = 'a').display", method: 'keep' }], ['Resource.id']],
    ['resources inside', [{ path: "Bundle.where(entry.resource.id = 'a').type", method: 'keep' }], ['any element']],
    ['an extension', [{ path: "Patient.where(extension('a').value = 'A').gender", method: 'keep' }], ['Extension.valueString']],
    ['a kind of code, identifier and address', [{ path: "Patient.identifier.where(system = 'a' and type.text = 'b' and use = 'c').use | Patient.address.where(country = 'US').country", method: 'keep' }], []],
    ['whether there is any', [{ path: 'Patient.where(name.family.exists()).gender', method: 'keep' }], []],
  ])('a rule is no question about an identity: %s', (_name, rules, told) => {
    const before: Rule[] = [
      { path: "nodesByType('Extension')", method: 'redact' },
      ...['string', 'code', 'boolean'].map((type) => ({ path: `nodesByType('${type}').id`, method: 'redact' })),
    ];
    const { gaps, isComplete } = coverage([...before, ...rules, ALL]);
    const paths = gaps.flatMap((gap) => gap.paths);
    for (const path of told) expect(paths.some((each) => each === path || (path === 'Resource.id' && each.endsWith('.id'))), path).toBe(true);
    expect(isComplete).toBe(told.length === 0);
    const warned = issuesOf([...before, ...rules, ALL]).filter(({ message }) => message.startsWith('What this rule does'));
    expect(warned.length).toBe(told.length === 0 ? 0 : 1);
  }); // prettier-ignore

  it.each([
    ['encrypt', 'encryptKey', '0123456789abcdef', 'none'],
    ['cryptoHash', 'cryptoHashKey', 'known', 'partial'],
    ['dateShift', 'dateShiftKey', 'known', 'partial'],
  ])('%s does not clear under a key that is written in the configuration', (method, name, key, reach) => {
    const category = method === 'dateShift' ? 'dates' : 'names';
    const rules: Rule[] = [...AROUND, { path: "nodesByType('dateTime').id | nodesByType('date').id", method: 'redact' }, { path: category === 'names' ? NAME : "nodesByType('date')", method }, ALL];
    const reaches = (value: unknown) => coverage(rules, { [name]: value }).gaps.filter((gap) => gap.category === category).map((gap) => gap.reach);
    expect(reaches(key)).toEqual([reach]);
    for (const unknown of ['', { secretName: 'a' }]) expect(reaches(unknown)).toEqual([]);
    const { issues } = readConfiguration(JSON.stringify({ fhirPathRules: rules, parameters: { [name]: key } }), { fhirVersion: 'R4', coverage: 'warning' });
    expect(issues.map(({ path }) => path)).toContain(`parameters.${name}`);
  }); // prettier-ignore

  it('names the ids, names and addresses that references and Bundles hold', () => {
    const messages = issuesOf([{ path: 'Patient.link', method: 'redact' }]).map(({ message }) => message);
    const urls = messages.find((message) => message.startsWith('Coverage, URLs'));
    expect(messages.some((message) => message.includes('Reference.reference'))).toBe(true);
    expect(messages.some((message) => message.includes('Reference.display'))).toBe(true);
    for (const name of ['entry.fullUrl', 'entry.request.ifNoneExist', 'entry.request.url', 'link.url'])
      expect(urls).toContain(`Bundle.${name}`);
  });
});

describe('findings', () => {
  it('of one rule are at most 25, each with a rule; verbose ones name every element', () => {
    const rules = [{ path: 'Patient.link', method: 'keep' }];
    const short = issuesOf(rules);
    expect(short.length).toBeGreaterThan(15);
    expect(short.length).toBeLessThanOrEqual(25);
    for (const { message } of short)
      expect(message).toMatch(/One rule for all(, before [^:]+)?: \{"path":".*","method":"\w+"\}/);
    const verbose = issuesOf(rules, true);
    const everything = verbose.map(({ message }) => message).join('\n');
    const { gaps } = coverage(rules);
    const paths = gaps.flatMap((gap) => gap.paths);
    expect(paths.length).toBeGreaterThan(2000);
    for (const path of paths.filter((_path, at) => at % 50 === 0)) expect(everything).toContain(path);
  });

  it('are errors with requireCoverage, and complete without a gap', () => {
    const text = (rules: Rule[]): string =>
      JSON.stringify({ fhirPathRules: rules, parameters: { requireCoverage: true } });
    const refused = readConfiguration(text([{ path: NAME, method: 'redact' }]), { fhirVersion: 'R4' });
    expect(refused.configuration).toBeUndefined();
    expect(refused.issues.every(({ severity }) => severity === 'error')).toBe(true);
    const taken = readConfiguration(text([ALL]), { fhirVersion: 'R4' });
    expect(taken.configuration).toBeDefined();
    expect(taken.coverage).toEqual({ isComplete: true, gaps: [] });
  });

  it.each(VERSIONS)('give rules that close all gaps of %s', (version) => {
    for (const start of [[], [{ path: NAME, method: 'redact' }], [{ path: 'Patient', method: 'redact' }]]) {
      const rules: Rule[] = [...start];
      const { gaps } = coverage(rules, {}, version);
      const parameters = Object.assign({}, ...gaps.map((gap) => gap.parameters)) as object;
      // What an exact rule is for comes before the rules for whole types.
      const ofIds = gaps.filter(({ suggestion }) => suggestion.method === 'cryptoHash');
      rules.push(...[...ofIds, ...gaps].map(({ suggestion }) => suggestion));
      expect(coverage(rules, parameters, version).gaps).toEqual([]);
    }
  });

  it.each(VERSIONS)('on the sample configuration of %s: none', (version) => {
    const url = new URL(
      `../../../configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`,
      import.meta.url,
    );
    const { coverage: found, issues } = readConfiguration(readFileSync(url, 'utf8'), {
      fhirVersion: version,
      coverage: 'warning',
    });
    expect(issues).toEqual([]);
    expect(found?.isComplete).toBe(true);
  });

  it.each<[string, Rule[], string]>([
    ['that keeps a resource', [{ path: 'Patient', method: 'keep' }, ALL], "fhirPathRules[0] ('Patient')"],
    ['that keeps one element, and so the extensions in it', [{ path: NAME, method: 'redact' }, { path: 'Patient.birthDate', method: 'dateShift' }, ALL], "fhirPathRules[1] ('Patient.birthDate')"],
  ])('is no more than its first rule leaves: one %s is named', (_name, rules, named) => {
    const left = issuesOf(rules).filter(({ message }) => message.startsWith('Coverage, identifiers'));
    expect(left.length).toBeGreaterThan(0);
    for (const { message } of left) {
      expect(message).toContain(`, since ${named} decides what they are in and leaves them`);
      expect(message).toContain(`One rule for all, before ${named}: `);
    }
  }); // prettier-ignore

  it('names no rule where none decides what is left', () => {
    const messages = issuesOf([{ path: 'Patient.birthDate', method: 'redact' }]).map(
      ({ message }) => message,
    );
    expect(messages.join('\n')).not.toContain(', since ');
  });

  it('of rules too intertwined to be followed: as if there were none', () => {
    const names = [...FhirModel.of('R4').elementsByName().keys()];
    const rules = names.slice(0, 1000).map((name, at) => ({
      path: `Resource.nodesByName('${name}').descendants().nodesByName('${names.at(-at)}')`,
      method: at % 2 === 0 ? 'redact' : 'encrypt',
    }));
    const { coverage: found, issues } = readConfiguration(JSON.stringify({ fhirPathRules: [...rules, ALL] }), {
      fhirVersion: 'R4',
      coverage: 'warning',
    });
    expect(found?.isComplete).toBe(false);
    expect(issues.some(({ message }) => message.includes('too many and too intertwined'))).toBe(true);
  }); // prettier-ignore
});

describe('rules that can never act', () => {
  it.each<[string, Rule[], number[]]>([
    ['below a rule that decides all', [{ path: 'Patient', method: 'dateShift' }, { path: 'Patient.name', method: 'redact' }], [1]],
    ['after keep of everything', [{ path: 'Resource', method: 'keep' }, { path: NAME, method: 'redact' }, { path: 'Patient.id', method: 'redact' }], [1, 2]],
    ['of the same path', [{ path: NAME, method: 'keep' }, { path: NAME, method: 'redact' }, { path: NAME, method: 'keep' }], [1, 2]],
    ['of a type that is gone', [{ path: 'Patient', method: 'redact' }, { path: 'Patient.contact.name', method: 'redact' }], [1]],
    ['not after a condition', [{ path: 'Patient.where(active = true)', method: 'keep' }, { path: 'Patient.name', method: 'redact' }], []],
    ['not where something is left', [{ path: 'Patient', method: 'redact' }, { path: NAME, method: 'redact' }], []],
    ['not with another condition', [{ path: `${NAME}.where(use = 'a')`, method: 'keep' }, { path: `${NAME}.where(use = 'b')`, method: 'keep' }], []],
    ['with a condition after one without', [{ path: NAME, method: 'keep' }, { path: `${NAME}.where(use = 'b')`, method: 'redact' }], [1]],
  ])('%s', (_name, rules, idle) => {
    const warned = issuesOf(rules).filter(({ message }) => message.startsWith('Never acts'));
    expect(warned.map(({ rule }) => rule)).toEqual(idle);
    for (const { severity, path, message } of warned) {
      expect(severity).toBe('warning');
      expect(path).toMatch(/^fhirPathRules\[\d\]\.path$/);
      expect(message).toMatch(/fhirPathRules\[0\] \('.*'\) decides all that it selects/);
    }
  }); // prettier-ignore
});

const isThere = hasShared('cases/attacker');
describe.runIf(isThere)('configurations that were said to be covered and are not', () => {
  it.each([
    ['attacker', 'v1.json'],
    ['attacker', 'v2.json'],
    ['attacker', 'v3.json'],
    ['attacker', 'v4.json'],
    ['attacker', 'covered-but-leaky.json'],
    ['attacker', 'keepall-noop.json'],
    ['07-coverage-passes-references', 'config.json'],
    ['08-coverage-passes-rules-that-do-nothing', 'config.json'],
  ])('%s/%s', (folder, file) => {
    const text = readText('cases', folder, file);
    const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4', coverage: 'error' });
    expect(configuration).toBeUndefined();
    expect(issues.filter(({ severity }) => severity === 'error').length).toBeLessThanOrEqual(25);
  });

  it('09: the rule that an earlier one makes idle is a warning', () => {
    const text = readText('cases', '09-shadowed-rule-not-told', 'config.json');
    const { issues } = readConfiguration(text, { fhirVersion: 'R4', coverage: 'warning' });
    expect(issues.find(({ message }) => message.startsWith('Never acts'))?.path).toBe(
      'fhirPathRules[1].path',
    );
  });

  it('15: a path that begins in lower case asks what was meant', () => {
    const { issues } = readConfiguration(readText('cases', '15-message-lower-case-type', 'config.json'), {
      fhirVersion: 'R4',
    });
    expect(issues.map(({ message }) => message)).toEqual([expect.stringContaining("did you mean 'Patient.name'?")]);
  }); // prettier-ignore
});
