/** Issues of an outcome that are shown, and characters of each. */
const MAX_ISSUES = 50;
const MAX_CHARACTERS = 2000;

/** Text of a server as it is shown: without characters that cannot be seen or that turn the direction. */
export function plain(text: string, most = MAX_CHARACTERS): string {
  const line = text
    .slice(0, most * 4)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{C}]/gu, '\uFFFD')
    .trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

/** What the issues of an OperationOutcome say; empty for anything else. */
export function wordsOf(text: string): string[] {
  return wordsIn(objectOf(text)?.['issue']);
}

/** The same of the list of issues alone. */
export function wordsIn(issues: unknown): string[] {
  return (Array.isArray(issues) ? issues : []).slice(0, MAX_ISSUES).flatMap((issue: unknown) => {
    if (!isObject(issue)) return [];
    const { diagnostics, details, code } = issue;
    const words = [diagnostics, isObject(details) ? details['text'] : undefined, code];
    const first = words.find((each) => typeof each === 'string' && each !== '');
    return typeof first === 'string' ? [plain(first)] : [];
  });
}

/** A JSON object; `undefined` for anything else. */
export function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Words for what a server refused. */
export function refusalWords(what: string, status: number, text: string): string[] {
  const words = wordsOf(text);
  if (words.length > 0) return words;
  if (status === 0) return [`${what}: the app does not answer. Check that it runs, and the connection.`];
  if (status === 401)
    return [`${what}: the app lets nobody in without a key or token, or with this one. Sign in again.`];
  if (status === 403) return [`${what}: the key or token does not permit this.`];
  return [`${what}: the app answered ${status} without words.`];
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** An instant as it is shown: of this place, to the minute. */
export function momentOf(instant: string | undefined): string {
  const at = instant === undefined ? Number.NaN : Date.parse(instant);
  if (Number.isNaN(at)) return '';
  return new Date(at).toLocaleString('en-CA', { dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' });
}
