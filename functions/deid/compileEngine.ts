import type { FhirVersion } from '../fhir/fhirVersion.js';
import { patientElements } from '../fhir/patientsOf.js';
import type { Configuration } from './configuration/configuration.js';
import { ElementWork } from './run/elementWork.js';
import {
  type Engine,
  type EngineOptions,
  LACKS_PSEUDONYMS,
  type ProcessingFailure,
  type ResourceContext,
  type Validation,
} from './run/engine.js';
import { ProcessingError } from './methods/processingError.js';
import { failureOf } from './run/failures.js';
import { isJsonObject, stringifyJson, valueAt, type JsonObject } from '../json/json.js';
import { JsonTape, OBJECT, refuseReleased, STRING, type TapeValue } from '../json/jsonTape.js';
import { nameNumber, numberingAll } from '../json/keyNames.js';
import type { LineBuffer } from '../json/lineBuffer.js';
import { REDACT } from './methods/redact.js';
import type { PseudonymSource } from './methods/pseudonyms.js';
import { FhirModel } from './model/fhirModel.js';
import type { FhirType } from './model/types.js';
import { FhirNode } from './model/node.js';
import { patternsOfAll, type Pattern } from './plan/pattern.js';
import type { Plan } from './plan/plan.js';
import { planFor, PlanningBudget } from './plan/planner.js';
import { ResourceRun, type Place } from './run/resourceRun.js';
import type { Rule } from './configuration/rule.js';
import { worksOf, type Works } from './plan/works.js';
import { CountedNames } from './run/countedNames.js';
import type { EngineReport } from './run/report.js';
import { Survey } from './run/survey.js';
import { TapeWalk, type TapeResources } from './run/tapeWalk.js';
import { WatchedTapeWalk } from './run/watchedTapeWalk.js';
import { TreeEngine } from './run/treeEngine.js';

/** Makes the engine of a configuration whose keys are resolved (`resolveKeys`). */
export function compileEngine(configuration: Configuration, options: EngineOptions): Engine {
  return new CompiledEngine(configuration, options);
}

/** Rules of a configuration, with the last one that an allow-list needs. */
export function rulesOf(configuration: Configuration): readonly Rule[] {
  if (configuration.parameters.unmatched === 'keep') return configuration.rules;
  const index = configuration.rules.reduce((most, rule) => Math.max(most, rule.index), -1) + 1;
  const all = { path: 'Resource', resourceType: 'Resource', expression: null, settings: {} };
  return [...configuration.rules, { ...all, index, place: 'parameters.unmatched', method: REDACT }];
}

/** Problems that a message names. */
const MAX_NAMED = 5;

function notValid(problems: readonly string[]): ProcessingError {
  const named = [...new Set(problems)];
  const more = named.length > MAX_NAMED ? ` and ${named.length - MAX_NAMED} more` : '';
  const list = named.slice(0, MAX_NAMED).join(', ');
  return new ProcessingError('not-valid', `The result is not valid FHIR: ${list}${more}`);
}

function namesOf(version: FhirVersion): CountedNames {
  const model = FhirModel.of(version);
  return new CountedNames((name) => model.resource(name) !== undefined);
}

const RESOURCE_TYPE = nameNumber('resourceType');

/** No rules: what is written is what came. */
const SURVEY_RULES = { rules: [], processingErrors: 'skip' } as const;

class CompiledEngine implements Engine, TapeResources {
  readonly processingErrors: 'raise' | 'skip';
  private readonly model: FhirModel;
  private readonly rules: readonly Rule[];
  private readonly works: Works;
  private readonly patterns: ReadonlyMap<Rule, readonly Pattern[] | null>;
  private readonly tree: TreeEngine;
  private readonly run: ResourceRun;
  private readonly tapeWalk: TapeWalk;
  private readonly plans = new Map<FhirType, Plan>();
  private readonly budget = new PlanningBudget();
  /** The type of the resource that was looked at last: one after the other they are of one type. */
  private lastType: FhirType | undefined;
  private readonly survey = new Survey();
  private readonly validation: Validation;
  private readonly pseudonyms: PseudonymSource | undefined;
  /** Looks at results that are not all the tape's. */
  private readonly makeSurveyor: () => CompiledEngine;
  private surveyor: CompiledEngine | undefined;

