import { createHmac } from 'node:crypto';
import type { Configuration } from './configuration.js';
import type { AnonymizeResult, Engine, EngineOptions, EngineReport, ResourceContext } from './engine.js';
import { ProcessingError, failureOf } from './failures.js';
import { stringifyJson, type JsonObject } from './json.js';
import { keyBytes, type KeyBytes } from './keys.js';
import { LABELS } from './labels.js';
import { Methods } from './methods/methods.js';
import { referenceOffset } from './methods/dateShift.js';
import { FhirModel } from './model/fhirModel.js';
import { FhirNode, isJsonObject } from './node.js';
import type { Parameters } from './parameters.js';
import { ResourceRun, type ShiftOf } from './resourceRun.js';
import type { Rule } from './rule.js';
import { TreeEngine } from './treeEngine.js';

/** Makes the engine of a configuration whose keys are resolved (`resolveKeys`). */
export function compileEngine(configuration: Configuration, options: EngineOptions): Engine {
  return new CompiledEngine(configuration, options);
}

/** Rules of a configuration, with the last one that an allow-list needs. */
function rulesOf(configuration: Configuration): readonly Rule[] {
  if (configuration.parameters.unmatched === 'keep') return configuration.rules;
  const index = configuration.rules.reduce((most, rule) => Math.max(most, rule.index), -1) + 1;
  return [...configuration.rules, { index, path: 'Resource', resourceType: 'Resource', expression: null, method: { name: 'redact' } }];
}

class CompiledEngine implements Engine {
  readonly processingErrors: 'raise' | 'skip';
  private readonly model: FhirModel;
  private readonly tree: TreeEngine;
  private readonly run: ResourceRun;
  private dropped = new Map<string, number>();
  private resources = 0;

  constructor(configuration: Configuration, options: EngineOptions) {
    this.processingErrors = configuration.processingErrors;
    this.model = FhirModel.of(options.fhirVersion);
    const keys = keyBytes(configuration.parameters, options.jobSecret);
    const methods = new Methods(configuration, this.model, keys, options.now);
    this.tree = new TreeEngine(rulesOf(configuration), methods, options.now);
    this.run = new ResourceRun(shiftOf(configuration.parameters, keys), options.randomBytes);
  }

  anonymize(resource: JsonObject, context: ResourceContext = {}): AnonymizeResult {
    this.resources++;
    this.run.fileName = context.fileName ?? '';
    this.run.folderName = context.folderName ?? '';
    this.run.rule = undefined;
    this.run.startResource();
    try {
      return { outcome: 'anonymized', line: stringifyJson(this.process(resource)) };
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error, this.run.rule) };
    }
  }

  private process(resource: JsonObject): JsonObject {
    if (!isJsonObject(resource)) throw new ProcessingError('invalid-resource', 'Not a JSON object');
    const onDropped = (path: string): void => {
      this.dropped.set(path, (this.dropped.get(path) ?? 0) + 1);
    };
    const root = FhirNode.ofResource({ model: this.model, onDropped }, resource);
    if (root === undefined) {
      throw new ProcessingError('invalid-resource', `Not a resource type of FHIR ${this.model.version}`);
    }
    return this.tree.process(root, this.run);
  }

  takeReport(): EngineReport {
    const labels = new Map<string, number>();
    LABELS.forEach((label, place) => {
      const count = this.run.counts[place] ?? 0;
      if (count > 0) labels.set(label, count);
    });
    const report = { resources: this.resources, dropped: this.dropped, labels };
    this.resources = 0;
    this.dropped = new Map();
    this.run.counts.fill(0);
    return report;
  }
}

/** How far dates move, by the configuration's scope. */
function shiftOf(parameters: Parameters, keys: KeyBytes): ShiftOf {
  const fixed = parameters.dateShiftFixedOffsetInDays;
  if (fixed !== null) return () => fixed;
  const offset = rememberLast((prefix) => referenceOffset(prefix, keys.dateShift));
  switch (parameters.dateShiftScope) {
    case 'resource':
      return (run) => offset(run.rootId);
    case 'file':
      return (run) => offset(run.fileName);
    case 'folder':
      return (run) => offset(run.folderName);
    case 'patient': {
      const ofPatient = rememberLast((patient) => patientOffset(patient, keys.patientShift));
      return (run) => (run.patient === null ? null : ofPatient(run.patient));
    }
  }
}

function rememberLast(compute: (text: string) => number): (text: string) => number {
  let last: string | undefined;
  let value = 0;
  return (text) => {
    if (text !== last) {
      value = compute(text);
      last = text;
    }
    return value;
  };
}

/** Farthest a patient's dates move, in days. */
const PATIENT_RANGE = 50;

/** A patient's offset in days, -50 to 50 but never 0, from the HMAC-SHA256 of the patient's id. */
function patientOffset(patient: string, key: Uint8Array): number {
  const digest = createHmac('sha256', key).update(patient, 'utf8').digest();
  const place = Number(digest.readBigUInt64BE(0) % BigInt(2 * PATIENT_RANGE));
  return place < PATIENT_RANGE ? place - PATIENT_RANGE : place - PATIENT_RANGE + 1;
}
