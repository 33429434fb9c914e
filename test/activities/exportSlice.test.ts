import { expect, it } from 'vitest';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { exportSlice } from '../../functions/activities/exportSlice.js';

const SOURCE = { url: 'https://one.example/fhir', fhirVersion: 'R4' };

/** A slice of a job that was planned for SOURCE; it gets as far as asking for the line maker, or does not. */
async function sliceUnder(settings: { fhirServerUrl: string; fhirVersion: string }): Promise<void> {
  const window = { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' };
  const dependencies = {
    settings: { ...settings, workerThreads: 0 },
    jobs: {
      request: async () => ({ folder: '', container: 'research', typeFilters: [], elements: [] }),
      plan: async () => ({
        transactionTime: window.until,
        source: SOURCE,
        partitions: [{ window, estimate: 1 }],
      }),
    },
    engines: { lineMaker: () => Promise.reject(new Error('got as far as this')) },
  };
  const run = exportSlice(dependencies as unknown as ActivityDependencies);
  await run({ jobId: 'job', partition: 0, slice: 0, previous: null }, () => undefined);
}

it('a job that was planned for one source is not gone on with at another', async () => {
  const same = { fhirServerUrl: SOURCE.url, fhirVersion: SOURCE.fhirVersion };
  await expect(sliceUnder(same)).rejects.toThrow('got as far as this');
  for (const other of [{ fhirServerUrl: 'https://two.example/fhir' }, { fhirVersion: 'R5' }]) {
    await expect(sliceUnder({ ...same, ...other })).rejects.toMatchObject({
      code: 'source-unverifiable',
      retryable: false,
      message: expect.stringContaining('Start the export again'),
    });
  }
});
