import type { Instance, RuntimeStatus } from './instance.js';
import type { EndedInstance } from './store.js';

/** An instance as the hub's list has it. */
export interface InstanceSummary {
  id: string;
  name: string;
  status: RuntimeStatus;
  createdAt: string;
  updatedAt: string;
}

/** An instance as its status shows it. `input` and `customStatus` are JSON texts. */
export interface InstanceDetails extends InstanceSummary {
  input: string | null;
  output: string | null;
  customStatus: string | null;
}

/** Of an instance in memory. */
export function summarize(instance: Instance): InstanceSummary {
  return {
    id: instance.id,
    name: instance.name,
    status: instance.status,
    createdAt: instance.start.event.Timestamp,
    updatedAt: instance.end?.at ?? instance.updatedAt,
  };
}

/** Of an instance that is in the store only. */
export function summaryOfEnded({ start, last }: EndedInstance): InstanceSummary {
  return {
    id: start.event.OrchestrationInstance.InstanceId,
    name: start.event.Name,
    status: last.end.status,
    createdAt: start.event.Timestamp,
    updatedAt: last.end.at,
  };
}
