import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { AnswerMessage, AskMessage } from './protocol.js';
import { type Answers, serve } from './serve.js';

/** Set by the build: there is one worker for each version. */
declare const FHIR_VERSION: FhirVersion;

/** What is needed of the scope of a worker. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: { readonly data: AskMessage }) => void): void;
  postMessage(message: AnswerMessage): void;
}

const scope = globalThis as unknown as WorkerScope;

const answers: Partial<Answers> = {
  hello: () => ({ fhirVersion: FHIR_VERSION, version: '', methods: [], configurations: [], samples: [] }),
};

scope.addEventListener('message', ({ data }) => {
  void serve(answers, data, (message) => scope.postMessage(message));
});
