import * as df from 'durable-functions';
import { exportJob } from './exportJob.js';
import { exportPartition } from './exportPartition.js';
import { exportWorker } from './exportWorker.js';

/** Every orchestrator by its name. Histories hold the names: another one ends the jobs that run while it comes in. */
const ORCHESTRATORS = { exportJob, exportWorker, exportPartition };

export function registerOrchestrators(): void {
  for (const [name, run] of Object.entries(ORCHESTRATORS)) df.app.orchestration(name, run);
}
