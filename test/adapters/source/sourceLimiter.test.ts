import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FhirClient } from '../../../functions/adapters/source/fhirClient.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Load {
  base: string;
  /** Most requests that were there at the same time. */
  most: number;
  /** Of each job, by the type it searches, what was served. */
  served: Map<string, number>;
  /** With what each request was answered. */
  statuses: number[];
}

/** A source that bears a number of requests at a time, and refuses the others as given. */
async function sourceOf(capacity: number, serviceMs: number, retryAfter: string | undefined): Promise<Load> {
  const load: Load = { base: '', most: 0, served: new Map(), statuses: [] };
  let present = 0;
  server = createServer((request, response) => {
    present++;
    load.most = Math.max(load.most, present);
    const isRefused = present > capacity;
    load.statuses.push(isRefused ? 429 : 200);
    const type = /fhir\/(\w+)/.exec(request.url ?? '')?.[1] ?? '';
    setTimeout(
      () => {
        present--;
        if (isRefused) {
          response.writeHead(429, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end();
          return;
        }
        load.served.set(type, (load.served.get(type) ?? 0) + 1);
        response.writeHead(200, { 'content-type': 'application/fhir+json' }).end('{}');
      },
      isRefused ? 0 : serviceMs,
    );
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  load.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`;
  return load;
}

function clientOf({ base }: Load, limiter: SourceLimiter, job: string): FhirClient {
  return new FhirClient({
    baseUrl: base,
    timeoutSeconds: 10,
    maxAttempts: 20,
    maxPageBytes: 1000,
    limiter,
    job,
  });
}

describe('requests of all jobs to one source', () => {
  it('are never more at a time than the setting says, and each job gets its share', async () => {
    const load = await sourceOf(1000, 10, undefined);
    const limiter = new SourceLimiter(4);
    const noisy = clientOf(load, limiter, 'noisy');
    const quiet = clientOf(load, limiter, 'quiet');
    const all = Array.from({ length: 300 }, () => noisy.search('Observation', []));
    for (let index = 0; index < 20; index++) await quiet.search('Patient', []);
    // It waits for one place with each, and not for the 300 that were before it.
    expect(load.served.get('Observation')).toBeLessThan(150);
    await Promise.all(all);
    expect(Object.fromEntries(load.served)).toEqual({ Observation: 300, Patient: 20 });
    expect(load.most).toBe(4);
  });

  it('become fewer while the source refuses some, until all are served', async () => {
    const load = await sourceOf(2, 5, undefined);
    const limiter = new SourceLimiter(16);
    const client = clientOf(load, limiter, 'job');
    await Promise.all(Array.from({ length: 60 }, () => client.search('Patient', [])));
    expect(load.served.get('Patient')).toBe(60);
    expect(limiter.limit).toBeLessThanOrEqual(4);
    const late = load.statuses.slice(-40);
    expect(late.filter((status) => status === 429).length).toBeLessThan(15);
  });

  it('all wait as long as Retry-After asks of one of them', async () => {
    const load = await sourceOf(2, 5, '1');
    const limiter = new SourceLimiter(3);
    const enter = limiter.enter.bind(limiter);
    let refusedAt: number | undefined;
    const later: number[] = [];
    limiter.enter = async (job) => {
      const leave = await enter(job);
      if (refusedAt !== undefined) later.push(performance.now() - refusedAt);
      return (outcome, retryAfterMs) => {
        leave(outcome, retryAfterMs);
        const at = performance.now();
        // Who was let in just before goes on first.
        if (outcome === 'limited') setImmediate(() => (refusedAt ??= at));
      };
    };
    const jobs = ['a', 'b', 'c'].map((job) => clientOf(load, limiter, job));
    await Promise.all(
      jobs.flatMap((client) => [client, client]).map((client) => client.search('Patient', [])),
    );
    expect(later.length).toBeGreaterThan(0);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(950);
    expect(load.served.get('Patient')).toBe(6);
  });
});
