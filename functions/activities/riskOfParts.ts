import type { JobStore } from '../adapters/storage/jobStore.js';
import type { JobRequest, ReadPart } from '../export/records/job.js';
import { classSizes } from '../export/risk/classSizes.js';
import { comparesWhole } from '../export/risk/comparesWhole.js';
import { type Risk, riskOf } from '../export/risk/risk.js';

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
  const tables = async function* (): AsyncGenerator<Buffer> {
    for (const { partition, attempt, tables: count } of attempts) {
      for (let nth = 0; nth < count; nth++) yield jobs.classes(jobId, partition, attempt, nth);
    }
  };
  return riskOf(await classSizes(tables), {
    quasiIdentifiers: risk.quasiIdentifiers,
    ...(comparesWhole(request) && { beforeElements: true as const }),
    notEvaluated: attempts.reduce((sum, { notEvaluated }) => sum + notEvaluated, 0),
  });
}
