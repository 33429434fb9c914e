import { asStu2 } from '../../cli/verify/stu2Form.js';
import { isObject, plain } from './words.js';
import { nextOf, textOf } from './jobs.js';

/** A file of a manifest. */
export interface ManifestFile {
  readonly kind: 'output' | 'deleted' | 'error';
  readonly type: string;
  readonly count?: number;
  /** The last part of its URL, decoded: the name to save it as. */
  readonly name: string;
  /** Where it can be had without a credential; absent: from the app. */
  readonly link?: string;
}

/** What a manifest says, as far as the page shows it. */
export interface ShownManifest {
  readonly files: readonly ManifestFile[];
  readonly transactionTime?: string;
  readonly notes: readonly string[];
  /** Name and value of what it says of the configuration and the counts. */
  readonly facts: ReadonlyArray<readonly [string, string]>;
  /** What says how the export was made. */
  readonly reports: readonly ManifestFile[];
  readonly hasNext: boolean;
}

/** Members of a manifest's extension with URLs of reports: first the one to sign. */
const REPORTS: ReadonlyArray<readonly [member: string, type: string]> = [
  ['reportPage', 'Release report'],
  ['sharedReport', 'Release report as JSON'],
  ['report', 'Report with all counts'],
];

const FACTS: ReadonlyArray<readonly [member: string, name: string]> = [
  ['configuration', 'Configuration'],
  ['configurationDigest', 'Digest'],
  ['configurationExtends', 'Extends'],
  ['configurationApproval', 'Counts as de-identification by'],
  ['resourcesRead', 'Resources read'],
  ['resourcesWritten', 'Resources written'],
  ['since', 'Changed since'],
  ['until', 'Changed before'],
];
const MAX_NOTES = 200;

/** Reads a manifest, or a page of one, of any version of the guide. What is not as it should be is left out. */
export function readManifest(body: Record<string, unknown>): ShownManifest {
  const manifest = asStu2(body);
  const { transactionTime, requiresAccessToken } = manifest;
  const extension = isObject(manifest['extension']) ? manifest['extension'] : {};
  const filesOf = (kind: ManifestFile['kind']): ManifestFile[] => {
    const rows = Array.isArray(manifest[kind]) ? (manifest[kind] as unknown[]) : [];
    return rows.filter(isObject).flatMap((row) => {
      const file = readFile(kind, row, requiresAccessToken === false);
      return file === undefined ? [] : [file];
    });
  };
  const instant = textOf(transactionTime);
  return {
    files: [...filesOf('output'), ...filesOf('deleted'), ...filesOf('error')],
    ...(instant === undefined ? {} : { transactionTime: instant }),
    notes: [extension['notes'], extension['notice']]
      .flat()
      .filter((note) => typeof note === 'string')
      .slice(0, MAX_NOTES)
      .map((note) => plain(note)),
    facts: [
      ['De-identified', extension['deidentified'] === true ? 'yes' : 'no: treat the data as identified'],
      ...FACTS.flatMap(([member, name]): Array<[string, string]> => {
        const value = extension[member];
        if (typeof value === 'number') return [[name, value.toLocaleString('en')]];
        return typeof value === 'string' ? [[name, plain(value, 300)]] : [];
      }),
    ],
    reports: REPORTS.flatMap(([member, type]) => {
      const file = readFile('output', { type, url: extension[member] }, requiresAccessToken === false);
      return file === undefined ? [] : [file];
    }),
    hasNext: nextOf(body) !== undefined,
  };
}

/** @param isOpen whether the URL works for everybody who has it */
function readFile(
  kind: ManifestFile['kind'],
  { type, url, count }: Record<string, unknown>,
  isOpen: boolean,
): ManifestFile | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  const { protocol, pathname } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return undefined;
  const name = decoded(pathname.slice(pathname.lastIndexOf('/') + 1));
  if (name === undefined || name === '') return undefined;
  return {
    kind,
    type: textOf(type) ?? '',
    name,
    ...(typeof count === 'number' && Number.isSafeInteger(count) ? { count } : {}),
    ...(isOpen ? { link: url } : {}),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Pages of a manifest that are read. */
export const MAX_PAGES = 1000;

/** Problems of the lines of an error file that are shown. */
const MAX_PROBLEMS = 200;

/** What the outcomes of an error file say. */
export function problemsIn(text: string, words: (line: string) => string[]): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.slice(0, MAX_PROBLEMS).flatMap(words);
}
