import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import type { AnswerMessage, AskMessage, CallName, Calls } from '../../console/engine/protocol.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';

/** What the worker of a browser has, of what its script uses; nothing that only Node has. */
const WEB = {
  TextEncoder,
  TextDecoder,
  Blob,
  Response,
  CompressionStream,
  DecompressionStream,
  performance,
  setTimeout,
  clearTimeout,
} as const;

/** The engine of the built console. */
export interface WorkerEngine {
  call<Name extends CallName>(
    call: Name,
    ask: Calls[Name]['ask'],
    onPart?: (part: Calls[Name] extends { part: infer Part } ? Part : never) => void,
  ): Promise<Calls[Name]['answer']>;
}

/**
 * Starts the built worker of a FHIR version in a realm that has what browsers have, and nothing of Node.
 * @param secret takes the place of each of its random secrets
 */
export function startEngine(version: FhirVersion, secret?: Uint8Array): WorkerEngine {
  const file = new URL(`../../dist/console/engine/worker-${version.toLowerCase()}.js`, import.meta.url);
  const listeners: ((event: { readonly data: AskMessage }) => void)[] = [];
  const waiting = new Map<number, (message: AnswerMessage) => void>();
  const context = createContext({
    ...WEB,
    crypto: {
      getRandomValues: (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
        if (secret === undefined) crypto.getRandomValues(bytes);
        else bytes.set(secret);
        return bytes;
      },
    },
    addEventListener: (_type: string, listener: (typeof listeners)[number]) => listeners.push(listener),
    postMessage: (message: AnswerMessage) => waiting.get(message.id)?.(structuredClone(message)),
  });
  runInContext(readFileSync(file, 'utf8'), context);
  let last = 0;
  return {
    call: (call, ask, onPart) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, (message) => {
          if ('part' in message) onPart?.(message.part as never);
          else if ('failure' in message)
            reject(new Error(`${message.failure.code}: ${message.failure.message}`));
          else resolve(message.answer as never);
        });
        const data = structuredClone({ id, call, ask }) as AskMessage;
        for (const listener of listeners) listener({ data });
      }),
  };
}
