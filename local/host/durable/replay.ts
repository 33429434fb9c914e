import { addMilliseconds, millisecondsBetween } from './clock.js';
import { nonDeterminism, orchestratorFailure, type Failure } from './failure.js';
import { completedTask, EventType, type HistoryEvent } from './history.js';
import { ActionType, type Action, type OrchestratorState, type RetryOptions } from './orchestratorState.js';

/** Something new to be started. `input` is JSON text. */
export type Scheduled =
  | { kind: 'activity'; id: number; name: string; input: string | null }
  | { kind: 'subOrchestration'; id: number; name: string; input: string | null; instanceId: string }
  | { kind: 'timer'; id: number; fireAt: string };

/** What follows from a call of an orchestrator. */
export interface Decision {
  scheduled: Scheduled[];
  end?:
    | { kind: 'completed'; output: string | null }
    | { kind: 'failed'; failure: Failure }
    | { kind: 'continuedAsNew'; input: string | null };
}

export interface Orchestration {
  name: string;
  instanceId: string;
  executionId: string;
  parentInstanceId: string | null;
  activities: ReadonlySet<string>;
  orchestrators: ReadonlySet<string>;
}

/**
 * Finds out what the orchestrator's actions ask for that its history does not have yet, as the Durable
 * extension does: it walks through the history, and along with it through the actions. A leaf gets its
 * sequence number when it starts; a top-level action starts when the one before it has resolved. The
 * instance ends when the orchestrator is done, all its actions have resolved and nothing scheduled is open.
 */
export function decide(
  history: readonly HistoryEvent[],
  state: OrchestratorState,
  of: Orchestration,
): Decision {
  const replay = new Replay(state.actions, of);
  try {
    for (const past of history) replay.process(past);
  } catch (error) {
    if (error instanceof NonDeterministicError) {
      // What the changed orchestrator asked for is carried out all the same, as the real host does.
      return {
        scheduled: replay.unmatched(),
        end: { kind: 'failed', failure: nonDeterminism(error.message) },
      };
    }
    if (error instanceof InvalidActionError) {
      const failure = orchestratorFailure(of.name, error.message, '');
      return { scheduled: [], end: { kind: 'failed', failure } };
    }
    throw error;
  }
  const decision: Decision = { scheduled: replay.unmatched() };
  if (!replay.resolved) return decision;
  if (state.error) {
    const failure = orchestratorFailure(of.name, state.error.message, state.error.stack);
    decision.end = { kind: 'failed', failure };
  } else if (state.isDone && replay.continueAsNew) {
    decision.end = { kind: 'continuedAsNew', input: replay.continueAsNew.input };
  } else if (state.isDone) {
    decision.end = { kind: 'completed', output: jsonText(state.output) };
  }
  return decision;
}

class NonDeterministicError extends Error {
  override readonly name = 'NonDeterministicError';
}

/** The orchestrator asked for something that cannot be done. */
class InvalidActionError extends Error {
  override readonly name = 'InvalidActionError';
}

/** A result to come. Only whether it succeeded counts: the value is the orchestrator's affair. */
class Pending {
  outcome: 'succeeded' | 'failed' | undefined;
  readonly #waiting: (() => void)[] = [];

  settle(outcome: 'succeeded' | 'failed'): void {
    if (this.outcome) return;
    this.outcome = outcome;
    for (const next of this.#waiting.splice(0)) next();
  }

  /** Calls `next` as soon as there is an outcome, which may be at once. */
  whenSettled(next: () => void): void {
    if (this.outcome) next();
    else this.#waiting.push(next);
  }
}

const KIND_OF_ACTION: Record<Scheduled['kind'], string> = {
  activity: 'ScheduleTaskOrchestratorAction',
  subOrchestration: 'CreateSubOrchestrationAction',
  timer: 'CreateTimerOrchestratorAction',
};

/** The longest delay between two attempts, where the retry options name none. */
const MAX_RETRY_INTERVAL_MS = 6 * 24 * 3_600_000;

class Replay {
  continueAsNew: { input: string | null } | undefined;
  readonly #actions: readonly Action[];
  readonly #of: Orchestration;
  /** What the orchestrator scheduled and no event of the history confirms. */
  readonly #unmatched = new Map<number, Scheduled>();
  readonly #open = new Map<number, Pending>();
  readonly #waiting = new Map<string, Pending[]>();
  /** External events that nothing has waited for yet. */
  readonly #buffered = new Map<string, number>();
  #nextId = 0;
  #nextAction = 0;
  #now = '';

  constructor(actions: readonly Action[], of: Orchestration) {
    this.#actions = actions;
    this.#of = of;
  }

  /** Whether all actions have resolved and nothing that was scheduled is open. */
  get resolved(): boolean {
    return this.#nextAction > this.#actions.length && this.#open.size === 0;
  }

