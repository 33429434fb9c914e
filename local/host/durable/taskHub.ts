import { millisecondsBetween, timestamp } from './clock.js';
import { activityFailure, type Failure } from './failure.js';
import {
  event,
  EventType,
  executionStarted,
  type ControlEvent,
  type HistoryEvent,
  type Message,
  type ParentInstance,
} from './history.js';
import { Instance, type End, type Episode, type OpenTask, type RuntimeStatus } from './instance.js';
import type { OrchestratorState } from './orchestratorState.js';
import { endOf, outlivesExecution, schedulingEvent, terminatedEnd } from './outcomes.js';
import { isSameLink, parentLink } from './parentLink.js';
import { decide, type Decision, unknownOrchestrator } from './replay.js';
import { Slots } from './slots.js';
import type { EndedInstance, Store } from './store.js';
import { summarize, summaryOfEnded, type InstanceDetails, type InstanceSummary } from './summary.js';

/** Calls the functions of the app. */
export interface DurableFunctions {
  readonly activities: ReadonlySet<string>;
  readonly orchestrators: ReadonlySet<string>;
  /** Calls an orchestrator with its trigger's input. */
  callOrchestrator(name: string, input: object): Promise<OrchestratorState>;
  /** Calls an activity; input and result are JSON texts. Rejects with what the activity threw. */
  callActivity(name: string, input: string | null): Promise<string | null>;
}

export interface TaskHubOptions {
  maxConcurrentOrchestratorFunctions: number;
  maxConcurrentActivityFunctions: number;
  /** How long after a restart an activity waits that was running when the host stopped. */
  activityRedeliveryMs: number;
  /** The same for what an orchestrator had been sent and had not taken in. */
  orchestratorRedeliveryMs: number;
}

/** There is an instance with this id that has not ended. */
export class InstanceExistsError extends Error {
  override readonly name = 'InstanceExistsError';
  constructor(status: RuntimeStatus) {
    super(`An Orchestration instance with the status ${status} already exists.`);
  }
}

/** The longest delay a Node timer takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Runs the orchestrations of one task hub: it hands orchestrators their histories, carries out what they
 * schedule and brings the outcomes back. Whatever happens is in the store before it is acted upon, so that a
 * hub opened on the same store continues where a killed one stopped. Activities run at least once.
 */
export class TaskHub {
  readonly #store: Store;
  readonly #functions: DurableFunctions;
  readonly #options: TaskHubOptions;
  readonly #live = new Map<string, Instance>();
  readonly #ended = new Map<string, InstanceSummary>();
  readonly #orchestratorSlots: Slots;
  readonly #activitySlots: Slots;
  /** Instances with an episode under way or waiting for its turn. */
  readonly #busy = new Set<Instance>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Nothing new is started. */
  #stopping = false;
  /** Nothing is stored any more. */
  #closed = false;

  constructor(store: Store, functions: DurableFunctions, options: TaskHubOptions) {
    this.#store = store;
    this.#functions = functions;
    this.#options = options;
    this.#orchestratorSlots = new Slots(options.maxConcurrentOrchestratorFunctions);
    this.#activitySlots = new Slots(options.maxConcurrentActivityFunctions);
  }

