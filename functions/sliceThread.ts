import { parentPort, workerData } from 'node:worker_threads';
import { exportSlice } from './activities/exportSlice.js';
import { serveSlices } from './adapters/sliceThreads.js';
import { type RemoteSourceAccess, remoteSourceAccess } from './adapters/source/sourceAccess.js';
import { makeActivityDependencies } from './dependencies.js';
import { readSettings } from './settings/settings.js';

// The composition root of a thread that runs slices: what it does is what the activity would do on the main thread.
if (parentPort === null) throw new Error('This is the main module of a worker thread.');
const dependencies = makeActivityDependencies(
  readSettings(process.env),
  remoteSourceAccess(workerData as RemoteSourceAccess),
);
serveSlices(parentPort, {
  run: exportSlice(dependencies),
  forget: (jobId) => dependencies.engines.forget(jobId),
});