  unmatched(): Scheduled[] {
    return [...this.#unmatched.values()].sort((a, b) => a.id - b.id);
  }

  process(past: HistoryEvent): void {
    switch (past.EventType) {
      case EventType.OrchestratorStarted:
        this.#now = past.Timestamp;
        break;
      case EventType.ExecutionStarted:
        this.#advance();
        break;
      case EventType.TaskScheduled:
        this.#match(past.EventId, 'activity', 'an activity task', past.Name, past.Version);
        break;
      case EventType.SubOrchestrationInstanceCreated:
        this.#match(past.EventId, 'subOrchestration', 'a sub-orchestration task', past.Name, past.Version);
        break;
      case EventType.TimerCreated:
        this.#match(past.EventId, 'timer', 'a timer task', undefined, '');
        break;
      case EventType.EventRaised:
        this.#raise(past.Name);
        break;
      default: {
        const id = completedTask(past);
        if (id === undefined) break;
        const pending = this.#open.get(id);
        this.#open.delete(id);
        const failed =
          past.EventType === EventType.TaskFailed ||
          past.EventType === EventType.SubOrchestrationInstanceFailed;
        pending?.settle(failed ? 'failed' : 'succeeded');
      }
    }
  }

  /** Starts the top-level actions one after the other. */
  #advance(): void {
    const action = this.#actions[this.#nextAction++];
    if (!action) return;
    this.#start(action).whenSettled(() => this.#advance());
  }

  #match(id: number, kind: Scheduled['kind'], what: string, name: string | undefined, version: string): void {
    const scheduled = this.#unmatched.get(id);
    if (!scheduled) {
      const named =
        name === undefined
          ? `${what} with sequence number ${id}`
          : `${what} with sequence ID ${id} and name '${name}' (version '${version}'),`;
      throw new NonDeterministicError(
        `A previous execution of this orchestration scheduled ${named} but the current replay execution ` +
          `hasn't (yet?) scheduled this task.`,
      );
    }
    const before = `A previous execution of this orchestration scheduled ${what} with sequence number ${id}`;
    if (scheduled.kind !== kind) {
      throw new NonDeterministicError(
        `${before}${name === undefined ? '' : ` named '${name}'`}, but the current orchestration replay ` +
          `instead produced a ${KIND_OF_ACTION[scheduled.kind]} action with this sequence number.`,
      );
    }
    if (scheduled.kind !== 'timer' && scheduled.name.toLowerCase() !== name?.toLowerCase()) {
      throw new NonDeterministicError(
        `${before} named '${name}', but the current orchestration replay instead scheduled ${what} named ` +
          // The second space is in the real message, too.
          `'${scheduled.name}' with this sequence number. `,
      );
    }
    this.#unmatched.delete(id);
  }

