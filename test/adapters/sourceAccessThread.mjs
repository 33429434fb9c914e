import { parentPort, workerData } from 'node:worker_threads';
import { remoteSourceAccess } from '../../dist/functions/adapters/sourceAccess.js';

// A thread that does at the source what it is told, and tells what came of it.
const { limiter, credentials } = remoteSourceAccess(workerData);
const leaves = [];
parentPort.on('message', async ({ what, ...told }) => {
  if (what === 'enter') {
    leaves.push(await limiter.enter(told.job));
    parentPort.postMessage('entered');
  } else if (what === 'leave') leaves.shift()('busy', 1000);
  else if (what === 'end') process.exit(1);
  else {
    const header = what === 'header' ? credentials.header() : credentials.renewed(told.refused);
    const answer = await header.catch(({ name, code, message, retryable }) => ({
      name,
      code,
      message,
      retryable,
    }));
    parentPort.postMessage({ answer, remedy: credentials.remedy });
  }
});
