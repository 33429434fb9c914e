import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../../functions/deid/configuration/configuration.js';
import type { AnonymizeResult } from '../../../functions/deid/run/anonymizeText.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { failureOf } from '../../../functions/deid/run/failures.js';
import {
  isJsonObject,
  parseJson,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../../../functions/json/json.js';
import { REDACT } from '../../../functions/deid/methods/redact.js';
import { worksOf } from '../../../functions/deid/plan/works.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { FhirNode } from '../../../functions/deid/model/node.js';
import { ResourceRun } from '../../../functions/deid/run/resourceRun.js';
import { TreeEngine } from '../../../functions/deid/run/treeEngine.js';
import { bothWays, expectSame, ways } from '../bothWays.js';
import { Choices, ConfigurationGenerator, ResourceGenerator } from '../generate.js';
import { comparable, configurationOf, engineOptions, filesIn, hasShared, readText } from '../shared.js';
import { randomlyAtCost, runs, SEED } from '../../random.js';

const RESOURCES_PER_CONFIGURATION = 8;

interface Outcome {
  result: AnonymizeResult;
  dropped: [string, number][];
  undecided: [string, number][];
}

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([one], [two]) => (one < two ? -1 : 1));
}

function objectOf(text: string): JsonObject {
  const json: JsonValue = parseJson(text);
  if (!isJsonObject(json)) throw new Error('not an object');
  return json;
}

/** Bytes that do not depend on how often they were asked for: the two engines ask in different orders. */
const sameBytes = (size: number): Uint8Array => new Uint8Array(size).fill(0x5a);

/** Rule by rule over the whole tree, as the reference does it. */
function ruleByRule(configuration: Configuration, version: FhirVersion): (text: string) => Outcome {
  const model = FhirModel.of(version);
  const options = engineOptions(version);
  const last = configuration.rules.length;
  const rules = [...configuration.rules];
  if (configuration.parameters.unmatched === 'redact') {
    rules.push({
      index: last,
      place: 'parameters.unmatched',
      path: 'Resource',
      resourceType: 'Resource',
      expression: null,
      method: REDACT,
      settings: {},
    });
  }
  const tree = new TreeEngine(
    rules,
    worksOf(rules, configuration, options),
    options.now,
    configuration.parameters,
  );
  const isByPatient = configuration.parameters.dateShiftScope === 'patient';
  const run = new ResourceRun(
    isByPatient ? options.fhirVersion : null,
    sameBytes,
    configuration.parameters.shouldAddSecurityTag,
  );
  return (text) => {
    const dropped = new Map<string, number>();
    run.restart('', '');
    try {
      const root = FhirNode.ofResource(
        { model, onDropped: (path) => dropped.set(path, (dropped.get(path) ?? 0) + 1) },
        objectOf(text),
      );
      if (root === undefined) throw new Error('unknown type');
      const line = stringifyJson(tree.process(root, run, 'outermost'));
      const undecided = [...run.undecided].map(([rule, count]) => [`fhirPathRules[${rule}]`, count] as const);
      return {
        result: { outcome: 'anonymized', line },
        dropped: sorted(dropped),
        undecided: sorted(new Map(undecided)),
      };
    } catch (error) {
      return {
        result: { outcome: 'failed', failure: failureOf(error, run.rule, rules) },
        dropped: [],
        undecided: [],
      };
    }
  };
}

function compiled(configuration: Configuration, version: FhirVersion): (text: string) => Outcome {
  const engine = bothWays(configuration, { ...engineOptions(version), randomBytes: sameBytes });
  return (text) => {
    allRuns++;
    const onTape = ways.onTape;
    const result = engine.anonymize(objectOf(text));
    // Each is compared as it is, and with space.
    if (ways.onTape < onTape + 2) treeRuns++;
    const report = engine.takeReport();
    const dropped = result.outcome === 'failed' ? [] : sorted(report.dropped);
    return { result, dropped, undecided: sorted(report.undecided) };
  };
}

