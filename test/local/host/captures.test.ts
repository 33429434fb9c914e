import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppFunctions } from '../../../local/host/durable/appFunctions.js';
import { ManagementApi } from '../../../local/host/durable/management.js';
import type { OrchestratorState } from '../../../local/host/durable/orchestratorState.js';
import { Store } from '../../../local/host/durable/store.js';
import { TaskHub, type DurableFunctions } from '../../../local/host/durable/taskHub.js';
import { Logger } from '../../../local/host/log.js';
import { Worker } from '../../../local/host/worker/worker.js';
import { waitFor } from './waitFor.js';

// What the real host sent to orchestrations and got from them. This host must send and accept the same.

const CAPTURES = fileURLToPath(new URL('../../../../shared/reference/durable-captures', import.meta.url));
const APP = fileURLToPath(new URL('app', import.meta.url));

interface HistoryEvent {
  EventType: number;
  EventId: number;
  Timestamp: string;
  Result?: string | null;
  [member: string]: unknown;
}

interface TriggerInput {
  instanceId: string;
  history: HistoryEvent[];
}

interface Exchange {
  before?: string;
  after?: string;
  trigger?: 'orchestrationTrigger' | 'activityTrigger';
  input?: TriggerInput;
  result?: { isDone: boolean; actions: unknown[][]; output?: unknown; customStatus?: unknown } | null;
  error?: string | null;
}

interface Capture {
  scenario: string;
  instanceId: string;
  input?: unknown;
  status: Record<string, unknown>;
  exchanges: Exchange[];
}

/** Calls the real functions, but lets the results of activities through only when they are released. */
class GatedFunctions implements DurableFunctions {
  readonly activities: ReadonlySet<string>;
  readonly orchestrators: ReadonlySet<string>;
  readonly orchestratorCalls: { name: string; input: TriggerInput; state: OrchestratorState }[] = [];
  readonly activityCalls: string[] = [];
  readonly #held: { key: string; release: () => void }[] = [];
  readonly #functions: AppFunctions;

  constructor(functions: AppFunctions) {
    this.#functions = functions;
    this.activities = functions.activities;
    this.orchestrators = functions.orchestrators;
  }

  async callOrchestrator(name: string, input: TriggerInput): Promise<OrchestratorState> {
    const copy = structuredClone(input);
    const state = await this.#functions.callOrchestrator(name, input);
    this.orchestratorCalls.push({ name, input: copy, state });
    return state;
  }

