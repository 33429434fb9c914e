import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHost } from '../../../local/host/host.js';
import { json, startTestHost, TEST_APP, type Status, type TestHost } from './testHost.js';
import { waitFor } from './waitFor.js';

let host: TestHost;
beforeAll(async () => {
  host = await startTestHost();
});
afterAll(() => host.close());

function files(): string[] {
  const directory = join(host.data, 'durable', 'TestHub');
  return readdirSync(directory).map((name) => join(directory, name));
}

function fileOf(instanceId: string): string {
  const file = files().find((name) => name.includes(`/${instanceId}.`));
  if (!file) throw new Error(`There is no file for ${instanceId}.`);
  return file;
}

const note = (label: string): string => join(host.data, `${label}.txt`);
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n');

describe('orchestrations', () => {
  test('values keep their JSON type on the way to an activity and back', async () => {
    await host.client.start('values', 'values');
    const { output } = await host.client.reaches('values');
    expect(output).toEqual(['text', '12', 7, 1.5, true, [1], { a: null }]);
  });

  test('an activity without a function ends the instance with the names there are', async () => {
    await host.client.start('misspelled', 'misspelled');
    const { runtimeStatus, output } = await host.client.reaches('misspelled');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/The function 'ehco' doesn't exist.*known activity functions: 'echo', 'boom'/);
  });

  test('an activity fails when it takes longer than functionTimeout', async () => {
    await host.client.start('tooSlow', 'tooSlow');
    const { runtimeStatus, output } = await host.client.reaches('tooSlow');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/Activity function 'echo' failed: {2}Timeout value of 8 s was exceeded/);
  });

  test('no more activities run at a time than maxConcurrentActivityFunctions', async () => {
    await host.client.start('measures', 'measures', 20);
    expect((await host.client.reaches('measures')).output).toBe(4);
  });

  test('an instance does not end before what it has scheduled', async () => {
    await host.client.start('anyLeavesOpen', 'open');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await host.client.status('open')).runtimeStatus).toBe('Running');
    expect((await host.client.reaches('open')).output).toBe('quick');
  });

  test.each([
    { ms: 300, from: 0 },
    { ms: 1900, from: 950 },
  ])('a timer of $ms ms fires after whole seconds', async ({ ms, from }) => {
    // It fires later where the machine is busy, but not each time.
    let least = Infinity;
    for (let nap = 0; nap < 5 && least >= ms; nap++) {
      await host.client.start('naps', `nap${ms}-${nap}`, { ms });
      const { output } = await host.client.reaches(`nap${ms}-${nap}`);
      expect(output).toBeGreaterThanOrEqual(from);
      least = Math.min(least, Number(output));
    }
    expect(least).toBeLessThan(ms);
  });

  test('a cancelled timer does not keep an instance from ending', async () => {
    await host.client.start('eventOrTimer', 'eventOrTimer');
    await host.client.reaches('eventOrTimer', 'Running');
    await host.client.call('raiseEvent', 'eventOrTimer', 'go', { some: 'data' });
    expect((await host.client.reaches('eventOrTimer')).output).toEqual({ some: 'data' });
  });

  test('events are kept until they are waited for', async () => {
    await host.client.start('waits', 'early');
    for (const data of [1, 2]) await host.client.call('raiseEvent', 'early', 'go', data);
    expect((await host.client.reaches('early')).output).toEqual([1, 2]);
  });

  test('a job that continues as new keeps its file small', async () => {
    const padding = 'x'.repeat(1000);
    await host.client.start('rounds', 'rounds', { left: 30, padding });
    const sizes: number[] = [];
    await waitFor(async () => {
      sizes.push(statSync(fileOf('rounds')).size);
      return (await host.client.status('rounds')).runtimeStatus === 'Completed';
    }, 'the last round');
    expect(Math.max(...sizes)).toBeLessThan(6000);
    expect((await host.client.status('rounds')).input).toEqual({ left: 0, padding });
  });
});

