import type { FunctionCallback, FunctionMetadata, LogCategory, LogLevel, ProgrammingModel } from './rpc.js';

export interface RegisteredFunction {
  metadata: FunctionMetadata;
  callback: FunctionCallback;
}

export type HookCallback = (context: object) => unknown;

/** What one function app registered while it was loaded. */
export class FunctionApp {
  readonly functions = new Map<string, RegisteredFunction>();
  readonly appHookData: Record<string, unknown> = {};
  readonly appLevelHookData: Record<string, unknown> = {};
  readonly #hooks = new Map<string, HookCallback[]>();
  programmingModel: ProgrammingModel | undefined;
  capabilities: Promise<Record<string, string>> | undefined;

  hooks(name: string): HookCallback[] {
    let callbacks = this.#hooks.get(name);
    if (!callbacks) this.#hooks.set(name, (callbacks = []));
    return callbacks;
  }

  /** Runs the hooks of a name one after the other, in the order of their registration. */
  async runHooks(name: string, context: object): Promise<void> {
    for (const callback of this.hooks(name)) await callback(context);
  }

  /** Runs the `log` hooks, which may change the level and the message of the line. */
  runLogHooks(line: { level: LogLevel; message: string; category: LogCategory }, invocation: unknown): void {
    const callbacks = this.hooks('log');
    if (callbacks.length === 0) return;
    const context = Object.assign(line, {
      hookData: this.appLevelHookData,
      appHookData: this.appHookData,
      invocationContext: invocation,
    });
    for (const callback of callbacks) callback(context);
  }
}