  constructor(
    configuration: Configuration,
    options: EngineOptions,
    private readonly names = namesOf(options.fhirVersion),
    isLooking = false,
  ) {
    this.processingErrors = configuration.processingErrors;
    this.model = FhirModel.of(options.fhirVersion);
    this.rules = rulesOf(configuration);
    this.works = worksOf(this.rules, configuration, options);
    this.patterns = patternsOfAll(this.rules);
    this.tree = new TreeEngine(this.rules, this.works, options.now, configuration.parameters);
    this.validation = options.validation;
    this.pseudonyms = options.pseudonyms;
    this.makeSurveyor = () => {
      const parameters = { ...configuration.parameters, unmatched: 'keep', validOutput: false } as const;
      return new CompiledEngine({ ...configuration, ...SURVEY_RULES, parameters }, options, this.names, true);
    };
    this.run = new ResourceRun(
      this.rules.some(({ method }) => method.needsPatient?.(configuration.parameters))
        ? options.fhirVersion
        : null,
      options.randomBytes,
      configuration.parameters.shouldAddSecurityTag,
    );
    const work = new ElementWork(this.model, this.run, options.now, isLooking);
    const look = {
      survey: this.survey,
      isValid: configuration.parameters.validOutput,
      validates: options.validation !== 'off',
      isLooking,
      names: this.names,
    };
    const { watch } = options;
    this.tapeWalk =
      watch === undefined || isLooking
        ? new TapeWalk(this.run, work, this, look)
        : new WatchedTapeWalk(watch, this.run, work, this, look);
  }

  anonymize(
    resource: TapeValue,
    line: LineBuffer,
    report: EngineReport,
    { fileName = '', folderName = '', trace, isByTree = false }: ResourceContext = {},
  ): ProcessingFailure | undefined {
    const { run } = this;
    const { length } = line;
    refuseReleased(resource);
    run.restart(fileName, folderName);
    let { survey } = this;
    let failure: ProcessingFailure | undefined;
    survey.restart();
    const isByTape = !isByTree && this.anonymizeByTape(resource, line);
    try {
      if (!isByTape) {
        line.truncate(length);
        run.restart(fileName, folderName, trace);
        line.text(stringifyJson(this.byTree(resource.tape, resource.node, 'outermost')));
      }
      // What is refused from here on is no rule's.
      run.rule = undefined;
      if (!isByTape || survey.isPartial) {
        survey = this.surveyed(line.slice(length, line.length));
      }
      if (this.validation === 'refuse' && survey.problems.length > 0) throw notValid(survey.problems);
    } catch (error) {
      failure = failureOf(error, run.rule, this.rules);
    }
    // Whatever else became of it: it was made with a text in the place of a pseudonym.
    if (this.pseudonyms?.takeLack() === true) failure = LACKS_PSEUDONYMS;
    else report.resources++;
    if (failure !== undefined) {
      line.truncate(length);
      return failure;
    }
    report.add(run, this.rules);
    report.addSurvey(survey, this.names);
    return undefined;
  }

  /** Looks at the line of a result, with an engine that has no rules. @throws Error where it cannot be looked through */
  private surveyed(bytes: Buffer): Survey {
    this.surveyor ??= this.makeSurveyor();
    const { surveyor } = this;
    const { survey, run, tapeWalk } = surveyor;
    const tape = new JsonTape();
    // Names that the definitions have, however many others the data had before.
    const isJson = numberingAll(() => tape.read(bytes));
    const type = isJson ? surveyor.typeAt(tape, tape.root) : undefined;
    const plan = type === undefined ? null : surveyor.planAt(type, tape, tape.root);
    if (plan === null) throw new Error('The result is no resource');
    survey.restart();
    run.restart('', '');
    tapeWalk.lookAt({ tape, node: tape.root, bytes }, plan);
    return survey;
  }

  /** @returns false where the tree engine has to do it, from the begin */
  private anonymizeByTape(resource: TapeValue, line: LineBuffer): boolean {
    const { tape, node } = resource;
    const type = this.typeAt(tape, node);
    const plan = type === undefined ? null : this.planAt(type, tape, node);
    if (plan === null) return false;
    line.begin(tape.bytes);
    try {
      this.tapeWalk.resource(resource, plan, line);
      return true;
    } catch {
      // Whatever it was, the tree engine meets it again and reports it.
      return false;
    }
  }

  byTree(tape: JsonTape, object: number, place: Place, fullUrl?: string): JsonObject {
    const json = valueAt(tape, object);
    const context = { model: this.model, onDropped: this.run.onDropped };
    const root = isJsonObject(json) ? FhirNode.ofResource(context, json) : undefined;
    if (root === undefined)
      throw new ProcessingError('invalid-resource', `Not a resource of a type of FHIR ${this.model.version}`);
    return this.tree.process(root, this.run, place, fullUrl);
  }

  typeAt(tape: JsonTape, object: number): FhirType | undefined {
    if (tape.kind(object) !== OBJECT) return undefined;
    const member = tape.lastMember(object, RESOURCE_TYPE);
    if (member < 0 || tape.kind(member) !== STRING) return undefined;
    if (!tape.isText(member, this.lastType?.name ?? ''))
      this.lastType = this.model.resource(tape.primitive(member) as string);
    return this.lastType;
  }

  planAt(type: FhirType, tape: JsonTape, object: number): Plan | null {
    let plan = this.plans.get(type);
    if (plan === undefined || plan.isOutgrown) {
      plan = planFor(type, this.rules, this.patterns, this.works, this.budget, {
        validates: this.validation !== 'off',
        patientElements: patientElements(type.name, this.model.version),
        isResource: (name) => this.model.resource(name) !== undefined,
      });
      this.plans.set(type, plan);
    }
    return plan.takes(tape, object) ? plan : null;
  }
}
