import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import type { Engine, ResourceContext } from '../functions/deid/engine.js';
import { isJsonObject, JsonError, parseJson } from '../functions/json/json.js';

/** One file to de-identify, and where to. */
export interface FileTask {
  input: string;
  output: string;
  /** Names that feed the date-shift scopes. */
  context: Required<ResourceContext>;
}

/** What is wrong with a resource of a file. Holds nothing of its content. */
interface FileError {
  file: string;
  line: number;
  message: string;
  rule?: number;
}

/** What became of a file. */
export interface FileResult {
  resources: number;
  errors: FileError[];
  dropped: [path: string, count: number][];
  labels: [label: string, count: number][];
  isWritten: boolean;
}

/**
 * De-identifies one file: NDJSON line by line, any other as one JSON resource or Bundle. The output appears under its
 * name only when it is complete; with `processingErrors: raise` it does not appear if there was an error.
 */
export async function anonymizeFile(engine: Engine, task: FileTask): Promise<FileResult> {
  engine.takeReport();
  const errors: FileError[] = [];
  const partial = `${task.output}.partial`;
  mkdirSync(dirname(task.output), { recursive: true });
  const output = createWriteStream(partial);
  try {
    for await (const [line, text] of resourceTexts(task.input)) {
      const result = anonymizeText(engine, text, task.context);
      if (typeof result === 'string') {
        if (!output.write(`${result}\n`)) await once(output, 'drain');
      } else errors.push({ file: task.input, line, ...result });
    }
  } catch (error) {
    errors.push({ file: task.input, line: 0, message: `The file could not be read: ${codeOf(error)}` });
  }
  output.end();
  await once(output, 'close');
  const isWritten = errors.length === 0 || engine.processingErrors === 'skip';
  if (isWritten) renameSync(partial, task.output);
  else rmSync(partial, { force: true });
  const report = engine.takeReport();
  return {
    resources: report.resources,
    errors,
    dropped: [...report.dropped],
    labels: [...report.labels],
    isWritten,
  };
}

/** The de-identified line of a resource's text, or what is wrong with it. */
function anonymizeText(
  engine: Engine,
  text: string,
  context: ResourceContext,
): string | Omit<FileError, 'file' | 'line'> {
  try {
    const json = parseJson(text);
    if (!isJsonObject(json)) return { message: 'Not a JSON object' };
    const result = engine.anonymize(json, context);
    if (result.outcome === 'anonymized') return result.line;
    const { message, rule } = result.failure;
    return rule === undefined ? { message } : { message, rule };
  } catch (error) {
    if (error instanceof JsonError) return { message: `Not JSON: ${error.message}` };
    throw error;
  }
}

/** Lines of an NDJSON file with their numbers, or the whole of another file as its line 1. */
async function* resourceTexts(path: string): AsyncGenerator<[line: number, text: string]> {
  if (!path.toLowerCase().endsWith('.ndjson')) {
    yield [1, await readFile(path, 'utf8')];
    return;
  }
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    line++;
    if (text.trim() !== '') yield [line, text];
  }
}

/** The code of a file system's error, such as EACCES: its message may hold more than should be shown. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
