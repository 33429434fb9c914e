import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { AnswerMessage, CallFailure, CallName, Calls } from './protocol.js';

/** Calls whose results come in parts. */
type InParts = { [Name in CallName]: Calls[Name] extends { part: unknown } ? Name : never }[CallName];
type PartOf<Name extends InParts> = Calls[Name]['part'];

/** What is needed of a Worker. */
type EngineWorker = Pick<Worker, 'postMessage' | 'addEventListener' | 'terminate'>;

/** A call that has no answer. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: CallFailure['code'];

  constructor({ code, message }: CallFailure) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  readonly answer: (answer: never) => void;
  readonly fail: (error: Error) => void;
  readonly part: ((part: never) => void) | undefined;
}

/** Asks the worker of the engine. */
export class EngineClient {
  readonly #worker: EngineWorker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(worker: EngineWorker) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<AnswerMessage>) => this.#take(data));
    worker.addEventListener('error', () => {
      this.#failAll({ code: 'internal', message: 'The engine could not be started.' });
    });
  }

  /** Starts the worker of a FHIR version: a file beside the folder of the page's script. */
  static start(version: FhirVersion): EngineClient {
    const url = new URL(`../engine/worker-${version.toLowerCase()}.js`, import.meta.url);
    return new EngineClient(new Worker(url, { type: 'module', name: `FHIR ${version}` }));
  }

  /**
   * @param moved bytes in what is asked, which the page then has no more
   * @throws EngineError
   */
  call<Name extends CallName>(
    call: Name,
    ask: Calls[Name]['ask'],
    moved: readonly ArrayBuffer[] = [],
  ): Promise<Calls[Name]['answer']> {
    return this.#send(call, ask, moved);
  }

  /** A call whose results come in parts. @throws EngineError */
  callInParts<Name extends InParts>(
    call: Name,
    ask: Calls[Name]['ask'],
    onPart: (part: PartOf<Name>) => void,
  ): Promise<Calls[Name]['answer']> {
    return this.#send(call, ask, [], onPart);
  }

  /** Ends the worker, with all that it has. */
  end(): void {
    this.#worker.terminate();
    this.#failAll({ code: 'superseded', message: 'The engine was ended.' });
  }

  #failAll(failure: CallFailure): void {
    for (const { fail } of this.#waiting.values()) fail(new EngineError(failure));
    this.#waiting.clear();
  }

  #send<Name extends CallName>(
    call: Name,
    ask: Calls[Name]['ask'],
    moved: readonly ArrayBuffer[],
    part?: (part: never) => void,
  ): Promise<Calls[Name]['answer']> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { answer: resolve, fail: reject, part });
      this.#worker.postMessage({ id, call, ask }, [...moved]);
    });
  }

  #take(message: AnswerMessage): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if ('part' in message) return waiting.part?.(message.part as never);
    this.#waiting.delete(message.id);
    if ('failure' in message) waiting.fail(new EngineError(message.failure));
    else waiting.answer(message.answer as never);
  }
}
