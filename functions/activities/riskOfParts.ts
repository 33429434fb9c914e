import { pMapIterable } from 'p-map';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { JobRequest, ReadPart } from '../export/records/job.js';
import { classSizes } from '../export/risk/classSizes.js';
import { comparesWhole } from '../export/risk/comparesWhole.js';
import { type Risk, riskOf } from '../export/risk/risk.js';

/** Tables that are read before they are added up: each has 1.3 MiB at most. */
const AHEAD = { concurrency: 4 };

/**
 * How alike the Patients of a job are, from the tables of the attempts that count; `undefined` where they were not compared.
 * @param parts those that are exported
 */
export async function riskOfParts(
  jobs: Pick<JobStore, 'classes'>,
  request: Pick<JobRequest, 'jobId' | 'risk' | 'elements'>,
  parts: readonly ReadPart[],
): Promise<Risk | undefined> {
  const { jobId, risk } = request;
  if (risk === undefined) return undefined;
  const attempts = parts.flatMap(({ partition, record: { classes = [] } }) =>
    classes.map((record) => ({ partition, ...record })),
  );
  const tables = attempts.flatMap(({ partition, attempt, tables: count }) =>
    Array.from({ length: count }, (_, nth) => ({ partition, attempt, nth })),
  );
  const readTables = (): AsyncIterable<Buffer> =>
    pMapIterable(
      tables,
      ({ partition, attempt, nth }) => jobs.classes(jobId, partition, attempt, nth),
      AHEAD,
    );
  return riskOf(await classSizes(readTables), {
    quasiIdentifiers: risk.quasiIdentifiers,
    ...(comparesWhole(request) && { beforeElements: true as const }),
    notEvaluated: attempts.reduce((sum, { notEvaluated }) => sum + notEvaluated, 0),
  });
}