  /**
   * Takes up what the store has. What a stopped host had taken from its queues is seen again after the delays: a
   * message stays invisible while its host lives, since the host renews it, and until the time-out afterwards.
   */
  open(): void {
    const endedChildren = new Map<string, EndedInstance>();
    for (const found of this.#store.recover()) {
      if ('live' in found) {
        this.#live.set(found.live.id, found.live);
      } else {
        const summary = summaryOfEnded(found.ended);
        this.#ended.set(summary.id, summary);
        if (found.ended.start.event.ParentInstance) endedChildren.set(summary.id, found.ended);
      }
    }
    // Copies: what is taken up here may start further instances and end tasks.
    const live = Array.from(this.#live.values());
    for (const instance of live) {
      for (const task of Array.from(instance.open.values())) this.#resume(instance, task, endedChildren);
      if (instance.due > 0) this.#later(this.#options.orchestratorRedeliveryMs, () => this.#wake(instance));
    }
  }

  /** Starts nothing more, and waits at most that long for what is running. */
  async close(graceMs: number): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#orchestratorSlots.close();
    this.#activitySlots.close();
    const idle = Promise.all([this.#orchestratorSlots.idle(), this.#activitySlots.idle()]);
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([idle, grace]);
    clearTimeout(timer);
    this.#closed = true;
  }

  /**
   * Starts an instance; a former one of this id that has ended is replaced.
   *
   * @throws InstanceExistsError when the former one has not ended.
   */
  startNew(name: string, instanceId: string, input: string | null): void {
    const existing = this.#live.get(instanceId);
    if (existing) throw new InstanceExistsError(existing.status);
    this.#create(name, instanceId, input, null);
  }

  /** The instance's status, or undefined where there is none. */
  get(instanceId: string): InstanceDetails | undefined {
    const live = this.#live.get(instanceId);
    if (live) {
      return {
        ...summarize(live),
        input: live.start.event.Input,
        output: null,
        customStatus: live.customStatus,
      };
    }
    const ended = this.#ended.get(instanceId);
    const stored = ended && this.#store.readEnded(instanceId);
    if (!ended || !stored) return undefined;
    return {
      ...ended,
      input: stored.start.event.Input,
      output: stored.last.end.output,
      customStatus: stored.last.customStatus,
    };
  }

  /** The instance's history, or undefined where there is no such instance. */
  history(instanceId: string): readonly HistoryEvent[] | undefined {
    const live = this.#live.get(instanceId);
    if (live) return live.history;
    return this.#ended.has(instanceId) ? this.#store.readInstance(instanceId).history : undefined;
  }

  /** All instances, by id. */
  list(): InstanceSummary[] {
    const all = [...[...this.#live.values()].map(summarize), ...this.#ended.values()];
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Sends an external event to a running instance. */
  raiseEvent(instanceId: string, name: string, input: string | null): void {
    this.#deliver(instanceId, event({ EventType: EventType.EventRaised, Name: name, Input: input }));
  }

  /** Ends a running instance. Its sub-orchestrations and its running activities go on. */
  terminate(instanceId: string, reason: string | null): void {
    this.#deliver(instanceId, event({ EventType: EventType.ExecutionTerminated, Input: reason }));
  }

  suspend(instanceId: string, reason: string | null): void {
    this.#control(instanceId, { EventType: EventType.ExecutionSuspended, Reason: reason });
  }

  resume(instanceId: string, reason: string | null): void {
    this.#control(instanceId, { EventType: EventType.ExecutionResumed, Reason: reason });
  }

  /** Removes all traces of an instance, ended or not. Returns whether there was one. */
  purge(instanceId: string): boolean {
    if (!this.#live.delete(instanceId) && !this.#ended.delete(instanceId)) return false;
    this.#store.delete(instanceId);
    return true;
  }

  #control(instanceId: string, body: { EventType: 19 | 20; Reason: string | null }): void {
    this.#deliver(instanceId, event(body) satisfies ControlEvent);
  }

  #create(name: string, instanceId: string, input: string | null, parent: ParentInstance | null): void {
    const started = executionStarted({ instanceId, name, input, parent, generation: parent ? null : 0 });
    const start = { type: 'start', event: started, continued: false, customStatus: null } as const;
    this.#store.begin(start);
    this.#ended.delete(instanceId);
    this.#adopt(new Instance(start));
  }

  /** Puts an instance in the place of a former one of its id. */
  #adopt(instance: Instance): void {
    this.#live.set(instance.id, instance);
    this.#wake(instance);
  }

  /** Stores a message for a live instance. */
  #deliver(instanceId: string, message: Message): void {
    if (this.#closed) throw new Error('The host has stopped.');
    const instance = this.#live.get(instanceId);
    if (!instance) return;
    this.#store.append(instanceId, { type: 'message', event: message });
    instance.apply({ type: 'message', event: message });
    this.#wake(instance);
  }

  /** Whether an outcome of this task of this execution is still waited for. */
  #isAwaited(instance: Instance, taskId: number): boolean {
    return !this.#closed && this.#live.get(instance.id) === instance && instance.open.has(taskId);
  }

  /** Lets the instance's orchestrator be called, once, when there is something for it. */
  #wake(instance: Instance): void {
    if (this.#stopping || this.#busy.has(instance) || instance.due === 0) return;
    this.#busy.add(instance);
    this.#orchestratorSlots.run(async () => {
      try {
        // What arrives in the same turn of the event loop is seen in one call.
        await new Promise(setImmediate);
        await this.#runEpisode(instance);
      } finally {
        this.#busy.delete(instance);
        if (this.#live.get(instance.id) === instance) this.#wake(instance);
      }
    });
  }

  async #runEpisode(instance: Instance): Promise<void> {
    const isCurrent = (): boolean => !this.#closed && this.#live.get(instance.id) === instance;
    const consumed = instance.due;
    if (!isCurrent() || consumed === 0) return;
    const at = timestamp();
    const history = [...instance.history, ...instance.openingEvents(at, consumed)];
    const termination = instance.inbox
      .slice(0, consumed)
      .find((message) => message.EventType === EventType.ExecutionTerminated);
    let decision: Decision;
    let { customStatus } = instance;
    if (termination) {
      decision = { scheduled: [] };
    } else if (!this.#functions.orchestrators.has(instance.name)) {
      // Also of an instance that a former version of the app has started.
      decision = unknownOrchestrator(instance.name, this.#functions.orchestrators);
    } else {
      const state = await this.#functions.callOrchestrator(
        instance.name,
        this.#triggerInput(instance, history),
      );
      if (!isCurrent()) return;
      if (state.customStatus !== undefined) customStatus = JSON.stringify(state.customStatus);
      decision = decide(history, state, {
        name: instance.name,
        instanceId: instance.id,
        executionId: instance.executionId,
        parentInstanceId: instance.parent?.OrchestrationInstance.InstanceId ?? null,
        activities: this.#functions.activities,
        orchestrators: this.#functions.orchestrators,
      });
    }
    if (decision.end?.kind === 'continuedAsNew') {
      this.#continueAsNew(instance, consumed, decision.end.input, customStatus);
      return;
    }
    const episode: Episode = {
      type: 'episode',
      at,
      consumed,
      events: decision.scheduled.map(schedulingEvent),
      inputs: {},
      customStatus,
    };
    for (const scheduled of decision.scheduled) {
      if (scheduled.kind !== 'timer') episode.inputs[scheduled.id] = scheduled.input;
    }
    episode.events.push(event({ EventType: EventType.OrchestratorCompleted }));
    const end = termination ? terminatedEnd(termination.Input) : endOf(decision);
    if (end) episode.end = end;
    this.#store.append(instance.id, episode);
    instance.apply(episode);
    // The record of the end is the last one of a log: nothing is to be added to it below.
    if (end) this.#finish(instance, end);
    for (const { id } of decision.scheduled) {
      const task = instance.open.get(id);
      if (task) this.#launch(instance, task);
    }
  }

