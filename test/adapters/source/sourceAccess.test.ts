import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shareSourceAccess } from '../../../functions/adapters/source/sourceAccess.js';
import type { SourceCredentials } from '../../../functions/adapters/source/credentials/sourceCredentials.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';
import { ExportError } from '../../../functions/common/errors.js';

describe('what all threads share at the source', () => {
  const limiter = new SourceLimiter(2);
  const token = { name: 'Authorization', value: 'Bearer one' };
  let threads: Worker[];
  let credentials: SourceCredentials;

  beforeEach(() => {
    credentials = {
      remedy: 'See to it.',
      header: async () => token,
      renewed: async ({ value }) => (value === token.value ? { ...token, value: 'Bearer two' } : undefined),
    };
    threads = [];
  });
  afterEach(async () => {
    await Promise.all(threads.map((started) => started.terminate()));
  });

  function thread(): Worker {
    const shared = shareSourceAccess({ limiter, credentials });
    const started = new Worker(new URL('sourceAccessThread.mjs', import.meta.url), {
      workerData: shared,
      transferList: [shared.port],
    });
    threads.push(started);
    return started;
  }
  const post = (port: Pick<Worker, 'postMessage'>, message: object): void => port.postMessage(message);
  async function ask(worker: Worker, message: object): Promise<unknown> {
    const answer = once(worker, 'message');
    post(worker, message);
    return (await answer)[0];
  }

  it('are the places: a thread waits for what another one has', async () => {
    const [one, other] = [thread(), thread()];
    await ask(one, { what: 'enter', job: 'a' });
    await ask(one, { what: 'enter', job: 'a' });
    let entered = false;
    const entering = ask(other, { what: 'enter', job: 'b' }).then(() => (entered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(entered).toBe(false);
    const leftAt = performance.now();
    post(one, { what: 'leave' });
    post(one, { what: 'leave' });
    await entering;
    // The source asked one thread to wait; all do, and with fewer requests.
    expect(performance.now() - leftAt).toBeGreaterThanOrEqual(990);
    expect(limiter.limit).toBe(1);
  });

  it('are the places of a thread that died, too, and those it waited for', async () => {
    const [dying, other] = [thread(), thread()];
    await ask(dying, { what: 'enter', job: 'a' });
    post(dying, { what: 'enter', job: 'a' });
    const entering = ask(other, { what: 'enter', job: 'b' });
    post(dying, { what: 'end' });
    await expect(entering).resolves.toBe('entered');
  });

  it('are the credentials, with their failures in our own words', async () => {
    const worker = thread();
    expect(await ask(worker, { what: 'header' })).toEqual({ answer: token, remedy: 'See to it.' });
    expect(await ask(worker, { what: 'renewed', refused: token })).toMatchObject({
      answer: { value: 'Bearer two' },
    });
    expect(await ask(worker, { what: 'renewed', refused: { ...token, value: 'Bearer two' } })).toEqual({
      answer: undefined,
      remedy: 'See to it.',
    });
    credentials.header = () => Promise.reject(new ExportError('source-denied', 'No token.', true));
    expect(await ask(worker, { what: 'header' })).toMatchObject({
      answer: { name: 'ExportError', code: 'source-denied', message: 'No token.', retryable: true },
    });
    credentials.header = () => Promise.reject(new Error('secret-words'));
    const unexpected = await ask(worker, { what: 'header' });
    expect(unexpected).toMatchObject({ answer: { code: 'internal', retryable: true } });
    expect(JSON.stringify(unexpected)).not.toContain('secret-words');
  });
});
