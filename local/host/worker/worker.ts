import { randomUUID } from 'node:crypto';
import type { Logger } from '../log.js';
import type { FunctionApp, RegisteredFunction } from './app.js';
import { directCoreLog } from './coreModule.js';
import { maxHeaderSize, onLoopback } from './loopbackServers.js';
import { AppLoadError, loadApp } from './loadApp.js';
import type {
  BindingInfo,
  CoreInvocationContext,
  InputData,
  InvocationResponse,
  LogCategory,
  LogLevel,
  ProgrammingModel,
  TypedData,
} from './rpc.js';

/** A function of the app with its trigger. */
export interface AppFunction {
  name: string;
  trigger: BindingInfo;
  /** The name under which the trigger's data is passed. */
  triggerName: string;
  /** Names of the durable client bindings. */
  durableClients: string[];
  registered: RegisteredFunction;
}

/** The function ran longer than `functionTimeout` of host.json allows. */
class FunctionTimeoutError extends Error {
  override readonly name = 'FunctionTimeoutError';
}

export interface Invocation {
  triggerData: TypedData | null;
  triggerMetadata?: Record<string, TypedData>;
  invocationId?: string;
  /** Receives the function's result, before its conversion to a response. */
  onResult?: (result: unknown) => void;
}

const SUPPORTED_TRIGGERS = new Set([
  'httptrigger',
  'timertrigger',
  'activitytrigger',
  'orchestrationtrigger',
]);

/**
 * Does what the Node worker does: loads the app, runs its hooks and calls its functions by the invocation
 * model of the programming model the app brings along.
 */
export class Worker {
  readonly functions: readonly AppFunction[];
  readonly #app: FunctionApp;
  readonly #model: ProgrammingModel;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  #clientBinding: TypedData | null = null;

  private constructor(app: FunctionApp, model: ProgrammingModel, logger: Logger, timeoutMs: number) {
    this.#app = app;
    this.#model = model;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
    this.functions = [...app.functions.values()].map(describe);
  }

  /**
   * Loads the app in `scriptRoot` and runs its `appStart` hooks.
   *
   * @throws AppLoadError when the app cannot be loaded or uses a binding this host does not have.
   */
  static async load(scriptRoot: string, logger: Logger, timeoutMs: number): Promise<Worker> {
    directCoreLog((level, _category, message) => logger.log({ level, category: 'Host.Worker', message }));
    const app = await loadApp(scriptRoot);
    if (!app.programmingModel) throw new AppLoadError('The app set no programming model.');
    const worker = new Worker(app, app.programmingModel, logger, timeoutMs);
    await app.runHooks('appStart', {
      hookData: app.appLevelHookData,
      appHookData: app.appHookData,
      functionAppDirectory: scriptRoot,
    });
    return worker;
  }

  /** Asks the programming model for its capabilities; `HttpUri` among them asks for HTTP streaming. */
  capabilities(): Promise<Record<string, string>> {
    // Once for an app: the model opens its proxy each time it is asked.
    return (this.#app.capabilities ??= onLoopback(
      async () => (await this.#model.getCapabilities?.({})) ?? {},
      maxHeaderSize(process.env['languageWorkers__node__arguments']),
    ));
  }

  /** Sets what every `durableClient` input binding receives. */
  setClientBinding(data: TypedData): void {
    this.#clientBinding = data;
  }

  /** Runs the `appTerminate` hooks. */
  async terminate(): Promise<void> {
    const { appLevelHookData, appHookData } = this.#app;
    await this.#app.runHooks('appTerminate', { hookData: appLevelHookData, appHookData });
  }