  #triggerInput(instance: Instance, history: readonly HistoryEvent[]): object {
    const { Input } = instance.start.event;
    return {
      history,
      input: Input === null ? null : (JSON.parse(Input) as unknown),
      instanceId: instance.id,
      isReplaying: instance.history.length > 0,
      parentInstanceId: instance.parent?.OrchestrationInstance.InstanceId ?? null,
      upperSchemaVersion: 1,
      upperSchemaVersionNew: 2,
      longRunningTimerIntervalDuration: '3.00:00:00',
      maximumShortTimerDuration: '6.00:00:00',
      defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
    };
  }

  /** The log of the former execution makes way for that of the next. */
  #continueAsNew(
    instance: Instance,
    consumed: number,
    input: string | null,
    customStatus: string | null,
  ): void {
    const started = executionStarted({
      instanceId: instance.id,
      name: instance.name,
      input,
      parent: instance.parent,
      generation: null,
    });
    const start = { type: 'start', event: started, continued: true, customStatus } as const;
    // Events that nothing waited for are lost with the execution; those it has not seen are not.
    const messages = instance.inbox.slice(consumed).filter(outlivesExecution);
    this.#store.begin(start, messages);
    const next = new Instance(start);
    for (const message of messages) next.apply({ type: 'message', event: message });
    this.#adopt(next);
  }

  #finish(instance: Instance, end: End): void {
    this.#live.delete(instance.id);
    this.#ended.set(instance.id, summarize(instance));
    if (instance.parent) this.#report(instance.parent, end);
  }

  /** Brings the outcome of a sub-orchestration to its parent. */
  #report(parent: ParentInstance, end: End): void {
    const waiting = this.#live.get(parent.OrchestrationInstance.InstanceId);
    if (waiting?.executionId !== parent.OrchestrationInstance.ExecutionId) return;
    const id = parent.TaskScheduleId;
    if (!this.#isAwaited(waiting, id)) return;
    this.#deliver(
      waiting.id,
      end.status === 'Completed'
        ? event({
            EventType: EventType.SubOrchestrationInstanceCompleted,
            TaskScheduledId: id,
            Result: end.output,
          })
        : event({
            EventType: EventType.SubOrchestrationInstanceFailed,
            TaskScheduledId: id,
            Reason: end.output,
            Details: end.details,
            FailureDetails: null,
          }),
    );
  }

  /** Starts what an episode has scheduled. */
  #launch(instance: Instance, task: OpenTask): void {
    switch (task.kind) {
      case 'activity':
        this.#activitySlots.run(() => this.#runActivity(instance, task));
        break;
      case 'subOrchestration':
        this.#create(task.name, task.instanceId, task.input, parentLink(instance, task.id));
        break;
      case 'timer':
        this.#fireLater(instance, task.id, task.fireAt, task.at);
    }
  }

  /** Takes up a task that was open when the hub stopped. */
  #resume(instance: Instance, task: OpenTask, endedChildren: ReadonlyMap<string, EndedInstance>): void {
    if (task.kind === 'activity' && task.taken) {
      this.#later(this.#options.activityRedeliveryMs, () => this.#launch(instance, task));
    } else if (task.kind === 'subOrchestration') {
      const child = this.#live.get(task.instanceId);
      const endedChild = endedChildren.get(task.instanceId);
      const link = parentLink(instance, task.id);
      if (child && isSameLink(child.parent, link)) return;
      if (endedChild && isSameLink(endedChild.start.event.ParentInstance, link)) {
        this.#report(link, endedChild.last.end);
      } else {
        this.#launch(instance, task);
      }
    } else {
      this.#launch(instance, task);
    }
  }

  async #runActivity(instance: Instance, task: OpenTask & { kind: 'activity' }): Promise<void> {
    if (this.#isAwaited(instance, task.id) && !task.taken) {
      this.#store.append(instance.id, { type: 'taken', id: task.id });
      task.taken = true;
    }
    let outcome: { result: string | null } | { failure: Failure };
    try {
      outcome = { result: await this.#functions.callActivity(task.name, task.input) };
    } catch (error) {
      outcome = { failure: activityFailure(task.name, error) };
    }
    if (!this.#isAwaited(instance, task.id)) return;
    const TaskScheduledId = task.id;
    this.#deliver(
      instance.id,
      'result' in outcome
        ? event({ EventType: EventType.TaskCompleted, TaskScheduledId, Result: outcome.result })
        : event({
            EventType: EventType.TaskFailed,
            TaskScheduledId,
            Reason: outcome.failure.reason,
            Details: outcome.failure.details,
            FailureDetails: null,
          }),
    );
  }

  /** Delays are whole seconds, cut, as those of a storage queue: one of less than a second is none. */
  #fireLater(instance: Instance, id: number, fireAt: string, scheduledAt: string): void {
    const delay = Math.max(0, Math.floor(millisecondsBetween(scheduledAt, fireAt) / 1000) * 1000);
    const elapsed = millisecondsBetween(scheduledAt, timestamp());
    this.#later(Math.max(0, delay - elapsed), () => {
      if (!this.#isAwaited(instance, id)) return;
      this.#deliver(instance.id, event({ EventType: EventType.TimerFired, TimerId: id, FireAt: fireAt }));
    });
  }

  #later(ms: number, action: () => void): void {
    if (this.#stopping) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (ms > MAX_TIMEOUT_MS) this.#later(ms - MAX_TIMEOUT_MS, action);
        else action();
      },
      Math.min(ms, MAX_TIMEOUT_MS),
    );
    this.#timers.add(timer);
  }
}
