import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { event, executionStarted, type HistoryEvent } from '../../../local/host/durable/history.js';
import {
  ActionType,
  type Action,
  type OrchestratorState,
} from '../../../local/host/durable/orchestratorState.js';
import { decide, type Decision } from '../../../local/host/durable/replay.js';
import { Store } from '../../../local/host/durable/store.js';
import { TaskHub, type DurableFunctions } from '../../../local/host/durable/taskHub.js';
import { readHostSettings } from '../../../local/host/hostJson.js';
import { PROJECT_ROOT } from '../../../local/paths.js';
import { waitFor } from './waitFor.js';

const data = mkdtempSync(join(tmpdir(), 'task-hub-'));
afterAll(() => rmSync(data, { recursive: true }));

const activity: Action = { actionType: ActionType.CallActivity, functionName: 'a', input: { n: 1 } };
const timer: Action = { actionType: ActionType.CreateTimer, fireAt: '2026-01-01T00:00:00.000Z' };
const child: Action = { actionType: ActionType.CallSubOrchestrator, functionName: 'o' };

function scheduled(name: string, id: number): HistoryEvent {
  return event({ EventType: 4, Name: name, Version: '', Input: null, ParentTraceContext: null }, id);
}

function decideOn(actions: Action[], ...history: HistoryEvent[]): Decision {
  const started = executionStarted({
    instanceId: 'i',
    name: 'o',
    input: null,
    parent: null,
    generation: 0,
  });
  return decide(
    [event({ EventType: 12 }), started, ...history],
    { isDone: false, actions },
    {
      name: 'o',
      instanceId: 'i',
      executionId: 'e',
      parentInstanceId: null,
      activities: new Set(['a', 'b']),
      orchestrators: new Set(['o']),
    },
  );
}

