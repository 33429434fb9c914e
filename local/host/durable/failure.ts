/**
 * The texts in which the real host stores failures. They hold the function's own message, some of them more
 * than once and together with its stack: a function's error message reaches the history and the status.
 */
export interface Failure {
  reason: string;
  details: string;
}

/** An activity threw. */
export function activityFailure(name: string, error: unknown): Failure {
  const { message, stack } = parts(error);
  const details = {
    $type: 'System.Exception, System.Private.CoreLib',
    ClassName: 'System.Exception',
    Message: ` ${message}`,
    Data: null,
    InnerException: {
      $type: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script',
      IsUserException: false,
      RemoteStackTrace: stack,
      RemoteMessage: message,
      RemoteTypeName: '',
      Message: `Result: Failure\nException: ${message}\nStack: ${stack}`,
      Data: { $type: 'System.Collections.ListDictionaryInternal, System.Private.CoreLib' },
      InnerException: null,
      HelpLink: null,
      Source: null,
      HResult: -2146233088,
      StackTrace: null,
    },
    HelpURL: null,
    StackTraceString: null,
    RemoteStackTraceString: null,
    RemoteStackIndex: 0,
    ExceptionMethod: null,
    HResult: -2146233088,
    Source: null,
    WatsonBuckets: null,
  };
  return { reason: `Activity function '${name}' failed:  ${message}`, details: JSON.stringify(details) };
}

/** An orchestrator threw; `message` is what it threw, `stack` where. */
export function orchestratorFailure(name: string, message: string, stack: string): Failure {
  return {
    reason: `Orchestrator function '${name}' failed: ${message}`,
    details: `Message: ${message}, StackTrace: ${stack}`,
  };
}

/** The orchestrator did not do what its history says it did. */
export function nonDeterminism(message: string): Failure {
  const reason =
    `Non-Deterministic workflow detected: ${message} ` +
    'Was a change made to the orchestrator code after this instance had already started running?';
  return { reason, details: `Unhandled exception while executing orchestration: ${reason}` };
}

function parts(error: unknown): { message: string; stack: string } {
  if (error instanceof Error) return { message: error.message, stack: error.stack ?? '' };
  if (typeof error === 'string') return { message: error, stack: '' };
  return { message: JSON.stringify(error), stack: '' };
}
