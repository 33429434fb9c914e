import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import { anonymizeText } from '../../functions/deid/run/anonymizeText.js';
import type { Validation } from '../../functions/deid/run/engine.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generateSample } from '../../local/sample/sample.js';
import { GroupList } from '../../functions/export/selection/groupList.js';
import { SMART, sourceStatement, statementOf } from '../http/answers.js';
import { configurationOf, engineOptions, filesIn, hasShared, readText, SHARED } from '../deid/shared.js';
import {
  firely,
  hasFirely,
  medplum,
  schemaOfStu3,
  typesOfR5,
  validByFirely,
  type Verdict,
} from './validators.js';

const NONE: Verdict = { refused: 0, reasons: {} };
/** Validators are slow: Firely's reads some 10 resources a second. */
vi.setConfig({ testTimeout: 300_000 });

function linesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ndjson'))
    .sort()
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').filter(Boolean));
}

/** The data of the demo. */
function hospital(fhirVersion: FhirVersion): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'validity-'));
  generateSample({ directory, fhirVersion });
  return linesIn(directory);
}

const textOf = (resource: object): string => JSON.stringify(resource);

/** The first resources of each type. */
function some(lines: readonly string[], each: number): string[] {
  const counts = new Map<string, number>();
  return lines.filter((line) => {
    const { resourceType } = JSON.parse(line) as { resourceType: string };
    const count = (counts.get(resourceType) ?? 0) + 1;
    counts.set(resourceType, count);
    return count <= each;
  });
}

/** What a configuration makes of resources; a result that our own validator refuses is an error. */
function anonymized(
  lines: readonly string[],
  fhirVersion: FhirVersion,
  configuration: string,
  validation: Validation = 'refuse',
): string[] {
  const { parameters, ...rest } = JSON.parse(configuration) as { parameters?: object };
  const valid = JSON.stringify({ ...rest, parameters: { ...parameters, validOutput: true } });
  const options = { ...engineOptions(fhirVersion), validation };
  const engine = compileEngine(configurationOf(valid, fhirVersion), options);
  return lines.map((line) => {
    const result = anonymizeText(engine, line);
    if (result.outcome !== 'anonymized') throw new Error(JSON.stringify(result).slice(0, 500));
    return result.line;
  });
}

const sampleOf = (version: FhirVersion): string =>
  readFileSync(join(PROJECT_ROOT, `configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`), 'utf8');

const withFirely = hasFirely();

describe.each(FHIR_VERSIONS)('the hospital of %s, de-identified', (version) => {
  let lines: readonly string[] = [];
  beforeAll(() => {
    lines = anonymized(hospital(version), version, sampleOf(version));
  });

  it('is whole', () => {
    expect(lines.length).toBeGreaterThan(2000);
  });

  // R4's parser reads R4B: the hospital has no type that R4 does not have.
  it.runIf(withFirely && (version === 'R4' || version === 'R4B'))('is read by Firely', () => {
    expect(firely(lines)).toMatchObject(NONE);
  });

  it.runIf(version === 'R4')('is valid for Medplum', async () => {
    expect(await medplum(lines)).toEqual(NONE);
  });

  it.runIf(withFirely && version === 'R4')('is valid for Firely, invariants included', () => {
    expect(firely(some(lines, 3), true)).toMatchObject(NONE);
  });

  // The schema refuses every list of codes, and every contained resource.
  it.runIf(version === 'STU3')('is valid by HL7’s JSON schema', () => {
    const { reasons } = schemaOfStu3(lines);
    const paths = new Set(Object.keys(reasons).map((reason) => reason.split(' ')[0]));
    expect(paths).toEqual(new Set(['.category', '.contained', '.contained.resourceType']));
  });

  it.runIf(version === 'R5')('has the types that @types/fhir declares', () => {
    expect(typesOfR5(some(lines, 20))).toEqual(NONE);
  });
});