describe('what an orchestrator asks for is compared with its history', () => {
  const timerCreated = event({ EventType: 10, FireAt: '2026-01-01T00:00:00.0000000Z' }, 0);
  const childCreated = event(
    { EventType: 7, Name: 'o', Version: '', InstanceId: 'x', Input: null, ClientSpanId: '' },
    0,
  );

  test.each<[string, Action[], HistoryEvent, RegExp]>([
    [
      'another activity',
      [activity],
      scheduled('b', 0),
      /named 'b', but .* scheduled an activity task named 'a'/,
    ],
    ['nothing', [], scheduled('a', 0), /ID 0 and name 'a' .* hasn't \(yet\?\) scheduled this task/],
    ['a timer', [timer], scheduled('a', 0), /named 'a', but .* produced a CreateTimerOrchestratorAction/],
    ['no timer', [activity], timerCreated, /a timer task with sequence number 0, but .* a ScheduleTaskOrch/],
    ['no child', [activity], childCreated, /a sub-orchestration task .* a ScheduleTaskOrchestratorAction/],
    ['no second one', [activity], scheduled('a', 1), /ID 1 and name 'a'/],
  ])('%s now', (_name, actions, past, message) => {
    const { end } = decideOn(actions, past);
    expect(end?.kind === 'failed' ? end.failure.reason : end).toMatch(message);
    expect(end?.kind === 'failed' ? end.failure.reason : end).toMatch(
      /^Non-Deterministic workflow detected: /,
    );
  });

  test('the case of a name does not count', () => {
    expect(decideOn([activity], scheduled('A', 0)).end).toBeUndefined();
  });

  test('a sub-orchestration without an id is named after the execution', () => {
    expect(decideOn([child]).scheduled).toMatchObject([{ instanceId: 'e:0' }]);
  });

  test('a sub-orchestration cannot have the id of its parent', () => {
    const { end } = decideOn([{ ...child, instanceId: 'i' }]);
    expect(end?.kind === 'failed' ? end.failure.reason : end).toMatch(/must be different/);
  });

  test.each<[object, number, number]>([
    [{ backoffCoefficient: 3 }, 1, 1000],
    [{ backoffCoefficient: 3 }, 2, 3000],
    [{ backoffCoefficient: 3, maxRetryIntervalInMilliseconds: 2500 }, 2, 2500],
    [{}, 2, 1000],
  ])('retries with %j: the delay after attempt %i is %i ms', (options, attempts, delay) => {
    const retryOptions = { firstRetryIntervalInMilliseconds: 1000, maxNumberOfAttempts: 5, ...options };
    const history: HistoryEvent[] = [];
    let now = '';
    for (let attempt = 0; attempt < attempts; attempt++) {
      const id = 2 * attempt;
      history.push(scheduled('a', id));
      const failure = {
        EventType: 6,
        TaskScheduledId: id,
        Reason: '',
        Details: '',
        FailureDetails: null,
      } as const;
      const step = event({ EventType: 12 });
      now = step.Timestamp;
      history.push(step, event(failure));
      if (attempt + 1 === attempts) break;
      const fired = { EventType: 11, TimerId: id + 1, FireAt: '' } as const;
      history.push(event({ EventType: 10, FireAt: '' }, id + 1), event({ EventType: 12 }), event(fired));
    }
    const [next] = decideOn([{ ...activity, actionType: 1, retryOptions }], ...history).scheduled;
    expect(next).toMatchObject({ kind: 'timer', id: 2 * attempts - 1 });
    const fireAt = next?.kind === 'timer' ? next.fireAt : '';
    expect(Date.parse(fireAt) - Date.parse(now)).toBe(delay);
  });
});

/** Orchestrators and activities whose answers the test gives. */
class FakeFunctions implements DurableFunctions {
  readonly activities = new Set(['a']);
  readonly orchestrators = new Set(['o']);
  readonly orchestratorCalls: ((state: OrchestratorState) => void)[] = [];
  readonly activityCalls: ((result: string | null) => void)[] = [];

  callOrchestrator(): Promise<OrchestratorState> {
    return new Promise((resolve) => this.orchestratorCalls.push(resolve));
  }

  callActivity(): Promise<string | null> {
    return new Promise((resolve) => this.activityCalls.push(resolve));
  }
}

describe('the hub', () => {
  let hubs = 0;
  function open(functions: DurableFunctions): TaskHub {
    const hub = new TaskHub(new Store(join(data, String(hubs++))), functions, {
      maxConcurrentActivityFunctions: 10,
      maxConcurrentOrchestratorFunctions: 2,
      activityRedeliveryMs: 0,
      orchestratorRedeliveryMs: 0,
    });
    hub.open();
    return hub;
  }

  test('calls no more orchestrators at a time than it may', async () => {
    const functions = new FakeFunctions();
    const hub = open(functions);
    for (const id of ['1', '2', '3']) hub.startNew('o', id, null);
    await waitFor(() => functions.orchestratorCalls.length === 2, 'two calls');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(functions.orchestratorCalls).toHaveLength(2);
    functions.orchestratorCalls[0]?.({ isDone: true, actions: [] });
    await waitFor(() => functions.orchestratorCalls.length === 3, 'the third');
    await hub.close(0);
  });

  test('forgets what a purged instance was waiting for', async () => {
    const functions = new FakeFunctions();
    const hub = open(functions);
    hub.startNew('o', 'x', null);
    await waitFor(() => functions.orchestratorCalls.length === 1, 'the call');
    functions.orchestratorCalls[0]?.({ isDone: false, actions: [activity] });
    await waitFor(() => functions.activityCalls.length === 1, 'the activity');
    expect(hub.purge('x')).toBe(true);
    hub.startNew('o', 'x', null);
    functions.activityCalls[0]?.('"late"');
    await waitFor(() => functions.orchestratorCalls.length === 2, 'the call of the new one');
    functions.orchestratorCalls[1]?.({ isDone: true, actions: [], output: 'new' });
    await waitFor(() => hub.get('x')?.status === 'Completed', 'its end');
    expect(hub.history('x')?.map(({ EventType }) => EventType)).toEqual([12, 0, 13]);
    await hub.close(0);
  });

  test('keeps an id that no file could have for a name', async () => {
    const functions = new FakeFunctions();
    const hub = open(functions);
    const ids = ['a/b', 'a:b', 'A:b', '../../up', 'x'.repeat(500), 'ü ', 'con'];
    for (const id of ids) hub.startNew('o', id, JSON.stringify(id));
    await hub.close(0);
    const next = new TaskHub(new Store(join(data, String(hubs - 1))), functions, {
      maxConcurrentActivityFunctions: 1,
      maxConcurrentOrchestratorFunctions: 1,
      activityRedeliveryMs: 0,
      orchestratorRedeliveryMs: 0,
    });
    next.open();
    for (const id of ids) expect(next.get(id)?.input).toBe(JSON.stringify(id));
    expect(next.list()).toHaveLength(ids.length);
    await next.close(0);
  });

  describe('with the host.json of the app, after the host was stopped', () => {
    const settings = readHostSettings(PROJECT_ROOT, {});
    const options = {
      ...settings,
      activityRedeliveryMs: settings.workItemVisibilityMs,
      orchestratorRedeliveryMs: settings.controlVisibilityMs,
    };
    afterEach(() => vi.useRealTimers());

    /** Stops a hub in the middle of something, and opens one on the same store with the time in hand. */
    async function stopAndOpen(isUnderWay: (functions: FakeFunctions) => boolean): Promise<FakeFunctions> {
      const before = new FakeFunctions();
      const hub = open(before);
      hub.startNew('o', 'x', null);
      await waitFor(() => before.orchestratorCalls.length === 1, 'the call');
      if (!isUnderWay(before)) {
        before.orchestratorCalls[0]?.({ isDone: false, actions: [activity] });
        await waitFor(() => isUnderWay(before), 'the activity');
      }
      await hub.close(0);
      const after = new FakeFunctions();
      const next = new TaskHub(new Store(join(data, String(hubs - 1))), after, options);
      vi.useFakeTimers();
      next.open();
      return after;
    }

    test('a slice that was cut continues in under 90 s, and not before its message is seen again', async () => {
      const after = await stopAndOpen(({ activityCalls }) => activityCalls.length === 1);
      await vi.advanceTimersByTimeAsync(59_000);
      expect(after.activityCalls).toHaveLength(0);
      await vi.advanceTimersByTimeAsync(31_000);
      expect(after.activityCalls).toHaveLength(1);
    });

    test('an orchestrator that was cut does so, too', async () => {
      const after = await stopAndOpen(({ orchestratorCalls }) => orchestratorCalls.length === 1);
      await vi.advanceTimersByTimeAsync(59_000);
      expect(after.orchestratorCalls).toHaveLength(0);
      await vi.advanceTimersByTimeAsync(31_000);
      expect(after.orchestratorCalls).toHaveLength(1);
    });
  });
});
