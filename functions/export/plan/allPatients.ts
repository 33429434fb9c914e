import { ExportError } from '../../common/errors.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { laterInstant, parseInstant, searchValue } from '../../fhir/instant.js';
import type { LineMaker, LineSink } from '../output/lineMaker.js';
import { PatientCounter } from '../selection/patientCount.js';
import { EVERYTHING, type SliceCursor } from '../selection/selection.js';
import { runSlice } from '../slice/slice.js';
import type { Source } from '../source/source.js';
import { valueAt } from '../../json/json.js';

/** Patients whose resources are asked for one by one at most: for each, a job has as many requests as types. */
const MAX_LISTED_PATIENTS = 100_000;
const PAGES_AT_ONCE = 20;
const DAY_MS = 86_400_000;

export interface AllPatientsInput {
  source: Source;
  fhirVersion: FhirVersion;
  transactionTime: string;
  pageSize: number;
  clock: () => number;
  isStopped: () => Promise<boolean>;
}

/**
 * The ids of all patients of the source, whenever they were changed, by a walk that misses none.
 * @throws ExportError where there are too many
 */
export async function allPatients(input: AllPatientsInput): Promise<string[]> {
  const { source, fhirVersion, transactionTime, pageSize, clock, isStopped } = input;
  const ids = new Set<string>();
  const lineMaker: LineMaker = {
    processingErrors: 'raise',
    makeLine({ tape, node }) {
      const { id } = valueAt(tape, node) as { id?: unknown };
      if (typeof id === 'string') ids.add(id);
      return undefined;
    },
  };
  const patients = new PatientCounter({ most: 0, fhirVersion, secret: new Uint8Array(0) });
  const dependencies = {
    source,
    lineMaker,
    patients,
    openFile: async () => nowhere(),
    clock,
    isStopped,
    tellProgress: () => undefined,
  };
  // Who is changed while the job begins has resources that are not.
  const until = parseInstant(transactionTime);
  if (until === undefined) throw new TypeError('a transaction time is no instant');
  const window = { type: 'Patient', from: undefined, until: searchValue(laterInstant(until, DAY_MS)) };
  const limits = { pages: PAGES_AT_ONCE, bytes: Infinity, milliseconds: Infinity };
  let cursor: SliceCursor | undefined;
  do {
    ({ cursor } = await runSlice(window, EVERYTHING, { pageSize, cursor }, limits, dependencies));
    if (ids.size > MAX_LISTED_PATIENTS) {
      throw new ExportError(
        'invalid-request',
        `organizeOutputBy: the source has more than ${MAX_LISTED_PATIENTS} patients. Export groups of them, or leave organizeOutputBy out.`,
      );
    }
  } while (cursor !== undefined);
  return [...ids];
}

/** A file that is not kept. */
function nowhere(): LineSink {
  return { bytes: 0, lines: 0, writeLines: () => undefined, close: async () => undefined };
}
