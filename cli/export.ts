import { isRecord } from '../functions/common/isRecord.js';
import { RANDOM_KEYS } from '../functions/export/output/manifest.js';
import type { Environment } from '../functions/settings/setting.js';
import { ArgumentsError, type Given, PROGRAM, UsageError } from './command.js';
import { SYSTEM_CLOCK } from './export/clock.js';
import { callerAccess } from './export/callerAccess.js';
import { ExportClient, type Manifest } from './export/exportClient.js';
import { ExportFolder } from './export/exportFolder.js';
import { KICK_OFF_OPTIONS, kickOffOf } from './export/kickOffOptions.js';
import { plain } from './export/outcomeWords.js';
import { ProgressBar, sizeOf } from './export/progressBar.js';
import { saveExport, type SavedFiles } from './export/saveExport.js';
import { FailedExport } from './export/serverFailure.js';
import { ServerRequests } from './export/serverRequests.js';
import { verify } from './verify.js';

const FAILED = 1;
const UNFINISHED = 3;
const INTERRUPTED = 130;
const DEFAULT_PARALLEL = 5;
const MAX_PARALLEL = 32;
const MAX_NOTE_CHARACTERS = 2000;

/** What `fhir-deid export` was asked for. */
interface Task {
  readonly base: string;
  readonly kind: 'start' | 'resume' | 'cancel';
  /** Of the export that is resumed or cancelled. */
  readonly statusUrl: string | undefined;
  readonly output: string;
  readonly parallel: number;
}

