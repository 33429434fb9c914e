import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ExportError, type SafeFailure, safeFailure } from '../../common/errors.js';
import type { RequestOutcome } from '../../export/source/requestLimiter.js';
import { noCredentials } from './credentials/none.js';
import type { SourceCredentials, SourceHeader } from './credentials/sourceCredentials.js';
import type { Leave } from './sourceLimiter.js';

/** What all requests of this process share at the source, on whatever thread they are made. */
export interface SourceAccess {
  credentials: SourceCredentials;
  /** The places at the source. */
  limiter: { enter(job: string): Promise<Leave> };
}

type ToOwner =
  | { kind: 'enter'; call: number; job: string }
  | { kind: 'header'; call: number; refused?: SourceHeader }
  | { kind: 'leave'; place: number; outcome: RequestOutcome; retryAfterMs: number };
type FromOwner = { call: number } & (
  { header: SourceHeader | undefined } | { failure: SafeFailure } | { entered: true }
);

/** What a thread needs for `remoteSourceAccess`. */
export interface RemoteSourceAccess {
  port: MessagePort;
  remedy: string;
  /** Whether no request has a header, so that no credentials are needed. */
  isOpen: boolean;
}

/**
 * Shares the access with one thread more. Places that the thread has when it ends are given back.
 * @returns what that thread is to be given; the port has to be transferred
 */
export function shareSourceAccess({ credentials, limiter }: SourceAccess): RemoteSourceAccess {
  const { port1: port, port2 } = new MessageChannel();
  const places = new Map<number, Leave>();
  let isClosed = false;
  const answer = (message: FromOwner): void => port.postMessage(message);
  const answerHeader = (call: number, refused: SourceHeader | undefined): void => {
    const header = refused === undefined ? credentials.header() : credentials.renewed(refused);
    header.then(
      (value) => answer({ call, header: value }),
      (error: unknown) => answer({ call, failure: safeFailure(error) }),
    );
  };
  const enter = async (call: number, job: string): Promise<void> => {
    const leave = await limiter.enter(job);
    if (isClosed) return leave('failed');
    places.set(call, leave);
    answer({ call, entered: true });
  };
  port.on('message', (message: ToOwner) => {
    switch (message.kind) {
      case 'enter':
        void enter(message.call, message.job);
        break;
      case 'header':
        answerHeader(message.call, message.refused);
        break;
      case 'leave':
        places.get(message.place)?.(message.outcome, message.retryAfterMs);
        places.delete(message.place);
        break;
    }
  });
  port.on('close', () => {
    isClosed = true;
    for (const leave of places.values()) leave('failed');
    places.clear();
  });
  port.unref();
  return { port: port2, remedy: credentials.remedy, isOpen: credentials.header === noCredentials.header };
}

const headerOf = (answer: FromOwner): SourceHeader | undefined =>
  'header' in answer ? answer.header : undefined;

/** The access that another thread shares. */
export function remoteSourceAccess({ port, remedy, isOpen }: RemoteSourceAccess): SourceAccess {
  let calls = 0;
  const waiting = new Map<
    number,
    { resolve: (answer: FromOwner) => void; reject: (error: ExportError) => void }
  >();
  port.on('message', (message: FromOwner) => {
    const call = waiting.get(message.call);
    waiting.delete(message.call);
    if ('failure' in message) {
      const { code, message: words, retryable } = message.failure;
      call?.reject(new ExportError(code, words, retryable));
    } else call?.resolve(message);
  });
  port.unref();
  const ask = (message: (call: number) => ToOwner): Promise<FromOwner> =>
    new Promise((resolve, reject) => {
      const call = calls++;
      waiting.set(call, { resolve, reject });
      port.postMessage(message(call));
    });
  return {
    credentials: isOpen
      ? { ...noCredentials, remedy }
      : {
          remedy,
          header: async () => headerOf(await ask((call) => ({ kind: 'header', call }))),
          renewed: async (refused) => headerOf(await ask((call) => ({ kind: 'header', call, refused }))),
        },
    limiter: {
      async enter(job) {
        const { call: place } = await ask((call) => ({ kind: 'enter', call, job }));
        return (outcome, retryAfterMs = 0) => {
          port.postMessage({ kind: 'leave', place, outcome, retryAfterMs } satisfies ToOwner);
        };
      },
    },
  };
}