  /**
   * Runs one invocation: arguments, `preInvocation` hooks, function, `postInvocation` hooks, response.
   *
   * @throws whatever the function or a hook throws, and FunctionTimeoutError.
   */
  async invoke(fn: AppFunction, invocation: Invocation): Promise<InvocationResponse> {
    const invocationId = invocation.invocationId ?? randomUUID();
    const started = performance.now();
    const log = (level: LogLevel, message: string): void =>
      this.#logger.log({
        level,
        category: `Function.${fn.name}`,
        functionName: fn.name,
        invocationId,
        message,
      });
    log('information', `Executing 'Functions.${fn.name}' (Id=${invocationId})`);
    try {
      const response = await this.#withTimeout(fn.name, this.#run(fn, invocation, invocationId));
      const ms = Math.round(performance.now() - started);
      const message = `Executed 'Functions.${fn.name}' (Succeeded, Id=${invocationId}, Duration=${ms}ms)`;
      log('information', message);
      this.#result('information', fn.name, invocationId, message);
      return response;
    } catch (error) {
      const ms = Math.round(performance.now() - started);
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log(
        'error',
        `Executed 'Functions.${fn.name}' (Failed, Id=${invocationId}, Duration=${ms}ms) Exception: ${text}`,
      );
      const message = `Executed 'Functions.${fn.name}' (Failed, Id=${invocationId}, Duration=${ms}ms)`;
      this.#result('error', fn.name, invocationId, message);
      throw error;
    }
  }

  /** The entry of which Application Insights makes a request. */
  #result(level: LogLevel, functionName: string, invocationId: string, message: string): void {
    this.#logger.log({ level, category: 'Host.Results', functionName, invocationId, message });
  }

  async #run(fn: AppFunction, invocation: Invocation, invocationId: string): Promise<InvocationResponse> {
    const app = this.#app;
    const inputData: InputData[] = [{ name: fn.triggerName, data: invocation.triggerData }];
    for (const name of fn.durableClients) inputData.push({ name, data: this.#clientBinding });

    let functionContext: unknown;
    const coreContext: CoreInvocationContext = {
      invocationId,
      request: {
        invocationId,
        functionId: fn.name,
        inputData,
        triggerMetadata: invocation.triggerMetadata ?? {},
      },
      metadata: fn.registered.metadata,
      log: (level, category, message) =>
        this.#logInvocation(fn.name, invocationId, level, category, message, functionContext),
    };
    const model = this.#model.getInvocationModel(coreContext);
    const { context, inputs } = await model.getArguments();
    functionContext = context;

    const hookData = {};
    const pre = {
      hookData,
      appHookData: app.appHookData,
      invocationContext: context,
      inputs,
      functionCallback: fn.registered.callback,
    };
    coreContext.state = 'preInvocationHooks';
    await app.runHooks('preInvocation', pre);

    const post = {
      hookData,
      appHookData: app.appHookData,
      invocationContext: context,
      inputs: pre.inputs,
      result: null as unknown,
      error: null as unknown,
    };
    coreContext.state = 'invocation';
    try {
      post.result = await model.invokeFunction(context, pre.inputs, pre.functionCallback);
    } catch (error) {
      post.error = error;
    }
    coreContext.state = 'postInvocationHooks';
    await app.runHooks('postInvocation', post);
    coreContext.state = undefined;
    if (post.error !== null && post.error !== undefined) throw post.error;
    invocation.onResult?.(post.result);
    return model.getResponse(context, post.result);
  }

  #logInvocation(
    functionName: string,
    invocationId: string,
    level: LogLevel,
    category: LogCategory,
    message: string,
    context: unknown,
  ): void {
    const line = { level, category, message };
    this.#app.runLogHooks(line, context);
    this.#logger.log({
      level: line.level,
      category: category === 'user' ? `Function.${functionName}.User` : `Function.${functionName}`,
      functionName,
      invocationId,
      message: line.message,
    });
  }

  async #withTimeout<T>(name: string, run: Promise<T>): Promise<T> {
    if (this.#timeoutMs === Infinity) return run;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new FunctionTimeoutError(
              `Timeout value of ${this.#timeoutMs / 1000} s was exceeded by function: Functions.${name}`,
            ),
          ),
        this.#timeoutMs,
      );
      timer.unref();
    });
    try {
      return await Promise.race([run, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function describe(registered: RegisteredFunction): AppFunction {
  const { name, bindings } = registered.metadata;
  const entries = Object.entries(bindings);
  const trigger = entries.find(([, binding]) => /Trigger$/i.test(binding.type));
  if (!trigger || !SUPPORTED_TRIGGERS.has(trigger[1].type.toLowerCase())) {
    const type = trigger?.[1].type ?? 'none';
    throw new AppLoadError(`Function '${name}': this local host has no trigger of type '${type}'.`);
  }
  const durableClients: string[] = [];
  for (const [bindingName, binding] of entries) {
    const type = binding.type.toLowerCase();
    if (bindingName === trigger[0] || (bindingName === '$return' && type === 'http')) continue;
    if (type !== 'durableclient' && type !== 'orchestrationclient') {
      throw new AppLoadError(`Function '${name}': this local host has no binding of type '${binding.type}'.`);
    }
    durableClients.push(bindingName);
  }
  return { name, trigger: trigger[1], triggerName: trigger[0], durableClients, registered };
}
