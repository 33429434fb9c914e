/** What is in a folder beside the files of an export. */
export const MANIFEST_NAME = 'manifest.json';
export const REPORT_NAME = 'report.json';

/** Names of files that are the same on every system, and that tools know as lines of JSON. */
const FILE_NAME = /^\w[\w.~+=@-]{0,180}\.(?:ndjson|jsonl)(?:\.gz)?$/i;

/**
 * The names under which the files of a manifest are saved, in its order: the last part of each URL, which for the app's
 * files is that of `report.json`. Where that is no name of such a file, or that of several, type and number.
 */
export function savedNames(files: readonly { readonly type?: string; readonly url: string }[]): string[] {
  const last = files.map(({ url }) => lastPart(url));
  const uses = new Map<string, number>();
  for (const name of last) uses.set(name.toLowerCase(), (uses.get(name.toLowerCase()) ?? 0) + 1);
  const isKept = (name: string): boolean => FILE_NAME.test(name) && uses.get(name.toLowerCase()) === 1;
  return files.map(({ type = '' }, index) => {
    const name = last[index] ?? '';
    if (isKept(name)) return name;
    const made = (more: string): string =>
      `${type.replaceAll(/\W/g, '') || 'file'}-${index + 1}${more}.ndjson`;
    let more = '';
    while (uses.has(made(more).toLowerCase())) more += '-other';
    return made(more);
  });
}

/** The last part of a URL's path, decoded. */
export function lastPart(url: string): string {
  const part = encodedLastPart(url);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The last part of a URL's path, as it is. */
export function encodedLastPart(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^.*\//s, '');
}
