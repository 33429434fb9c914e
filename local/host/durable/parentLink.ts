import type { ParentInstance } from './history.js';
import type { Instance } from './instance.js';

/** The task of a parent, as its sub-orchestration refers to it. */
export function parentLink(parent: Instance, taskId: number): ParentInstance {
  return {
    Name: parent.name,
    OrchestrationInstance: { InstanceId: parent.id, ExecutionId: parent.executionId },
    TaskScheduleId: taskId,
    Version: '',
  };
}

/** Whether both refer to the same task of the same execution. */
export function isSameLink(a: ParentInstance | null, b: ParentInstance): boolean {
  return (
    a !== null &&
    a.TaskScheduleId === b.TaskScheduleId &&
    a.OrchestrationInstance.ExecutionId === b.OrchestrationInstance.ExecutionId
  );
}
