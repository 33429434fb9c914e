import { IntList } from '../../common/intList.js';
import { patientOf, patientsOfBundle, type BundlePatients } from '../../fhir/patientsOf.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { JsonObject } from '../../json/json.js';
import type { Run } from '../methods/method.js';
import { primitiveText, type Primitive } from '../model/primitive.js';
import { labelPlaceOf, operationOf } from './operations.js';
import { RegexSteps } from '../regex/steps.js';
import type { Trace } from './trace.js';

/** The place of a resource: outermost, contained in another, or anywhere else inside one. */
export type Place = 'outermost' | 'contained' | 'inside';

/** What held for the resource around the one that is processed. */
export interface OuterResource {
  readonly operations: number;
  readonly patient: string | null;
  readonly bundle: BundlePatients | null;
  readonly isContained: boolean;
}

const NO_ID = (): undefined => undefined;

/** What is going on while one outermost resource is processed. Reused from resource to resource. */
export class ResourceRun implements Run {
  /** What was done in the resource: an operation, as `operationOf` numbers it, and how often it was, in turn. */
  readonly done = new IntList();
  /** The site of the element that a method is at. */
  site = 0;
  /** Paths of the elements that were left out since the FHIR version does not define them, or not their values. */
  readonly dropped: string[] = [];
  /** Conditions of the resource's rules that could not be decided, by the rule's place. */
  readonly undecided = new Map<number, number>();
  /** Steps that regular expressions may still take. */
  readonly regexSteps = new RegexSteps();
  /** The rule being applied, for the report of a failure. */
  rule: number | undefined;
  /** The outermost resource's id, as a rule finds it. */
  idOfRoot: (rule: number) => Primitive | undefined = NO_ID;
  /** Gets what becomes of the elements of the outermost resource. */
  trace: Trace | undefined;
  fileName = '';
  folderName = '';
  /** The patient the resource belongs to, as it came; null for none or several. */
  patient: string | null = null;
  isContained = false;
  /** The Patients of the Bundle that the resource is in. */
  private bundle: BundlePatients | null = null;
  private operations = 0;
  private readonly patientIn: FhirVersion | null;
  readonly randomBytes: (size: number) => Uint8Array;

  private readonly addsLabels: boolean;

  /**
   * @param patientIn the FHIR version by which to find the patient; null where no method needs it
   * @param addsLabels whether resources get labels
   */
  constructor(patientIn: FhirVersion | null, randomBytes: (size: number) => Uint8Array, addsLabels: boolean) {
    this.addsLabels = addsLabels;
    this.patientIn = patientIn;
    this.randomBytes = randomBytes;
  }

  readonly onDropped = (path: string): void => {
    this.dropped.push(path);
  };

  did(label: number): void {
    this.didAt(this.site, label);
  }

  /** Counts operations at an element. */
  didAt(site: number, label: number): void {
    this.didOperation(operationOf(site, label), 1);
  }

  /** Counts operations by their number. */
  didOperation(operation: number, times: number): void {
    this.operations |= 1 << labelPlaceOf(operation);
    this.done.push(operation);
    this.done.push(times);
  }

  wasUndecided(conditions: number): void {
    if (conditions === 0 || this.rule === undefined) return;
    this.undecided.set(this.rule, (this.undecided.get(this.rule) ?? 0) + conditions);
  }

  rootId(rule: number): string {
    const id = this.idOfRoot(rule);
    return id === undefined ? '' : primitiveText(id);
  }

  /**
   * Begins a resource and returns what must be handed to `endResource`.
   * @param resource as it came, if that is asked for
   * @param fullUrl of the entry of a Bundle that it is in
   */
  startResource(resource: () => JsonObject, place: Place, fullUrl?: string): OuterResource {
    const outer = {
      operations: this.operations,
      patient: this.patient,
      bundle: this.bundle,
      isContained: this.isContained,
    };
    this.operations = 0;
    this.isContained = place === 'contained';
    // What is contained is part of the resource around it, and of its patient.
    if (place === 'contained' || this.patientIn === null) return outer;
    const json = resource();
    this.patient = patientOf(json, this.patientIn, this.bundle, fullUrl);
    if (json['resourceType'] === 'Bundle') this.bundle = patientsOfBundle(json);
    return outer;
  }

  /** Ends a resource: gives the operations to label it with, those done in it, which also count for the one around it. */
  endResource(outer: OuterResource): number {
    const own = this.operations;
    this.operations = outer.operations | own;
    this.patient = outer.patient;
    this.bundle = outer.bundle;
    this.isContained = outer.isContained;
    return this.addsLabels ? own : 0;
  }

  /** Begins an outermost resource, whatever became of the one before. */
  restart(fileName: string, folderName: string, trace?: Trace): void {
    this.trace = trace;
    this.regexSteps.reset();
    this.fileName = fileName;
    this.folderName = folderName;
    this.rule = undefined;
    this.patient = null;
    this.bundle = null;
    this.isContained = false;
    this.operations = 0;
    this.done.length = 0;
    if (this.dropped.length > 0) this.dropped.length = 0;
    if (this.undecided.size > 0) this.undecided.clear();
    this.idOfRoot = NO_ID;
  }
}
