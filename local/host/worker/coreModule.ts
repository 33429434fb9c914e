import Module from 'node:module';
import type { FunctionApp, HookCallback } from './app.js';
import type { FunctionCallback, FunctionMetadata, LogCategory, LogLevel, ProgrammingModel } from './rpc.js';

const CORE_MODULE = '@azure/functions-core';

/** Where the calls of the libraries go. The libraries keep the module for the life of the process. */
interface CoreModuleTarget {
  /** The app that is being loaded; functions can be registered only then. */
  loading?: FunctionApp;
  /** The app the hooks go to: the one loaded last. */
  app?: FunctionApp;
  /** The libraries set it once in a process, whatever number of apps is loaded. */
  programmingModel?: ProgrammingModel;
  log: (level: LogLevel, category: LogCategory, message: string) => void;
}

const target: CoreModuleTarget = { log: () => {} };

class Disposable {
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

const coreModule = {
  version: '3.9.0',
  hostVersion: '4.1037.0',
  Disposable,
  setProgrammingModel(model: ProgrammingModel): void {
    target.programmingModel = model;
  },
  getProgrammingModel: (): ProgrammingModel | undefined => target.programmingModel,
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    const app = target.loading;
    if (!app) throw new Error('A function can only be registered during app startup.');
    const id = metadata.functionId ?? metadata.name;
    if (app.functions.has(id)) throw new Error(`A function with id "${id}" has already been registered.`);
    app.functions.set(id, { metadata, callback });
    return new Disposable(() => app.functions.delete(id));
  },
  registerHook(name: string, callback: HookCallback): Disposable {
    const callbacks = (target.loading ?? target.app)?.hooks(name) ?? [];
    callbacks.push(callback);
    return new Disposable(() => {
      const index = callbacks.indexOf(callback);
      if (index !== -1) callbacks.splice(index, 1);
    });
  },
  log(level: LogLevel, category: LogCategory, message: string): void {
    target.log(level, category, message);
  },
};

let installed = false;

/**
 * Makes `require('@azure/functions-core')` answer with this host's module, as the Node worker does:
 * by taking over `Module.prototype.require`. Once a process.
 */
function install(): void {
  if (installed) return;
  installed = true;
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
  const original = Module.prototype.require;
  Module.prototype.require = Object.assign(function (this: Module, id: string): unknown {
    return id === CORE_MODULE ? coreModule : Reflect.apply(original, this, [id]);
  }, original);
}

/** Loads an app with `load`, collecting in `app` what it registers meanwhile. */
export async function collectRegistrations(app: FunctionApp, load: () => Promise<void>): Promise<void> {
  install();
  target.loading = app;
  target.app = app;
  try {
    await load();
  } finally {
    delete target.loading;
    if (target.programmingModel) app.programmingModel = target.programmingModel;
  }
}

/** Directs the log lines the libraries write outside of an invocation. */
export function directCoreLog(log: CoreModuleTarget['log']): void {
  target.log = log;
}
