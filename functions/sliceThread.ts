import { parentPort, workerData } from 'node:worker_threads';
import { serveSlices } from './activities/sliceThreads.js';
import { readSettings } from './settings/settings.js';
import { composeThread, type RemoteAccess, remoteAccess, slicesOf } from './threadComposition.js';

// The main module of a thread that runs slices: what it does is what the activity would do on the main thread.
if (parentPort === null) throw new Error('This is the main module of a worker thread.');
const access = remoteAccess(workerData as RemoteAccess);
serveSlices(parentPort, slicesOf(composeThread(readSettings(process.env), access)));
