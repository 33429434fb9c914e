import type { OrchestratorState } from './orchestratorState.js';
import type { DurableFunctions } from './taskHub.js';

/** What the real host may do to activities, made likelier, and a disk that ends. */
export interface DurableFaults {
  /** Of the random numbers. Default 1. */
  seed?: number;
  /** Chance that an activity runs again because its first result was lost; the second one counts. */
  lost?: number;
  /** Chance that an activity runs twice at the same time; the result that comes first counts. */
  together?: number;
  /** Chance that an activity runs once more, long after its result was recorded; that of the late one is dropped. */
  late?: number;
  /** How late. Default 60,000: when the real host shows a message again. */
  lateMilliseconds?: number;
  /** Bytes of histories that the disk takes from the host's start on; what goes beyond fails with ENOSPC. */
  diskBytes?: number;
}

/** Reads faults written as a JSON object. */
export function parseDurableFaults(text: string): DurableFaults {
  const faults: unknown = JSON.parse(text);
  if (typeof faults !== 'object' || faults === null || Array.isArray(faults)) {
    throw new Error('The faults of the Durable extension must be a JSON object');
  }
  return faults;
}

const DEFAULT_LATE_MS = 60_000;

/** Delivers activities at least once, as the real host does: by the faults, now and then more often. */
export class RepeatedDeliveries implements DurableFunctions {
  readonly #functions: DurableFunctions;
  readonly #faults: DurableFaults;
  #state: number;

  constructor(functions: DurableFunctions, faults: DurableFaults) {
    this.#functions = functions;
    this.#faults = faults;
    this.#state = faults.seed ?? 1;
  }

  get activities(): ReadonlySet<string> {
    return this.#functions.activities;
  }

  get orchestrators(): ReadonlySet<string> {
    return this.#functions.orchestrators;
  }

  callOrchestrator(name: string, input: object): Promise<OrchestratorState> {
    return this.#functions.callOrchestrator(name, input);
  }

  async callActivity(name: string, input: string | null): Promise<string | null> {
    const { lost = 0, together = 0, late = 0, lateMilliseconds = DEFAULT_LATE_MS } = this.#faults;
    const call = (): Promise<string | null> => this.#functions.callActivity(name, input);
    const drawn = this.#draw();
    if (drawn < lost) {
      await call().catch(() => undefined);
      return call();
    }
    if (drawn < lost + together) {
      const both = [call(), call()];
      for (const one of both) one.catch(() => undefined);
      return Promise.race(both);
    }
    const result = await call();
    if (drawn < lost + together + late) {
      setTimeout(() => void call().catch(() => undefined), lateMilliseconds);
    }
    return result;
  }

  #draw(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }
}
