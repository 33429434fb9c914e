import { parentPort as port, workerData } from 'node:worker_threads';
import { remoteSourceAccess } from '../../../dist/functions/adapters/source/sourceAccess.js';

// A thread that does at the source what it is asked, and reports the result.
const { limiter, credentials } = remoteSourceAccess(workerData);
const leaves = [];
const failureOf = ({ name, code, message, retryable }) => ({ name, code, message, retryable });
const obey = async ({ what, job, refused }) => {
  switch (what) {
    case 'enter':
      leaves.push(await limiter.enter(job));
      return 'entered';
    case 'leave':
      leaves.shift()('busy', 1000);
      return 'left';
    case 'header':
      return { answer: await credentials.header().catch(failureOf), remedy: credentials.remedy };
    case 'renewed':
      return { answer: await credentials.renewed(refused).catch(failureOf), remedy: credentials.remedy };
    default:
      return process.exit(1);
  }
};
port.on('message', (message) => void obey(message).then((answer) => port.postMessage(answer)));
