import { Readable } from 'node:stream';
import { ExportError } from '../errors.js';
import { REPORT_FILE } from '../export/manifest.js';
import type { HttpDependencies } from './dependencies.js';
import { readJobId, unknownJob } from './jobId.js';
import type { Handler } from './handler.js';

/** Streams a file that the manifest of a complete job names, and no other. */
export function downloadFile({ jobs, files }: HttpDependencies): Handler {
  return async (request) => {
    const jobId = readJobId(request);
    const [job, stop, manifest] = await Promise.all([
      jobs.request(jobId),
      jobs.stop(jobId),
      jobs.manifest(jobId),
    ]);
    if (job === undefined || manifest === undefined || stop !== undefined) throw unknownJob();
    // The host gives path parameters as they were sent.
    const file = request.params['file'] ?? '';
    const isNamed = [...manifest.output, ...manifest.deleted, ...manifest.error].some(({ url }) =>
      url.endsWith(`/files/${file}`),
    );
    if (!isNamed && file !== REPORT_FILE) {
      throw new ExportError('not-found', 'The manifest of this export names no such file.');
    }
    const name = `${job.folder}${decodeURIComponent(file)}`;
    const isHead = request.method === 'HEAD';
    const { stream, bytes } = isHead
      ? { stream: undefined, bytes: await files.size(job.container, name) }
      : await files.open(job.container, name);
    return {
      status: 200,
      headers: {
        'content-type': file === REPORT_FILE ? 'application/json' : 'application/fhir+ndjson',
        'content-length': String(bytes),
      },
      ...(stream === undefined ? {} : { body: Readable.toWeb(Readable.from(endEarly(stream))) }),
    };
  };
}

/** Ends a stream that breaks: the length told before shows the client that something is missing. */
async function* endEarly(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array | string> {
  try {
    yield* stream;
  } catch {
    // The answer has begun, so there is no other way to tell.
  }
}