  #raise(eventName: string): void {
    const name = eventName.toLowerCase();
    // A stack: the last one to wait gets the event.
    const waiting = this.#waiting.get(name)?.pop();
    if (waiting) waiting.settle('succeeded');
    else this.#buffered.set(name, (this.#buffered.get(name) ?? 0) + 1);
  }

  #start(action: Action): Pending {
    switch (action.actionType) {
      case ActionType.CallActivity:
        return this.#callActivity(action);
      case ActionType.CallActivityWithRetry:
        return this.#retry(action, () => this.#callActivity(action));
      case ActionType.CallSubOrchestrator:
        return this.#callSubOrchestrator(action);
      case ActionType.CallSubOrchestratorWithRetry:
        return this.#retry(action, () => this.#callSubOrchestrator(action));
      case ActionType.CreateTimer:
        return this.#timer(toTimestamp(action.fireAt), action.isCanceled === true);
      case ActionType.WaitForExternalEvent:
        return this.#waitForEvent(action.externalEventName ?? '');
      case ActionType.WhenAll:
        return this.#compound(action, action.compoundActions?.length ?? 0);
      case ActionType.WhenAny:
        return this.#compound(action, 1);
      case ActionType.ContinueAsNew: {
        this.continueAsNew = { input: encodedInput(action.input) };
        const done = new Pending();
        done.settle('succeeded');
        return done;
      }
      default:
        throw new InvalidActionError(
          `this local host does not carry out actions of type ${action.actionType} (entities and HTTP calls).`,
        );
    }
  }

  #callActivity(action: Action): Pending {
    const name = this.#known(action, this.#of.activities, 'activity');
    const input = encodedInput(action.input);
    return this.#schedule((id) => ({ kind: 'activity', id, name, input }));
  }

  #callSubOrchestrator(action: Action): Pending {
    const name = this.#known(action, this.#of.orchestrators, 'orchestrator');
    const { instanceId } = action;
    if (instanceId && (instanceId === this.#of.instanceId || instanceId === this.#of.parentInstanceId)) {
      throw new InvalidActionError(
        'The instance ID of a sub-orchestration must be different than the instance ID of a parent orchestration.',
      );
    }
    return this.#schedule((id) => ({
      kind: 'subOrchestration',
      id,
      name,
      input: jsonText(action.input),
      instanceId: instanceId ? instanceId : `${this.#of.executionId}:${id}`,
    }));
  }

  #known(action: Action, functions: ReadonlySet<string>, what: string): string {
    const name = action.functionName ?? '';
    if (!functions.has(name)) throw new InvalidActionError(unknownFunction(name, functions, what));
    return name;
  }

  #timer(fireAt: string, isCanceled: boolean): Pending {
    const pending = this.#schedule((id) => ({ kind: 'timer', id, fireAt }));
    if (isCanceled) {
      this.#open.delete(this.#nextId - 1);
      pending.settle('failed');
    }
    return pending;
  }

  #waitForEvent(eventName: string): Pending {
    const name = eventName.toLowerCase();
    const pending = new Pending();
    const buffered = this.#buffered.get(name) ?? 0;
    if (buffered > 0) {
      this.#buffered.set(name, buffered - 1);
      pending.settle('succeeded');
    } else {
      const stack = this.#waiting.get(name);
      if (stack) stack.push(pending);
      else this.#waiting.set(name, [pending]);
    }
    return pending;
  }

  /** Resolves when as many members as `needed` have. */
  #compound(action: Action, needed: number): Pending {
    const members = (action.compoundActions ?? []).map((member) => this.#start(member));
    const pending = new Pending();
    let missing = needed;
    if (missing === 0) pending.settle('succeeded');
    for (const member of members) {
      member.whenSettled(() => {
        if (--missing === 0) pending.settle('succeeded');
      });
    }
    return pending;
  }

  /**
   * An attempt, a timer, an attempt, … A timer that fires at once follows the last failed attempt, too: the
   * framework keeps it for the sake of old histories, and the library counts on it.
   */
  #retry(action: Action, attempt: () => Pending): Pending {
    const options = action.retryOptions ?? { firstRetryIntervalInMilliseconds: 1, maxNumberOfAttempts: 1 };
    const firstAttempt = this.#now;
    const pending = new Pending();
    const run = (count: number): void => {
      const current = attempt();
      current.whenSettled(() => {
        if (current.outcome === 'succeeded') {
          pending.settle('succeeded');
        } else if (count >= options.maxNumberOfAttempts) {
          this.#timer(this.#now, false).whenSettled(() => pending.settle('failed'));
        } else {
          const delay = this.#retryDelay(options, count, firstAttempt);
          if (delay === 0) pending.settle('failed');
          else this.#timer(addMilliseconds(this.#now, delay), false).whenSettled(() => run(count + 1));
        }
      });
    };
    run(1);
    return pending;
  }

  /** Milliseconds to wait after the attempt of that number (from 1); 0 when there is to be no further one. */
  #retryDelay(options: RetryOptions, attempt: number, firstAttempt: string): number {
    const { retryTimeoutInMilliseconds: timeout = Infinity } = options;
    if (millisecondsBetween(firstAttempt, this.#now) >= timeout) return 0;
    const delay =
      options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempt - 1);
    return Math.min(delay, options.maxRetryIntervalInMilliseconds ?? MAX_RETRY_INTERVAL_MS);
  }

  #schedule(make: (id: number) => Scheduled): Pending {
    const id = this.#nextId++;
    const pending = new Pending();
    this.#unmatched.set(id, make(id));
    this.#open.set(id, pending);
    return pending;
  }
}

/** What becomes of an instance of an orchestrator that the app does not have. */
export function unknownOrchestrator(name: string, known: ReadonlySet<string>): Decision {
  const failure = orchestratorFailure(name, unknownFunction(name, known, 'orchestrator'), '');
  return { scheduled: [], end: { kind: 'failed', failure } };
}

/** The real host's words for a name that no function of the needed kind has. */
function unknownFunction(name: string, known: ReadonlySet<string>, kind: string): string {
  const others =
    known.size === 0
      ? `No ${kind} functions are currently registered!`
      : `The following are the known ${kind} functions: '${[...known].join("', '")}'.`;
  const article = /^[aeiou]/.test(kind) ? 'an' : 'a';
  return `The function '${name}' doesn't exist, is disabled, or is not ${article} ${kind} function. Additional info: ${others}`;
}

/** The input of an activity or of the next execution, of which the library has encoded strings already. */
function encodedInput(input: unknown): string | null {
  return typeof input === 'string' ? input : jsonText(input);
}

function jsonText(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function toTimestamp(fireAt: string | undefined): string {
  const time = new Date(fireAt ?? Number.NaN);
  if (Number.isNaN(time.getTime())) throw new InvalidActionError('a timer needs a time to fire at.');
  return addMilliseconds(`${time.toISOString().slice(0, 19)}Z`, time.getUTCMilliseconds());
}
