import version from 'console:version';
import type { AnswerMessage, AskMessage } from './protocol.js';
import { serve } from './serve.js';
import { Session } from './session.js';

/** What is needed of the scope of a worker. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: { readonly data: AskMessage }) => void): void;
  postMessage(message: AnswerMessage): void;
}

const scope = globalThis as unknown as WorkerScope;
const session = new Session(version, {
  job: crypto.getRandomValues(new Uint8Array(32)),
  random: crypto.getRandomValues(new Uint8Array(32)),
});

scope.addEventListener('message', ({ data }) => {
  void serve(session.answers, data, (message) => scope.postMessage(message));
});
