import { ExportError } from '../../common/errors.js';
import { isRecord } from '../../common/isRecord.js';

/** Bytes of an answer that lists names. */
export const MAX_NAMES_BYTES = 1_048_576;

/** Some names of a list that a registry has, in its order. */
export interface RegistryNames {
  readonly names: readonly string[];
  /** Whether others come after them. */
  readonly isMore: boolean;
}

/** Which names are asked for. */
export interface NamesAsked {
  /** The list: `_catalog`, or `tags/list` below a repository. */
  readonly path: string;
  /** Of the answer: what has the names. */
  readonly member: 'repositories' | 'tags';
  /** The name that they come after; `undefined`: from the first on. */
  readonly last: string | undefined;
  readonly most: number;
}

/** What is behind the `?` of a request for names, in the distribution protocol and in Azure's own. */
export function namesQuery({ last, most }: Pick<NamesAsked, 'last' | 'most'>): string {
  return new URLSearchParams({ n: String(most), ...(last === undefined ? {} : { last }) }).toString();
}

/**
 * The names that come after one. A registry may ignore `last` and `n`, and sort as it likes: its order counts.
 * @param hasNext whether the registry says that there are others
 */
export function namesAfter(
  found: readonly string[],
  { last, most }: Pick<NamesAsked, 'last' | 'most'>,
  hasNext: boolean,
): RegistryNames {
  const rest = last === undefined ? found : found.slice(found.indexOf(last) + 1);
  const names = rest.slice(0, most);
  return { names, isMore: rest.length > names.length || (hasNext && names.length > 0) };
}

/** The names in an answer. @throws ExportError where it is none */
export function namesIn(text: string, member: NamesAsked['member'], registry: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  // A repository of which all tags are deleted has `null`.
  const names = isRecord(json) ? (json[member] ?? []) : undefined;
  if (Array.isArray(names)) return names.filter((name): name is string => typeof name === 'string');
  throw new ExportError(
    'registry-unavailable',
    `The registry ${registry} answered with no list of names. Check that it is a registry that speaks the distribution protocol (/v2/).`,
  );
}
