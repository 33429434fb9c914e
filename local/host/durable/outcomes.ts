import { randomBytes } from 'node:crypto';
import { timestamp } from './clock.js';
import { event, EventType, type HistoryEvent, type Message } from './history.js';
import type { End } from './instance.js';
import type { Decision, Scheduled } from './replay.js';

/** How the history has something that was scheduled. */
export function schedulingEvent(scheduled: Scheduled): HistoryEvent {
  switch (scheduled.kind) {
    case 'activity': {
      const { name: Name, id } = scheduled;
      const body = {
        EventType: EventType.TaskScheduled,
        Name,
        Version: '',
        Input: null,
        ParentTraceContext: null,
      };
      return event(body, id);
    }
    case 'subOrchestration':
      return event(
        {
          EventType: EventType.SubOrchestrationInstanceCreated,
          Name: scheduled.name,
          Version: '',
          InstanceId: scheduled.instanceId,
          Input: null,
          ClientSpanId: randomBytes(8).toString('hex'),
        },
        scheduled.id,
      );
    case 'timer':
      break;
  }
  return event({ EventType: EventType.TimerCreated, FireAt: scheduled.fireAt }, scheduled.id);
}

/** The end that follows from a decision, if any does. */
export function endOf({ end }: Decision): End | undefined {
  if (end?.kind === 'completed') {
    return { status: 'Completed', output: end.output, details: null, at: timestamp() };
  }
  if (end?.kind === 'failed') {
    const { reason, details } = end.failure;
    return { status: 'Failed', output: reason, details, at: timestamp() };
  }
  return undefined;
}

/** The end of an instance that was terminated. */
export function terminatedEnd(reason: string | null): End {
  return { status: 'Terminated', output: reason, details: null, at: timestamp() };
}

/** Whether a message is for the instance, whichever execution of it; the others are for one execution. */
export function outlivesExecution({ EventType: type }: Message): boolean {
  return (
    type === EventType.EventRaised ||
    type === EventType.ExecutionTerminated ||
    type === EventType.ExecutionSuspended ||
    type === EventType.ExecutionResumed
  );
}
