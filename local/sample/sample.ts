import { makeCare, makeGroup } from './care.js';
import { makeMeasurement } from './clinical.js';
import { VITAL_SIGNS } from './codes.js';
import { days, instant, type Resource } from './element.js';
import { makeHospital, type Hospital } from './hospital.js';
import { makePatient, SAMPLE_END } from './patient.js';
import { createRandom, type Random } from './random.js';
import { makeVisit, type Visit } from './visit.js';
import { SampleWriter } from './writer.js';

export interface SampleOptions {
  /** Folder for the NDJSON files, made if missing; files of the same names are replaced. */
  directory: string;
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
const GROUPS = 2;
const GROUP_MEMBERS = 200;

/** Writes a made-up hospital's data as FHIR R4 NDJSON files, one per resource type. */
export function generateSample(options: SampleOptions): SampleSummary {
  const random = createRandom(options.seed ?? 1);
  const writer = new SampleWriter(options.directory);
  const expected = options.resources ?? (options.patients ?? DEFAULT_PATIENTS) * RESOURCES_PER_PATIENT;
  const clock = createClock(random, expected, options.importedWithinMs ?? FIVE_YEARS_MS);
  const emit = (resource: Resource) => writer.write(resource, clock(writer.count));

  const hospital = makeHospital(random, staffSize(expected), emit);
  const members: Resource[] = [];
  let patients = 0;
  const addPatient = ({ resources }: PatientRecord) => {
    for (const resource of resources) emit(resource);
    if (members.length < GROUP_MEMBERS) members.push(resources[0]!);
    patients++;
  };
  if (options.resources === undefined) {
    while (patients < (options.patients ?? DEFAULT_PATIENTS))
      addPatient(makeRecord(random, patients, hospital));
  } else {
    const target = options.resources - GROUPS;
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
  emit(makeGroup(random, 1, members.slice(0, Math.ceil(members.length / 4))));
  emit(
    makeGroup(
      random,
      2,
      members.filter((_, index) => index % 3 === 0),
    ),
  );
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