describe('managing instances', () => {
  test('an id can be started again only when its instance has ended', async () => {
    await host.client.start('waits', 'single');
    await expect(host.client.start('waits', 'single')).rejects.toThrow(/409.*already exists/);
    await host.client.call('terminate', 'single', 'enough');
    await host.client.reaches('single', 'Terminated');
    await host.client.start('fanOut', 'single');
    const { name, output } = await host.client.reaches('single', 'Completed');
    expect([name, output]).toEqual(['fanOut', [{ n: 1 }, { n: 2 }, { n: 3 }]]);
  });

  test('terminating a parent reaches neither its child nor its running activities', async () => {
    await host.client.start('parentOfWaiting', 'top');
    await host.client.reaches('top:waits', 'Running');
    await host.client.call('terminate', 'top', 'not wanted');
    const { output } = await host.client.reaches('top', 'Terminated');
    expect(output).toBe('not wanted');
    expect((await host.client.status('top:waits')).runtimeStatus).toBe('Running');
    await host.client.call('terminate', 'top:waits', 'either');
    await host.client.reaches('top:waits', 'Terminated');

    await host.client.start('notes', 'cut', { file: note('cut'), labels: ['a'], ms: 3000 });
    await waitFor(
      () => host.client.status('cut').then(() => files().length > 0 && exists('cut')),
      'the start',
    );
    await host.client.call('terminate', 'cut', '');
    await host.client.reaches('cut', 'Terminated');
    await waitFor(() => linesOf(note('cut')).includes('end a'), 'the activity to end');
    expect((await host.client.status('cut')).runtimeStatus).toBe('Terminated');
  });

  test('a terminated child ends its parent: the library cannot read such an outcome', async () => {
    await host.client.start('parentOfWaiting', 'left');
    await host.client.reaches('left:waits', 'Running');
    await host.client.call('terminate', 'left:waits', 'gone');
    expect((await host.client.reaches('left')).runtimeStatus).toBe('Failed');
  });

  test('a suspended instance continues when it is resumed', async () => {
    await host.client.start('waits', 'paused');
    await host.client.reaches('paused', 'Running');
    await host.client.call('suspend', 'paused', 'wait');
    await host.client.reaches('paused', 'Suspended');
    for (const data of ['a', 'b']) await host.client.call('raiseEvent', 'paused', 'go', data);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await host.client.status('paused')).runtimeStatus).toBe('Suspended');
    await host.client.call('resume', 'paused', 'go on');
    expect((await host.client.reaches('paused')).output).toEqual(['a', 'b']);
  });

  test.each([
    ['getStatus', /404/],
    ['terminate', /No instance/],
    ['raiseEvent', /No instance/],
    ['suspend', /No instance/],
    ['resume', /No instance/],
    ['rewind', /No instance/],
  ])('%s of an unknown instance throws', async (operation, message) => {
    await expect(host.client.call(operation, 'unknown', 'go', {})).rejects.toThrow(message);
  });

  test.each(['terminate', 'raiseEvent', 'suspend', 'resume'])(
    '%s does nothing to an ended instance',
    async (op) => {
      const id = `ended-${op}`;
      await host.client.start('fanOut', id);
      const before = await host.client.reaches(id);
      await host.client.call(op, id, 'go', {});
      expect(await host.client.status(id)).toEqual(before);
    },
  );

  test('rewinding a completed instance throws', async () => {
    await host.client.start('fanOut', 'forward');
    await host.client.reaches('forward');
    await expect(host.client.call('rewind', 'forward', 'why')).rejects.toThrow(/only supported on failed/);
  });

  test('an orchestrator that does not exist is accepted, and its instance fails', async () => {
    await host.client.start('nonsense', 'x');
    const { runtimeStatus, output } = await host.client.reaches('x');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/The function 'nonsense' doesn't exist/);
  });

  test('purging removes an instance and its file', async () => {
    await host.client.start('fanOut', 'gone');
    await host.client.reaches('gone');
    const file = fileOf('gone');
    expect(await host.client.call('purgeInstanceHistory', 'gone')).toEqual({ instancesDeleted: 1 });
    expect(files()).not.toContain(file);
    await expect(host.client.status('gone')).rejects.toThrow(/404/);
    expect(await host.client.call('purgeInstanceHistory', 'gone')).toEqual({ instancesDeleted: 0 });
  });

  test('lists and purges by time of creation and status', async () => {
    await host.restart();
    const from = new Date(Date.now() - 1);
    for (const id of ['l1', 'l2']) await host.client.start('fanOut', id);
    await host.client.start('waits', 'l3');
    for (const id of ['l1', 'l2']) await host.client.reaches(id);
    const list = async (filter: object): Promise<string[]> => {
      const found = await host.client.call<Status[]>('getStatusBy', filter);
      return found.map(({ instanceId }) => instanceId);
    };
    expect(await list({ createdTimeFrom: from })).toEqual(['l1', 'l2', 'l3']);
    expect(await list({ createdTimeFrom: from, runtimeStatus: ['Running', 'Pending'] })).toEqual(['l3']);
    expect(await list({ createdTimeTo: from })).not.toContain('l1');
    const filter = { createdTimeFrom: from, runtimeStatus: ['Completed'] };
    expect(await host.client.call('purgeInstanceHistoryBy', filter)).toEqual({ instancesDeleted: 2 });
    expect(await list({ createdTimeFrom: from })).toEqual(['l3']);
  });

  test('a list of more than a page comes whole', async () => {
    const ids = Array.from({ length: 130 }, (_, index) => `page-${String(index).padStart(3, '0')}`);
    await Promise.all(ids.map((id) => host.client.start('throwsNow', id)));
    await Promise.all(ids.map((id) => host.client.reaches(id)));
    const all = await host.client.call<Status[]>('getStatusAll');
    expect(all.map(({ instanceId }) => instanceId).filter((id) => id.startsWith('page-'))).toEqual(ids);
  });

  test('the links of a check-status response work, with their key only', async () => {
    await host.client.start('fanOut', 'links');
    await host.client.reaches('links');
    const response = await fetch(`${host.url}/check/links`);
    expect(response.status).toBe(202);
    const links = await json<Record<string, string>>(response);
    const uri = links['statusQueryGetUri'] ?? '';
    expect(await (await fetch(uri)).json()).toMatchObject({
      runtimeStatus: 'Completed',
      instanceId: 'links',
    });
    expect((await fetch(uri.replace(/code=[^&]*/, 'code=x'))).status).toBe(401);
    const history = await json<{ historyEvents: unknown[] }>(await fetch(`${uri}&showHistory=true`));
    expect(history.historyEvents).toHaveLength(4);
  });
});