describe.each(FHIR_VERSIONS)('what the interface of %s answers', (version) => {
  const ofSmart: string[] = [];
  const others: string[] = [];
  const bundles: string[] = [];
  beforeAll(async () => {
    const [one, smart] = [{ FHIR_VERSION: version }, { ...SMART, FHIR_VERSION: version }];
    const operation = { DE_IDENTIFY: 'on', DE_IDENTIFY_ANY_CALLER: 'true' };
    const source = sourceStatement({ Patient: ['birthdate:date'], Group: [], Observation: ['code:token'] });
    ofSmart.push(...[await statementOf(smart), await statementOf(smart, source)].map(textOf));
    others.push(...[await statementOf(one), await statementOf({ ...one, ...operation }, source)].map(textOf));
    const groups = new GroupList(version, true);
    groups.add({ id: 'a', lastUpdated: undefined, resource: () => ({ name: 'A' }) });
    bundles.push(textOf(groups.bundle('https://app.example.org/fhir/Group')));
    groups.cut();
    const cut = groups.bundle('https://app.example.org/fhir/Group') as { entry: Array<{ resource: object }> };
    bundles.push(textOf(cut));
    others.push(...cut.entry.map(({ resource }) => textOf(resource)));
  });

  it.runIf(withFirely && (version === 'R4' || version === 'R4B'))('is read by Firely', () => {
    expect(firely([...ofSmart, ...others, ...bundles])).toMatchObject(NONE);
  });

  // The extension with the token endpoint is of a guide that Firely's validator does not have.
  it.runIf(withFirely && version === 'R4')('is valid for Firely, invariants included', () => {
    const short = [...others, ...bundles].filter((line) => line.length < 10_000);
    expect(firely(short, true)).toMatchObject({ ...NONE, resources: 5 });
  });

  it.runIf(version === 'R4')('is valid for Medplum', async () => {
    expect(await medplum([...ofSmart, ...others, ...bundles])).toEqual(NONE);
  });

  // Neither the schema nor the types know resources in resources.
  it.runIf(version === 'STU3')('is valid by HL7’s JSON schema', () => {
    expect(schemaOfStu3([...ofSmart, ...others])).toEqual(NONE);
  });

  it.runIf(version === 'R5')('has the types that @types/fhir declares', () => {
    expect(typesOfR5([...ofSmart, ...others])).toEqual(NONE);
  });
});

const isThere = hasShared('goldens/r4') && hasShared('samples/synthea-r4');

describe.runIf(isThere && withFirely)('resources of others, de-identified', () => {
  let resources: readonly string[] = [];
  beforeAll(() => {
    const inputs = filesIn('goldens', 'r4', 'inputs')
      .filter((file) => file.endsWith('.json'))
      .map((file) => readText('goldens', 'r4', 'inputs', file).replace(/^\ufeff/, ''))
      .flatMap((text) => {
        try {
          return [JSON.stringify(JSON.parse(text))];
        } catch {
          return [];
        }
      });
    const synthea = linesIn(join(SHARED, 'samples/synthea-r4'));
    resources = validByFirely([...inputs, ...some(synthea, 20)]);
  });

  it('by the sample: all of Synthea', async () => {
    const lines = anonymized(linesIn(join(SHARED, 'samples/synthea-r4')), 'R4', sampleOf('R4'));
    expect(lines.length).toBe(5252);
    expect(firely(lines)).toMatchObject(NONE);
    expect(await medplum(lines)).toEqual(NONE);
  });

  // The first is the sample of the reference itself.
  it.each(['a-hipaa', 'c3-shift-folder', 'c5-substitute', 'c8-keeplist', 'e3-redact-everything-partial'])(
    'by the configuration %s',
    (name) => {
      const configuration = readText('goldens', 'r4', 'configs', `${name}.json`);
      // What is not valid in the source, and Firely reads, may stay: an age without a code.
      expect(firely(anonymized(resources, 'R4', configuration, 'off'))).toMatchObject(NONE);
    },
  );
});

// NDJSON files of R4, for example the examples of the specification (npm package hl7.fhir.r4.examples).
const examples = process.env['FHIR_EXAMPLES'];
if (examples === undefined)
  console.log(
    'skipped: the examples of the specification: FHIR_EXAMPLES is the folder of their NDJSON files',
  );

it.runIf(examples !== undefined && existsSync(examples) && withFirely)(
  'examples of the specification that Firely reads are read when they are de-identified',
  () => {
    const lines = validByFirely(linesIn(examples ?? ''));
    expect(lines.length).toBeGreaterThan(0);
    expect(firely(anonymized(lines, 'R4', sampleOf('R4'), 'off'))).toMatchObject(NONE);
  },
);