  async callActivity(name: string, input: string | null): Promise<string | null> {
    const key = `${name} ${input ?? ''}`;
    this.activityCalls.push(key);
    const outcome = this.#functions.callActivity(name, input);
    await outcome.catch(() => {});
    await new Promise<void>((release) => this.#held.push({ key, release }));
    return outcome;
  }

  /** Releases the results of these calls, all in one turn of the event loop. */
  async release(keys: string[]): Promise<void> {
    const waiting = [...keys];
    const found: (() => void)[] = [];
    await waitFor(
      () => {
        for (const key of Array.from(waiting)) {
          const index = this.#held.findIndex((held) => held.key === key);
          if (index === -1) continue;
          found.push(...this.#held.splice(index, 1).map(({ release }) => release));
          waiting.splice(waiting.indexOf(key), 1);
        }
        return waiting.length === 0;
      },
      `the activities ${keys.join(', ')}`,
    );
    for (const release of found) release();
  }

  releaseAll(): void {
    for (const { release } of this.#held.splice(0)) release();
  }
}

const EXECUTION_ID = /[0-9a-f]{32}/g;
const GUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const CUT = '…(stack cut)';

/** Takes out what differs from run to run: times, random ids. Ids are numbered in their order. */
function normalize<T>(value: T): T {
  const ids = new Map<string, string>();
  const text = JSON.stringify(value)
    .replace(EXECUTION_ID, (id) => {
      ids.set(id, ids.get(id) ?? `<id ${ids.size}>`);
      return ids.get(id) ?? '';
    })
    .replace(GUID, '<guid>')
    .replace(/"ClientSpanId":"[0-9a-f]{16}"/g, '"ClientSpanId":"<span>"');
  return JSON.parse(text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'));
}

/** Timers by the delay that was asked for, in milliseconds after the step that asked for it. */
function withRelativeTimers(input: TriggerInput): TriggerInput {
  let started = 0;
  const delays = new Map<unknown, number>();
  const history = input.history.map((event) => {
    if (event.EventType === 12) started = Date.parse(event.Timestamp);
    if (event.EventType === 10) delays.set(event.EventId, Date.parse(String(event['FireAt'])) - started);
    if (event.EventType === 10) return { ...event, FireAt: delays.get(event.EventId) };
    return event.EventType === 11 ? { ...event, FireAt: delays.get(event['TimerId']) } : event;
  });
  return { ...input, history };
}

/** The recordings cut off stacks: there, the beginning has to be the same. */
function cutAlike(actual: unknown, expected: unknown): unknown {
  if (typeof actual === 'string' && typeof expected === 'string' && expected.endsWith(CUT)) {
    return actual.startsWith(expected.slice(0, -CUT.length)) ? expected : actual;
  }
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.map((item, index) => cutAlike(item, expected[index]));
  }
  if (typeof actual === 'object' && actual !== null && typeof expected === 'object' && expected !== null) {
    const counterpart = new Map<string, unknown>(Object.entries(expected));
    return Object.fromEntries(
      Object.entries(actual).map(([name, item]) => [name, cutAlike(item, counterpart.get(name))]),
    );
  }
  return actual;
}

/** The activities whose results arrive with this call of the orchestrator. */
function arriving({ history }: TriggerInput): string[] {
  const fresh = history.slice(history.findLastIndex(({ EventType }) => EventType === 12));
  return fresh.flatMap((event) => {
    if (event.EventType !== 5 && event.EventType !== 6) return [];
    const scheduled = history.find(
      ({ EventType, EventId }) => EventType === 4 && EventId === event['TaskScheduledId'],
    );
    const reason = /boom (.*)$/.exec(String(event['Reason']))?.[1];
    return [`${String(scheduled?.['Name'])} ${reason ?? event.Result ?? ''}`];
  });
}

function sameInstance(instanceId: string): string {
  return instanceId.replace(/^[0-9a-f]{32}:/, '<parent>:');
}

function stateOf(exchange: Exchange): unknown {
  const label = '$OutOfProcData$:';
  const { error, result } = exchange;
  if (!error) return result && { ...result, actions: result.actions[0], schemaVersion: undefined };
  const text = error.slice(error.indexOf(label) + label.length);
  return text.endsWith(CUT) ? 'cut' : JSON.parse(text);
}

if (existsSync(CAPTURES)) {
  const data = mkdtempSync(join(tmpdir(), 'captures-'));
  let worker: Worker;
  beforeAll(async () => {
    worker = await Worker.load(APP, new Logger({ write: () => {} }, {}), Infinity);
  });
  afterAll(() => rmSync(data, { recursive: true }));

  describe('recordings of the real host', () => {
    test.each(readdirSync(CAPTURES))('%s', async (file) => {
      const capture: Capture = JSON.parse(readFileSync(join(CAPTURES, file), 'utf8'));
      const functions = new GatedFunctions(new AppFunctions(worker));
      const hub = new TaskHub(new Store(join(data, capture.scenario)), functions, {
        maxConcurrentActivityFunctions: 10,
        maxConcurrentOrchestratorFunctions: 10,
        activityRedeliveryMs: 0,
        orchestratorRedeliveryMs: 0,
      });
      hub.open();
      const { scenario, instanceId } = capture;
      hub.startNew(scenario, instanceId, JSON.stringify(capture.input ?? ''));

      const callsOf = (id: string): GatedFunctions['orchestratorCalls'] =>
        functions.orchestratorCalls.filter(({ input }) => sameInstance(input.instanceId) === id);
      const seen = new Map<string, number>();
      for (const [index, exchange] of capture.exchanges.entries()) {
        if (exchange.trigger !== 'orchestrationTrigger' || !exchange.input) continue;
        const id = sameInstance(exchange.input.instanceId);
        const number = seen.get(id) ?? 0;
        seen.set(id, number + 1);
        await functions.release(arriving(exchange.input));
        await waitFor(() => callsOf(id).length > number, `call ${number} of ${id}`);
        const call = callsOf(id)[number];
        const expected = normalize(withRelativeTimers(exchange.input));
        const actual = call && normalize(withRelativeTimers(call.input));
        expect(cutAlike(actual, expected), `input ${index}`).toStrictEqual(expected);

        const answer = capture.exchanges.slice(index).find(({ after }) => after === exchange.before);
        const state = normalize(stateOf(answer ?? {}));
        if (state !== 'cut' && !answer?.error) expect(normalize(call?.state)).toEqual(state);
      }
      const isWaiting = (): boolean => ['Pending', 'Running'].includes(hub.get(instanceId)?.status ?? '');
      await waitFor(() => {
        functions.releaseAll();
        return !isWaiting();
      }, 'the end');

      const activities = capture.exchanges
        .filter(({ trigger }) => trigger === 'activityTrigger')
        .map(({ before, input }) => `${before} ${input ? JSON.stringify(input) : ''}`);
      expect(functions.activityCalls.toSorted()).toEqual(activities.toSorted());
      expect(functions.orchestratorCalls).toHaveLength([...seen.values()].reduce((a, b) => a + b));

      const api = new ManagementApi(hub, () => ({}));
      const { body } = api.handle({
        method: 'GET',
        path: `instances/${instanceId}`,
        query: new URLSearchParams({ showInput: 'true' }),
        headers: {},
        body: '',
      });
      const wholeSecond = expect.stringMatching(/T\d\d:\d\d:\d\dZ$/);
      const status = { ...normalize(capture.status), createdTime: wholeSecond, lastUpdatedTime: wholeSecond };
      const shown = { ...Object(normalize(body)), ...timesOf(body) };
      expect(cutAlike(shown, status)).toEqual({ ...status, historyEvents: null });
      await hub.close(0);
    });
  });
} else {
  test('recordings of the real host', () => {
    console.log('skipped: ../shared/reference/durable-captures is missing');
  });
}

function timesOf(body: unknown): object {
  const { createdTime, lastUpdatedTime } = Object(body);
  return { createdTime, lastUpdatedTime };
}
