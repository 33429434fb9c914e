import { compileEngine } from '../../functions/deid/compileEngine.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';

/** Resources of a kind, and rules for them. */
interface Kind {
  readonly lines: readonly Buffer[];
  readonly rules: readonly object[];
}

const RULES = [
  { path: 'Resource.id', method: 'cryptoHash' },
  { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
  { path: "nodesByType('Extension')", method: 'redact' },
];
const REDACTING = ['HumanName', 'Address'].map((type) => ({
  path: `nodesByType('${type}')`,
  method: 'redact',
}));
const SUBSTITUTING = [
  { path: "nodesByType('HumanName')", method: 'substitute', replaceWith: { family: 'Doe', given: ['J.'] } },
  { path: "nodesByType('Address')", method: 'substitute', replaceWith: { country: 'DE' } },
];

function patient(number: number): Record<string, unknown> {
  return {
    resourceType: 'Patient',
    id: `patient-${number}`,
    active: true,
    name: [{ use: 'official', family: `Schmidt${number}`, given: ['Anna', 'Maria'] }],
    telecom: [{ system: 'phone', value: `030-${number}`, use: 'home' }],
    gender: 'female',
    birthDate: '1970-01-02',
    address: [{ line: [`Hauptstrasse ${number}`, 'Hinterhaus'], city: 'Berlin', postalCode: '10115' }],
    maritalStatus: { coding: [{ system: 'http://e.org/marital', code: 'M' }] },
    managingOrganization: { reference: `Organization/${number}` },
  };
}

/** Street and number as German addresses have them, beside each line. */
function withSiblings(number: number): Record<string, unknown> {
  const part = (name: string, valueString: string): object => ({
    extension: [{ url: `http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-${name}`, valueString }],
  });
  const resource = patient(number);
  const [address] = resource['address'] as object[];
  return { ...resource, address: [{ ...address, _line: [part('streetName', 'Hauptstrasse'), null] }] };
}

function bundle(number: number): Record<string, unknown> {
  const entry = Array.from({ length: 10 }, (_, place) => {
    const resource = patient(10 * number + place);
    return { fullUrl: `urn:uuid:${String(resource['id'])}`, resource };
  });
  return { resourceType: 'Bundle', id: `bundle-${number}`, type: 'collection', entry };
}

function linesOf(count: number, resourceOf: (number: number) => object): Buffer[] {
  return Array.from({ length: count }, (_, number) => Buffer.from(JSON.stringify(resourceOf(number))));
}

/** What is measured: first the usual, then what once was left to slower engines. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['usual', { lines: linesOf(300, patient), rules: [...RULES, ...REDACTING] }],
  ['siblings of repeated primitives', { lines: linesOf(300, withSiblings), rules: [...RULES] }],
  ['substitute', { lines: linesOf(300, patient), rules: [...RULES, ...SUBSTITUTING] }],
  ['Bundles', { lines: linesOf(30, bundle), rules: [...RULES, ...REDACTING] }],
]);

/** De-identifies all resources of a kind, again and again. @returns a function that does it once more */
export function runnerOf({ lines, rules }: Kind): () => EngineReport {
  const text = JSON.stringify({ fhirPathRules: rules, parameters: { cryptoHashKey: 'k' } });
  const { configuration } = readConfiguration(text, { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error('The configuration of the measurement is wrong.');
  const engine = compileEngine(configuration, {
    fhirVersion: 'R4',
    now: Date.parse('2026-11-21T12:00:00Z'),
    jobSecret: new Uint8Array(32).fill(1),
    randomBytes: (size) => new Uint8Array(size).fill(0x5a),
    validation: 'off',
  });
  const tape = new JsonTape();
  const line = new LineBuffer();
  return () => {
    const report = new EngineReport();
    for (const bytes of lines) {
      line.truncate(0);
      if (!tape.read(bytes)) throw new Error('No JSON');
      const failure = engine.anonymize({ tape, node: tape.root, bytes }, line, report);
      if (failure !== undefined) throw new Error(failure.message);
    }
    return report;
  };
}

/** The least nanoseconds per byte of each kind, measured in turn. */
export function costs(rounds: number): Map<string, number> {
  const runners = [...KINDS].map(([name, kind]) => ({
    name,
    run: runnerOf(kind),
    bytes: kind.lines.reduce((sum, { length }) => sum + length, 0),
  }));
  const least = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, run, bytes } of runners) {
      const start = performance.now();
      run();
      const cost = ((performance.now() - start) * 1e6) / bytes;
      if (round > 2) least.set(name, Math.min(cost, least.get(name) ?? Infinity));
    }
  }
  return least;
}
