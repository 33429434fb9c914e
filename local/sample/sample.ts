import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { makeCare, makeGroup, makeMixedGroup, makePair, RESOURCES_PER_PAIR } from './care.js';
import { makeMeasurement } from './clinical.js';
import { VITAL_SIGNS } from './codes.js';
import { days, instant, type Resource } from './element.js';
import { makeHospital, type Hospital } from './hospital.js';
import { makePatient, SAMPLE_END } from './patient.js';
import { createRandom, type Random } from './random.js';
import type { Visit } from './visit.js';
import { makeVisit } from './visitRecords.js';
import { SampleWriter } from './writer.js';

export interface SampleOptions {
  /** Folder for the NDJSON files, made if missing; files of the same names are replaced. */
  directory: string;
  /** Default R4. */
  fhirVersion?: FhirVersion;
  /** A whole number; the same one gives the same bytes. Default 1. */
  seed?: number;
  /** How many patients. Default 40, unless `resources` is given. */
  patients?: number;
  /** How many resources in all, at least 1,000; the patients are as many as that takes. */
  resources?: number;
  /**
   * Span that all `meta.lastUpdated` lie in, in milliseconds: 1000 looks like one bulk import. Default:
   * spread over five years.
   */
  importedWithinMs?: number;
}

/** What a sample consists of. */
export interface SampleSummary {
  patients: number;
  resources: number;
  bytes: number;
  /** Resources by type. */
  counts: ReadonlyMap<string, number>;
}

const DEFAULT_PATIENTS = 40;
const RESOURCES_PER_PATIENT = 65;
const FIVE_YEARS_MS = days(5 * 365);
const GROUPS = 3;
/** Pairs of patients that have something in common. */
const PAIRS = 4;
const GROUP_MEMBERS = 200;

/** Writes a made-up hospital's data as FHIR NDJSON files, one per resource type. */
export function generateSample(options: SampleOptions): SampleSummary {
  const random = createRandom(options.seed ?? 1);
  const writer = new SampleWriter(options.directory, options.fhirVersion ?? 'R4');
  const expected = options.resources ?? (options.patients ?? DEFAULT_PATIENTS) * RESOURCES_PER_PATIENT;
  const clock = createClock(random, expected, options.importedWithinMs ?? FIVE_YEARS_MS);
  const emit = (resource: Resource) => writer.write(resource, clock(writer.count));

  const hospital = makeHospital(random, staffSize(expected), emit);
  const members: Resource[] = [];
  const encounters: Resource[] = [];
  let patients = 0;
  const addPatient = ({ resources }: PatientRecord) => {
    for (const resource of resources) emit(resource);
    if (members.length < GROUP_MEMBERS) {
      members.push(resources[0]!);
      encounters.push(resources.findLast(({ resourceType }) => resourceType === 'Encounter')!);
    }
    patients++;
  };
  if (options.resources === undefined) {
    while (patients < (options.patients ?? DEFAULT_PATIENTS))
      addPatient(makeRecord(random, patients, hospital));
  } else {
    const target = options.resources - GROUPS - PAIRS * RESOURCES_PER_PAIR;
    let record = makeRecord(random, 0, hospital);
    if (writer.count + record.resources.length > target)
      throw new RangeError('resources must be at least 1000');
    const { visit } = record;
    while (writer.count + record.resources.length <= target) {
      addPatient(record);
      record = makeRecord(random, patients, hospital);
    }
    while (writer.count < target)
      emit(makeMeasurement(random, visit, random.pick(VITAL_SIGNS), 'vital-signs'));
  }
  const first = makeGroup(random, 1, members.slice(0, Math.ceil(members.length / 4)));
  emit(first);
  const second = makeGroup(
    random,
    2,
    members.filter((_, index) => index % 3 === 0),
  );
  emit(second);
  emit(makeMixedGroup(random, 3, first, members, hospital.practitioners[0]!.resource));
  for (let pair = 0; pair < PAIRS; pair++) {
    const [one, other] = [pair * 5, pair * 7 + 1].map((index) => index % members.length) as [number, number];
    makePair(
      random,
      { patient: members[one]!, encounter: encounters[one]! },
      { patient: members[other]!, encounter: encounters[other]! },
      hospital.practitioners[0]!.resource,
      emit,
    );
  }
  writer.close();
  return { patients, resources: writer.count, bytes: writer.bytes, counts: writer.counts };
}

interface PatientRecord {
  /** The Patient, then all else, each resource after those it refers to. */
  resources: Resource[];
  /** The last visit. */
  visit: Visit;
}

function makeRecord(
  random: Random,
  index: number,
  hospital: Hospital,
): { resources: Resource[]; visit: Visit } {
  const resources: Resource[] = [];
  const emit = (resource: Resource) => {
    resources.push(resource);
  };
  const patient = makePatient(random, index, hospital, emit);
  let visit = makeVisit(random, patient, hospital, emit);
  for (let visits = random.int(2, 6); visits > 0; visits--)
    visit = makeVisit(random, patient, hospital, emit);
  makeCare(random, patient, emit);
  return { resources, visit };
}

function staffSize(resources: number): number {
  return Math.min(1000, Math.max(8, Math.round(resources / 2000)));
}

/** Times of writing: on the whole ascending, not evenly, and within the span. */
function createClock(random: Random, expected: number, spanMs: number): (index: number) => string {
  const start = SAMPLE_END - spanMs;
  const jitter = (spanMs / expected) * 4;
  return (index) => {
    const even = (index / expected) * spanMs + (random.next() - 0.5) * jitter;
    return instant(start + Math.floor(Math.min(spanMs - 1, Math.max(0, even))));
  };
}
