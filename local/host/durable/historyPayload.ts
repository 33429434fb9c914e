import { EventType, type HistoryEvent, type SchedulingEvent } from './history.js';

/** Stored text is shown as the JSON it is, and as a string where it is none. */
export function toJson(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The history as the status shows it: outcomes with the name of what they are the outcome of. */
export function historyPayload(history: readonly HistoryEvent[], showOutput: boolean): object[] {
  const scheduled = new Map<number, SchedulingEvent>();
  return history.flatMap((past): object[] => {
    const { Timestamp } = past;
    switch (past.EventType) {
      case EventType.ExecutionStarted:
        return [{ EventType: 'ExecutionStarted', FunctionName: past.Name, Timestamp }];
      case EventType.TaskScheduled:
      case EventType.SubOrchestrationInstanceCreated:
      case EventType.TimerCreated:
        scheduled.set(past.EventId, past);
        return [];
      case EventType.TaskCompleted:
      case EventType.SubOrchestrationInstanceCompleted: {
        const origin = scheduled.get(past.TaskScheduledId);
        const type =
          past.EventType === EventType.TaskCompleted ? 'TaskCompleted' : 'SubOrchestrationInstanceCompleted';
        return [{ ...outcome(type, origin, Timestamp), ...(showOutput && { Result: toJson(past.Result) }) }];
      }
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed: {
        const origin = scheduled.get(past.TaskScheduledId);
        const type =
          past.EventType === EventType.TaskFailed ? 'TaskFailed' : 'SubOrchestrationInstanceFailed';
        return [{ ...outcome(type, origin, Timestamp), Reason: past.Reason, Details: past.Details }];
      }
      case EventType.TimerFired:
        return [{ ...outcome('TimerFired', scheduled.get(past.TimerId), Timestamp), FireAt: past.FireAt }];
      case EventType.EventRaised:
        return [{ EventType: 'EventRaised', Name: past.Name, Input: toJson(past.Input), Timestamp }];
      case EventType.ExecutionTerminated:
        return [{ EventType: 'ExecutionTerminated', Reason: past.Input, Timestamp }];
      case EventType.ExecutionSuspended:
        return [{ EventType: 'ExecutionSuspended', Reason: past.Reason, Timestamp }];
      case EventType.ExecutionResumed:
        return [{ EventType: 'ExecutionResumed', Reason: past.Reason, Timestamp }];
      default:
        return [];
    }
  });
}

function outcome(type: string, origin: SchedulingEvent | undefined, Timestamp: string): object {
  return {
    EventType: type,
    ...(origin && 'Name' in origin && { FunctionName: origin.Name }),
    ...(origin && { ScheduledTime: origin.Timestamp }),
    Timestamp,
  };
}
