import type { TypedData } from '../worker/rpc.js';
import type { AppFunction, Worker } from '../worker/worker.js';
import { returnedState, thrownState, type OrchestratorState } from './orchestratorState.js';
import type { DurableFunctions } from './taskHub.js';

/** The orchestrators and activities of the loaded app. */
export class AppFunctions implements DurableFunctions {
  readonly activities: ReadonlySet<string>;
  readonly orchestrators: ReadonlySet<string>;
  readonly #worker: Worker;
  readonly #functions: ReadonlyMap<string, AppFunction>;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#functions = new Map(worker.functions.map((fn) => [fn.name, fn]));
    this.activities = namesOf(worker, 'activitytrigger');
    this.orchestrators = namesOf(worker, 'orchestrationtrigger');
  }

  async callOrchestrator(name: string, input: object): Promise<OrchestratorState> {
    let returned: TypedData | null | undefined;
    try {
      returned = await this.#call(name, { json: JSON.stringify(input) });
    } catch (error) {
      return thrownState(error);
    }
    return returnedState(returned);
  }

  async callActivity(name: string, input: string | null): Promise<string | null> {
    return toJsonText(await this.#call(name, input === null ? null : { json: input }));
  }

  async #call(name: string, triggerData: TypedData | null): Promise<TypedData | null | undefined> {
    const fn = this.#functions.get(name);
    // An instance may have been started by a former version of the app.
    if (!fn) throw new Error(`The function '${name}' is not in the app any more.`);
    return (await this.#worker.invoke(fn, { triggerData })).returnValue;
  }
}

function namesOf(worker: Worker, triggerType: string): Set<string> {
  const functions = worker.functions.filter(({ trigger }) => trigger.type.toLowerCase() === triggerType);
  return new Set(functions.map(({ name }) => name));
}

function toJsonText(value: TypedData | null | undefined): string | null {
  if (typeof value?.string === 'string') return JSON.stringify(value.string);
  if (value?.bytes) return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
  const number = value?.int ?? value?.double;
  return typeof number === 'number' ? String(number) : (value?.json ?? null);
}
