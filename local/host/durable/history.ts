import { randomBytes } from 'node:crypto';
import { timestamp } from './clock.js';

/** Numbers of the Durable Task Framework. */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventRaised: 15,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

interface EventBase {
  /** The sequence number of what the orchestrator scheduled; -1 in all other events. */
  EventId: number;
  /** Whether an earlier call of the orchestrator has seen the event. */
  IsPlayed: boolean;
  Timestamp: string;
}

interface OrchestrationInstance {
  InstanceId: string;
  ExecutionId: string;
}

/** The task of the parent that waits for a sub-orchestration. */
export interface ParentInstance {
  Name: string;
  OrchestrationInstance: OrchestrationInstance;
  TaskScheduleId: number;
  Version: string;
}

export type ExecutionStarted = EventBase & {
  EventType: 0;
  OrchestrationInstance: OrchestrationInstance;
  ParentInstance: ParentInstance | null;
  Name: string;
  Version: string;
  /** JSON text. */
  Input: string | null;
  Tags: null;
  Correlation: null;
  ParentTraceContext: null;
  ScheduledStartTime: null;
  Generation: number | null;
};

type TaskScheduled = EventBase & {
  EventType: 4;
  Name: string;
  Version: string;
  Input: null;
  ParentTraceContext: null;
};

type SubOrchestrationCreated = EventBase & {
  EventType: 7;
  Name: string;
  Version: string;
  InstanceId: string;
  Input: null;
  ClientSpanId: string;
};

type TimerCreated = EventBase & { EventType: 10; FireAt: string };

/** What the orchestrator scheduled. */
export type SchedulingEvent = TaskScheduled | SubOrchestrationCreated | TimerCreated;

type Succeeded<Type extends 5 | 8> = EventBase & {
  EventType: Type;
  TaskScheduledId: number;
  /** JSON text, or null for no value. */
  Result: string | null;
};

type Failed<Type extends 6 | 9> = EventBase & {
  EventType: Type;
  TaskScheduledId: number;
  Reason: string | null;
  Details: string | null;
  FailureDetails: null;
};

/** The outcome of something scheduled, by the sequence number of its scheduling event. */
type CompletionEvent =
  | Succeeded<5>
  | Failed<6>
  | Succeeded<8>
  | Failed<9>
  | (EventBase & { EventType: 11; TimerId: number; FireAt: string });

type EventRaised = EventBase & { EventType: 15; Name: string; Input: string | null };

/** Terminate, suspend, resume. */
export type ControlEvent =
  | (EventBase & { EventType: 3; Input: string | null })
  | (EventBase & { EventType: 19 | 20; Reason: string | null });

/** What arrives at an instance from outside of its orchestrator. */
export type Message = ExecutionStarted | CompletionEvent | EventRaised | ControlEvent;

export type HistoryEvent = Message | SchedulingEvent | (EventBase & { EventType: 12 | 13 });

type WithoutBase<E> = E extends EventBase ? Omit<E, keyof EventBase> : never;

/** Makes an event of now. `EventId` is -1 unless it is given. */
export function event<E extends WithoutBase<HistoryEvent>>(body: E, eventId = -1): E & EventBase {
  return { ...body, EventId: eventId, IsPlayed: false, Timestamp: timestamp() };
}

export function executionStarted(start: {
  instanceId: string;
  executionId?: string;
  name: string;
  input: string | null;
  parent: ParentInstance | null;
  /** 0 for an instance a client started, null for all others. */
  generation: number | null;
}): ExecutionStarted {
  return event({
    OrchestrationInstance: {
      InstanceId: start.instanceId,
      ExecutionId: start.executionId ?? randomBytes(16).toString('hex'),
    },
    EventType: EventType.ExecutionStarted,
    ParentInstance: start.parent,
    Name: start.name,
    Version: '',
    Input: start.input,
    Tags: null,
    Correlation: null,
    ParentTraceContext: null,
    ScheduledStartTime: null,
    Generation: start.generation,
  });
}

/** The sequence number a completion belongs to, or undefined for any other event. */
export function completedTask(message: HistoryEvent): number | undefined {
  switch (message.EventType) {
    case EventType.TaskCompleted:
    case EventType.TaskFailed:
    case EventType.SubOrchestrationInstanceCompleted:
    case EventType.SubOrchestrationInstanceFailed:
      return message.TaskScheduledId;
    case EventType.TimerFired:
      return message.TimerId;
    default:
      return undefined;
  }
}
