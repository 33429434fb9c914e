import { parentPort, threadId } from 'node:worker_threads';
import { serveSlices } from '../../dist/functions/activities/sliceThreads.js';
import { ExportError } from '../../dist/functions/common/errors.js';

// A thread whose slices do what the number of their partition says.
const forgotten = [];
serveSlices(parentPort, {
  async run({ partition }, log) {
    switch (partition) {
      case 0:
        return { attempt: `thread ${threadId}`, isDone: true };
      case 1:
        throw new ExportError('source-refused', 'The source refuses.');
      case 2:
        throw new TypeError('Jane Doe, born 1970-01-01');
      case 3:
        setTimeout(() => process.exit(1), 20);
        return new Promise(() => undefined);
      case 4:
        return new Promise((resolve) =>
          setTimeout(resolve, 100, { attempt: `thread ${threadId}`, isDone: true }),
        );
      case 6:
        log({ event: 'source-request-failed' });
        return { attempt: '', isDone: true };
      default:
        return { attempt: forgotten.join(), isDone: true };
    }
  },
  forget: (jobId) => forgotten.push(jobId),
});