describe('after a restart', () => {
  test('ended instances are still there, running ones go on', async () => {
    await host.client.start('fanOut', 'before', {});
    const ended = await host.client.reaches('before');
    await host.client.start('waits', 'going');
    await host.client.reaches('going', 'Running');
    await host.client.call('raiseEvent', 'going', 'go', 1);
    await host.restart();
    expect(await host.client.status('before')).toEqual(ended);
    await host.client.call('raiseEvent', 'going', 'go', 2);
    expect((await host.client.reaches('going')).output).toEqual([1, 2]);
  });

  test('an activity that was running runs again after the delay, one that waited at once', async () => {
    const labels = ['1', '2', '3', '4', '5'];
    await host.client.start('notes', 'again', { file: note('again'), labels, ms: 2000 });
    await waitFor(() => exists('again') && linesOf(note('again')).length === 4, 'four running activities');
    const at = Date.now();
    await host.restart({ redeliveryDelayMs: 1500 });
    const { output } = await host.client.reaches('again');
    expect(Date.now() - at).toBeGreaterThan(1500);
    expect(output).toEqual(labels);
    const starts = linesOf(note('again')).filter((line) => line.startsWith('start'));
    expect(starts.slice(0, 4).toSorted()).toEqual(['start 1', 'start 2', 'start 3', 'start 4']);
    expect(starts[4]).toBe('start 5');
    expect(starts.slice(5).toSorted()).toEqual(['start 1', 'start 2', 'start 3', 'start 4']);
  });

  test('an activity that ends while the host stops counts', async () => {
    await host.client.start('notes', 'grace', { file: note('grace'), labels: ['1'], ms: 2000 });
    await waitFor(() => exists('grace'), 'the start');
    await host.host.close();
    await host.restart({ graceMs: 100 });
    await host.client.reaches('grace');
    expect(linesOf(note('grace')).filter((line) => line.startsWith('start')).length).toBeGreaterThan(1);
    await host.restart({ graceMs: 20_000 });
    await host.client.start('notes', 'grace2', { file: note('grace2'), labels: ['1'], ms: 300 });
    await waitFor(() => exists('grace2'), 'the start');
    await host.restart();
    expect((await host.client.reaches('grace2')).output).toEqual(['1']);
    expect(linesOf(note('grace2'))).toEqual(['start 1', 'end 1']);
  });

  test('two hosts cannot work on the same data', async () => {
    const second = startHost({ scriptRoot: TEST_APP, port: 0, dataDirectory: host.data });
    await expect(second).rejects.toThrow(/in use by another host/);
  });
});

function exists(label: string): boolean {
  return readdirSync(host.data).includes(`${label}.txt`);
}