/** `fhir-deid export`: an export of any Bulk Data server, from the kick-off to files that are checked. */
export async function exportData(given: Given, clock = SYSTEM_CLOCK): Promise<number> {
  const task = taskOf(given);
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  const access = await callerAccess(task.base, given.environment, interrupt.signal);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const client = new ExportClient(task.base, new ServerRequests(task.base, access), clock);
  let { statusUrl } = task;
  try {
    if (task.kind === 'cancel') {
      await client.cancel(statusUrl ?? '');
      console.log('The export is cancelled, and its files at the server are deleted.');
      return 0;
    }
    const folder = new ExportFolder(task.output);
    folder.check(statusUrl);
    const kickOff = task.kind === 'start' ? kickOffOf(given) : undefined;
    const said = new Set<string>();
    if (kickOff !== undefined) {
      const accepted = await client.start(kickOff, (text) => console.error(text));
      ({ statusUrl } = accepted);
      sayAccepted(accepted.words, said);
    }
    statusUrl ??= '';
    const saved = await saveExport(client, statusUrl, folder, new ProgressBar(process.stderr), {
      parallel: task.parallel,
      clock,
    });
    report(saved, said);
    const asksRaw = kickOff?.parameters.some(([name, value]) => name === '_raw' && value === 'true');
    const flags = new Set(asksRaw === true ? ['raw'] : []);
    const code = await verify({ ...given, operand: folder.path, values: {}, flags });
    if (code !== 0)
      console.error(
        `Delete the files that are named, and download them once more:\n\n  ${resumeLine(given, task, statusUrl)}`,
      );
    return code;
  } catch (error) {
    // Of an export that was given, nothing is lost by a mistake.
    if (error instanceof UsageError && (task.kind !== 'start' || statusUrl === undefined)) throw error;
    const canResume = statusUrl !== undefined && task.kind !== 'cancel';
    const resume = canResume ? resumeLine(given, task, statusUrl ?? '') : undefined;
    return explain(error, interrupt.signal.aborted, resume);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function taskOf({ values, lists, flags }: Given): Task {
  const { base = '', resume, cancel: cancelled, output = '' } = values;
  const statusUrl = resume ?? cancelled;
  const kind = resume !== undefined ? 'resume' : cancelled !== undefined ? 'cancel' : 'start';
  if (resume !== undefined && cancelled !== undefined)
    throw new ArgumentsError('Give --resume or --cancel, not both.');
  if (kind !== 'start') {
    const of = Object.keys(KICK_OFF_OPTIONS);
    const found = of.find(
      (name) => values[name] !== undefined || lists[name] !== undefined || flags.has(name),
    );
    if (found !== undefined)
      throw new ArgumentsError(`--${found} is of a new export, and has no effect with --${kind}.`);
  }
  if (kind !== 'cancel' && output === '') throw new ArgumentsError('--output is required.');
  const parallel = Number(values['parallel'] ?? DEFAULT_PARALLEL);
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > MAX_PARALLEL)
    throw new ArgumentsError(`--parallel must be a whole number from 1 to ${MAX_PARALLEL}.`);
  if (statusUrl !== undefined && !isServerUrl(statusUrl))
    throw new ArgumentsError(`--${kind} takes the URL of the export's status.`);
  if (!isServerUrl(base) || /[?#]/.test(base))
    throw new ArgumentsError(
      '--base must be the http or https URL of a FHIR server, without a user and a query.',
    );
  return { base, kind, statusUrl, output, parallel };
}

function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && `${username}${password}` === '';
}

/** What the server says of an export that it has accepted, but for what the client does anyway. */
function sayAccepted(words: readonly string[], said: Set<string>): void {
  for (const word of words) {
    console.error(word.replace(' Poll the URL in Content-Location for its status.', ''));
    said.add(word);
  }
}

/** @param said what the server has said before, which its notes may repeat */
function report({ manifest, bytes }: SavedFiles, said: ReadonlySet<string>): void {
  const notes = notesOf(manifest).map((note) => plain(note, MAX_NOTE_CHARACTERS));
  for (const note of notes.filter((text) => !said.has(text))) console.log(`note: ${note}`);
  // Bulk Data leaves it to servers to count.
  const errors: ReadonlyArray<{ count?: number }> = manifest.error;
  const problems = errors.reduce((sum, { count = 1 }) => sum + count, 0);
  if (problems > 0)
    console.log(
      `warning: the server reports ${problems} problems, in the files of type OperationOutcome: what they are about may be missing`,
    );
  const size = [...bytes.values()].reduce((sum, one) => sum + one, 0);
  console.log(`size: ${sizeOf(size)}`);
  const next = notes.some((note) => note.includes(RANDOM_KEYS))
    ? 'which no other export continues, since its keys are random'
    : 'from which the next export continues (--since)';
  console.log(`as of: ${plain(manifest.transactionTime)}, ${next}`);
}

/** What this app says about an export. */
function notesOf({ extension }: Manifest): string[] {
  const notes = isRecord(extension) ? extension['notes'] : undefined;
  return [notes].flat().filter((note) => typeof note === 'string');
}

/** @param resume the line that continues the export, where the server has accepted one */
function explain(error: unknown, isInterrupted: boolean, resume: string | undefined): number {
  if (isInterrupted) console.error('Interrupted.');
  else console.error(error instanceof Error ? error.message : 'Unexpected error.');
  if (error instanceof FailedExport) return FAILED;
  if (resume !== undefined) console.error(`\nWhat is there stays. To continue:\n\n  ${resume}`);
  else if (isInterrupted)
    console.error('The server had not answered the kick-off: an export may have begun.');
  if (isInterrupted) return INTERRUPTED;
  return resume === undefined ? FAILED : UNFINISHED;
}

function resumeLine({ environment, values }: Given, { base, output }: Task, statusUrl: string): string {
  const options = [
    ['base', base],
    ['resume', statusUrl],
    ['output', output],
    ...(values['parallel'] === undefined ? [] : [['parallel', values['parallel']] as const]),
  ] as const;
  return [programOf(environment), ...options.map(([name, value]) => `--${name} ${quoted(value)}`)].join(' ');
}

function programOf(environment: Environment): string {
  return environment['npm_lifecycle_event'] === 'export' ? 'npm run export --' : `${PROGRAM} export`;
}

/** An argument as a POSIX shell takes it. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
