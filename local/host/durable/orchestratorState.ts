import type { TypedData } from '../worker/rpc.js';

/** Numbers of the out-of-process protocol of Durable Functions. */
export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  WhenAny: 11,
  WhenAll: 12,
} as const;

export interface RetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

/** Something an orchestrator yielded. */
export interface Action {
  actionType: number;
  functionName?: string;
  input?: unknown;
  instanceId?: string;
  retryOptions?: RetryOptions;
  fireAt?: string;
  isCanceled?: boolean;
  externalEventName?: string;
  compoundActions?: Action[];
}

/** What an orchestrator function answers: all it ever yielded in this execution, in order. */
export interface OrchestratorState {
  isDone: boolean;
  actions: Action[];
  output?: unknown;
  customStatus?: unknown;
  error?: { message: string; stack: string };
}

const STATE_LABEL = '\n\n$OutOfProcData$:';

interface WireState {
  isDone?: boolean;
  actions?: Action[][];
  output?: unknown;
  customStatus?: unknown;
  error?: string;
}

/** The state in a returned value. */
export function returnedState(value: TypedData | null | undefined): OrchestratorState {
  const wire: WireState = JSON.parse(value?.json ?? '{}');
  return fromWire(wire);
}

/** The state in what an orchestrator function threw: the library puts it into the error's message. */
export function thrownState(error: unknown): OrchestratorState {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const label = message.indexOf(STATE_LABEL);
  if (label === -1) return { isDone: false, actions: [], error: { message, stack } };
  const wire: WireState = JSON.parse(message.slice(label + STATE_LABEL.length));
  const state = fromWire(wire);
  state.error = { message: wire.error ?? message.slice(0, label), stack };
  return state;
}

function fromWire(wire: WireState): OrchestratorState {
  const state: OrchestratorState = { isDone: wire.isDone === true, actions: wire.actions?.[0] ?? [] };
  if (wire.output !== undefined) state.output = wire.output;
  if (wire.customStatus !== undefined) state.customStatus = wire.customStatus;
  return state;
}
