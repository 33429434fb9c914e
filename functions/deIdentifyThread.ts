import { composeDeIdentification } from './composition.js';
import type { DeIdentifyAnswer, DeIdentifyTask } from './http/deIdentify/task.js';
import { readSettings } from './settings/settings.js';

// The main module of a thread that does the work of `$de-identify`.
const run = composeDeIdentification(readSettings(process.env));

/** Does the work of one request. */
export default function answer(task: DeIdentifyTask): Promise<DeIdentifyAnswer> {
  return run(task);
}
