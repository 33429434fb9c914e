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

/** Why a sign-in did not end, by its code. */
const SIGN_IN_WORDS: Readonly<Record<string, string>> = {
  popup_window_error:
    'The browser opened no window to sign in. Let it open one for this page, and try again.',
  empty_window_error:
    'The browser opened no window to sign in. Let it open one for this page, and try again.',
  user_cancelled: 'The window was closed before anybody had signed in.',
  timed_out: 'Nobody has signed in in time. Try again.',
  access_denied: 'The sign-in was declined. The app may have to be approved for you first.',
};

/** What is wrong with a sign-in. Texts of the server are not repeated: they may name who signed in. */
export function signInWords(error: unknown): string {
  const code = error instanceof Error && error.name === 'SignInError' ? error.message : undefined;
  if (code === undefined)
    return 'What signs you in could not be loaded. Check the connection, and try again.';
  return (
    SIGN_IN_WORDS[code] ??
    `The sign-in failed (${plain(code, 100)}). Check ENTRA_CONSOLE_CLIENT_ID, ENTRA_CONSOLE_SCOPE and the redirect URI of the registration, or paste a token.`
  );
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
