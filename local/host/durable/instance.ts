import {
  completedTask,
  EventType,
  type ExecutionStarted,
  type HistoryEvent,
  type Message,
  type ParentInstance,
} from './history.js';
import type { Scheduled } from './replay.js';

type FinalStatus = 'Completed' | 'Failed' | 'Terminated';
export type RuntimeStatus = FinalStatus | 'Pending' | 'Running' | 'Suspended';

/** How an instance ended. `output` is JSON text, or a reason as plain text. */
export interface End {
  status: FinalStatus;
  output: string | null;
  /** Of a failed instance: what its parent gets. */
  details: string | null;
  at: string;
}

/** One call of the orchestrator and what followed from it. */
export interface Episode {
  type: 'episode';
  /** When it began. */
  at: string;
  /** How many of the messages waiting it took. */
  consumed: number;
  /** What it scheduled, as history events, and the end of the episode. */
  events: HistoryEvent[];
  /** Inputs of the activities and sub-orchestrations among `events`, by their sequence number. */
  inputs: Record<number, string | null>;
  /** JSON text. */
  customStatus: string | null;
  end?: End;
}

/** The records of an instance's log. */
export type LogRecord =
  | {
      type: 'start';
      event: ExecutionStarted;
      /** Whether the execution was started by the one before it. */
      continued: boolean;
      customStatus: string | null;
    }
  | { type: 'message'; event: Message }
  /** An activity was handed to its function. */
  | { type: 'taken'; id: number }
  | Episode;

export type StartRecord = Extract<LogRecord, { type: 'start' }>;

/** A scheduled task without its outcome. */
export type OpenTask = Scheduled & {
  /** When it was scheduled. */
  at: string;
  taken: boolean;
};

/** An instance that has not ended, rebuilt from its log and kept up to date with it. */
export class Instance {
  readonly start: StartRecord;
  readonly history: HistoryEvent[] = [];
  /** Messages no episode has taken yet. */
  readonly inbox: Message[] = [];
  readonly open = new Map<number, OpenTask>();
  customStatus: string | null;
  updatedAt: string;
  end: End | undefined;
  #suspended = false;

  constructor(start: StartRecord) {
    this.start = start;
    this.customStatus = start.customStatus;
    this.updatedAt = start.event.Timestamp;
    this.inbox.push(start.event);
  }

  get id(): string {
    return this.start.event.OrchestrationInstance.InstanceId;
  }

  get executionId(): string {
    return this.start.event.OrchestrationInstance.ExecutionId;
  }

  get name(): string {
    return this.start.event.Name;
  }

  get parent(): ParentInstance | null {
    return this.start.event.ParentInstance;
  }

  get status(): RuntimeStatus {
    if (this.end) return this.end.status;
    if (this.#suspended) return 'Suspended';
    return this.history.length === 0 && !this.start.continued ? 'Pending' : 'Running';
  }

  /** How many of the messages waiting the next episode is to take; 0 when there is nothing to do. */
  get due(): number {
    if (this.end || this.inbox.length === 0) return 0;
    // An execution that follows on another one begins before any message is looked at.
    if (this.history.length === 0 && this.start.continued) return 1;
    if (!this.#suspended) return this.inbox.length;
    const lastWake = this.inbox.findLastIndex(
      ({ EventType: type }) => type === EventType.ExecutionResumed || type === EventType.ExecutionTerminated,
    );
    return lastWake + 1;
  }

  /** Brings the instance up to date with a record that is in its log. */
  apply(record: LogRecord): void {
    switch (record.type) {
      case 'start':
        throw new Error('The start of an execution begins a log of its own.');
      case 'message': {
        this.inbox.push(record.event);
        const id = completedTask(record.event);
        if (id !== undefined) this.open.delete(id);
        if (record.event.EventType === EventType.ExecutionSuspended) this.#suspended = true;
        if (record.event.EventType === EventType.ExecutionResumed) this.#suspended = false;
        break;
      }
      case 'taken': {
        const task = this.open.get(record.id);
        if (task) task.taken = true;
        break;
      }
      case 'episode':
        this.#applyEpisode(record);
    }
  }

  #applyEpisode(episode: Episode): void {
    for (const opening of this.openingEvents(episode.at, episode.consumed)) {
      const isStart = opening.EventType === EventType.OrchestratorStarted;
      this.history.push({ ...opening, IsPlayed: !isStart });
    }
    this.history.push(...episode.events);
    this.inbox.splice(0, episode.consumed);
    this.customStatus = episode.customStatus;
    this.updatedAt = episode.at;
    this.end = episode.end;
    for (const created of episode.events) {
      const task = openTask(created, episode.inputs);
      if (task) this.open.set(task.id, task);
    }
  }

  /** The events with which an episode begins that takes that many messages. */
  openingEvents(at: string, consumed: number): HistoryEvent[] {
    const events: HistoryEvent[] = [
      { EventType: EventType.OrchestratorStarted, EventId: -1, IsPlayed: false, Timestamp: at },
      ...this.inbox.slice(0, consumed),
    ];
    if (this.history.length === 0 && this.start.continued) {
      // Recorded so: the end of the step in which the former execution started this one.
      events.push({
        EventType: EventType.OrchestratorCompleted,
        EventId: -1,
        IsPlayed: false,
        Timestamp: at,
      });
    }
    return events;
  }
}

function openTask(created: HistoryEvent, inputs: Episode['inputs']): OpenTask | undefined {
  const task = { at: created.Timestamp, taken: false };
  const id = created.EventId;
  switch (created.EventType) {
    case EventType.TaskScheduled:
      return { ...task, kind: 'activity', id, name: created.Name, input: inputs[id] ?? null };
    case EventType.SubOrchestrationInstanceCreated: {
      const { Name: name, InstanceId: instanceId } = created;
      return { ...task, kind: 'subOrchestration', id, name, instanceId, input: inputs[id] ?? null };
    }
    case EventType.TimerCreated:
      return { ...task, kind: 'timer', id, fireAt: created.FireAt };
    default:
      return undefined;
  }
}
