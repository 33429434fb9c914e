import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { TypeFilter } from '../request/typeFilter.js';
import { partOf, PatientCounter } from '../selection/patientCount.js';
import { filtered } from '../selection/filtered.js';
import type { Selection, SliceCursor } from '../selection/selection.js';
import type { LineMaker, LineSink } from '../output/lineMaker.js';
import { runSlice } from '../slice/slice.js';
import type { Source } from '../source/source.js';
import type { Window } from '../walk/window.js';

export interface FilterCountInput {
  /** Patients that an alternative has to have. */
  most: number;
  typeFilters: readonly TypeFilter[];
  fhirVersion: FhirVersion;
  pageSize: number;
  source: Source;
  /** What of a type the level of the export gives, by windows. */
  placesOf: (type: string) => ReadonlyArray<{ window: Window; base: Selection }>;
  /** Of a job over some patients, whether one is among them. */
  isCounted: ((id: string) => boolean) | undefined;
  isStopped: () => Promise<boolean>;
  /** Whether what is known by now has to do: an alternative of which too little is known is left out. */
  isOutOfTime: () => boolean;
}

/**
 * Where a type has several filters, those of enough patients. A resource that matches several of them is exported once,
 * so one that is to be withheld has to be left out before anything is written: what remains is then the same as if it
 * had not been asked for. Reads each of them until enough patients were seen, and writes nothing.
 */
export async function keptFilters(
  input: FilterCountInput,
): Promise<{ kept: TypeFilter[]; withheld: string[] }> {
  const kept: TypeFilter[] = [];
  const withheld: string[] = [];
  const nths = new Map<string, number>();
  for (const filter of input.typeFilters) {
    const { type } = filter;
    const isAlone = input.typeFilters.filter((other) => other.type === type).length === 1;
    const nth = (nths.get(type) ?? 0) + 1;
    nths.set(type, nth);
    if (isAlone || (await isOfEnough(filter, input))) kept.push(filter);
    else withheld.push(`${type} (filter ${nth})`);
  }
  return { kept, withheld };
}

async function isOfEnough(filter: TypeFilter, input: FilterCountInput): Promise<boolean> {
  const { most, fhirVersion, isCounted, source, pageSize, isStopped, isOutOfTime } = input;
  const { type } = filter;
  // Nothing of the counter is kept, so its key is of no job.
  const patients = new PatientCounter({ most, fhirVersion, secret: NO_SECRET, isCounted });
  for (const { window, base } of input.placesOf(type)) {
    const selection = filtered(base, [filter]);
    let cursor: SliceCursor | undefined;
    do {
      ({ cursor } = await runSlice(window, selection, { pageSize, cursor }, ONE_PAGE, {
        source,
        lineMaker: noLines,
        patients,
        openFile: () => Promise.resolve(nowhere),
        clock: () => 0,
        isStopped,
        tellProgress: () => undefined,
      }));
      if (patients.isFull(partOf(type))) return true;
      if (isOutOfTime()) return false;
    } while (cursor !== undefined);
  }
  return false;
}

const NO_SECRET = new Uint8Array(0);
const ONE_PAGE = { pages: 1, bytes: Infinity, milliseconds: Infinity };
const noLines: LineMaker = {
  processingErrors: 'skip',
  makeLine: () => undefined,
};
const nowhere: LineSink = {
  writeLines: () => undefined,
  close: () => Promise.resolve(),
  bytes: 0,
  lines: 0,
};
