import { expect, it } from 'vitest';
import { SourceWatch } from '../../functions/activities/waiting.js';
import type { Waiting } from '../../functions/export/records/job.js';
import type { Source } from '../../functions/export/source/source.js';

it('what is waited for is reported when it changes, until the source answers', async () => {
  const reported: Array<Waiting | undefined> = [];
  let now = Date.parse('2026-01-01T14:03:00.000Z');
  const watch = new SourceWatch(
    () => now,
    (waiting) => reported.push(waiting),
  );
  const answer = { body: Buffer.alloc(0), date: undefined };
  const source = watch.watched({ search: () => Promise.resolve(answer) } as unknown as Source);
  watch.failed({ event: 'source-request-failed', code: 'source-timeout' });
  now += 60_000;
  watch.failed({ event: 'source-request-failed', code: 'source-timeout' });
  watch.failed({ event: 'source-request-failed', code: 'source-busy' });
  watch.failed({ event: 'source-request-failed', code: 'source-refused' });
  watch.failed({ event: 'something else' });
  expect(await source.search('Patient', [])).toBe(answer);
  await source.search('Patient', []);
  const since = '2026-01-01T14:03:00.000Z';
  expect(reported).toEqual([{ since, code: 'source-timeout' }, { since, code: 'source-busy' }, undefined]);
});