/**
 * Which of several failures is met first depends on the order of the work. What is dropped from a resource that a
 * rule takes away whole may or may not be counted.
 */
function comparableOutcome({ result, dropped, undecided }: Outcome, configuration: string): unknown {
  return result.outcome === 'failed'
    ? result.failure.code
    : [
        comparable(parseJson(result.line)),
        /"replaceWith":(?:null|""|\{\})/.test(configuration) || dropped,
        undecided,
      ];
}

function samples(version: 'R4' | 'STU3'): Map<string, string[]> {
  const folder = version === 'R4' ? 'synthea-r4' : 'synthea-stu3';
  const byType = new Map<string, string[]>();
  if (!hasShared(`samples/${folder}`)) return byType;
  for (const file of filesIn('samples', folder)) {
    byType.set(
      file.replace('.ndjson', ''),
      readText('samples', folder, file).trim().split('\n').slice(0, 40),
    );
  }
  return byType;
}

/** Runs that needed the tree: most must not, or the comparison is of the tree with itself. */
let treeRuns = 0;
let allRuns = 0;

describe(`the compiled engine and the engine that goes rule by rule (TEST_SEED=${SEED})`, () => {
  const types = ['Patient', 'Observation', 'Encounter', 'Claim', 'Bundle', 'Parameters', 'Condition'];

  it.each<[FhirVersion, number, number]>([
    ['R4', 200, 5],
    ['R4', 120, 30],
    ['STU3', 60, 10],
    ['R4B', 60, 10],
    ['R5', 60, 10],
  ])(
    'agree on generated resources of %s (%i configurations, %i in a hundred members hostile)',
    (version, configurations, hostility) => {
      let count = 0;
      fc.assert(
        fc.property(fc.gen(), (generate) => {
          const choices = new Choices(generate);
          const configurationText = new ConfigurationGenerator(choices, version, types).configuration();
          const configuration = configurationOf(configurationText, version);
          const one = compiled(configuration, version);
          const two = ruleByRule(configuration, version);
          const resources = new ResourceGenerator(choices, version, hostility);
          for (let each = 0; each < RESOURCES_PER_CONFIGURATION; each++) {
            const text = resources.resource(choices.of(types));
            expectSame(
              comparableOutcome(one(text), configurationText),
              comparableOutcome(two(text), configurationText),
              `${configurationText}\n${text}`,
            );
            count++;
          }
        }),
        randomlyAtCost(configurations),
      );
      expect(count).toBeGreaterThanOrEqual(runs(configurations) * RESOURCES_PER_CONFIGURATION);
    },
  );

  it.each<['R4' | 'STU3']>([['R4'], ['STU3']])('agree on sample resources of %s', (version) => {
    const byType = samples(version);
    if (byType.size === 0) return;
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const choices = new Choices(generate);
        const configurationText = new ConfigurationGenerator(choices, version, [
          ...byType.keys(),
        ]).configuration();
        const configuration = configurationOf(configurationText, version);
        const one = compiled(configuration, version);
        const two = ruleByRule(configuration, version);
        for (let each = 0; each < RESOURCES_PER_CONFIGURATION; each++) {
          const text = choices.of(byType.get(choices.of([...byType.keys()])) ?? ['{}']);
          expectSame(
            comparableOutcome(one(text), configurationText),
            comparableOutcome(two(text), configurationText),
            text,
          );
        }
      }),
      randomlyAtCost(40),
    );
  });

  it('took the compiled way in most runs', () => {
    console.log(`${allRuns - treeRuns} of ${allRuns} runs took the compiled way`);
    expect(treeRuns / allRuns).toBeLessThan(0.5);
    console.log(`${ways.onTape} of ${ways.all} resources were for the tape`);
    expect(ways.onTape / ways.all).toBeGreaterThan(0.5);
    // Each is compared twice, once without WebAssembly.
    console.log(`${ways.quickly} were walked in WebAssembly`);
    expect(ways.quickly / ways.all).toBeGreaterThan(0.1);
  });
});
