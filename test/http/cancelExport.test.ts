import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { afterEach, expect, it, vi } from 'vitest';
import { cancelExport } from '../../functions/http/cancelExport.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';

const JOB_ID = '0'.repeat(32);

afterEach(() => vi.restoreAllMocks());

/** A DELETE of a job with many files, of which storage deletes one after the other until it is aborted. */
async function cancel(secondsToDelete: number): Promise<{ said: string; events: string[] }> {
  const controller = new AbortController();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValue(controller.signal);
  const events: string[] = [];
  const jobs = {
    records: async () => ({
      request: { jobId: JOB_ID, workers: 2, container: 'research', folder: 'folder/' },
    }),
    putStop: async () => void events.push('stop'),
    destroySecrets: async () => void events.push('destroy secrets'),
    claimedPartitions: async () => [7, 4999],
    destroyWorkingState: async () => void events.push('destroy'),
  };
  const files = {
    discard: async (_job: unknown, signal: AbortSignal) => {
      events.push('discard');
      if (secondsToDelete < 60) return;
      controller.abort();
      signal.throwIfAborted();
    },
  };
  const handler = cancelExport({ jobs, files, now: () => 0 } as unknown as HttpDependencies);
  const client = { terminate: async (id: string) => void events.push(id.replace(JOB_ID, 'job')) };
  const answer = await handler(
    { params: { jobId: JOB_ID }, method: 'DELETE' } as unknown as HttpRequest,
    client as unknown as DurableClient,
    { warn: () => undefined } as unknown as InvocationContext,
    { kind: 'unknown' },
  );
  expect(answer.status).toBe(202);
  return { said: JSON.stringify(answer), events };
}

it('a cancel is marked first, then reaches the orchestrations that are under way and no others', async () => {
  const { said, events } = await cancel(1);
  expect(events).toEqual([
    'stop',
    'destroy secrets',
    ...['job', 'job:worker-0', 'job:worker-1', 'job:partition-7', 'job:partition-4999'],
    ...['destroy secrets', 'discard', 'destroy'],
  ]);
  expect(said).toContain('its files are deleted');
});

it('a cancel whose files take long to delete answers all the same, and does not say that they are gone', async () => {
  const { said, events } = await cancel(600);
  expect(events).not.toContain('destroy');
  expect(events).toContain('destroy secrets');
  expect(said).toContain('its files will be deleted');
});
