import { ExportError, type ExportErrorCode } from '../../common/errors.js';

/** What may be tried after a request that brought no answer, beside to fail. */
export type Remedy =
  /** The same request after a pause. */
  | 'again'
  /** The same search for a smaller page. */
  | 'smaller page'
  /** The same search for fewer of the ids that it names. */
  | 'fewer ids'
  /** The same for fewer patients, or of each by itself: a search that is too large makes some sources just busy. */
  | 'fewer members'
  /** A search without a parameter that the source may not know, or in the place of a link that is not valid any more. */
  | 'other search'
  /** To continue without what the request was for, where the caller has not asked for it by name. */
  | 'leave out';

interface Refusal {
  /** Statuses of the answer; none where there was no answer that could be taken. */
  readonly statuses: readonly number[];
  readonly remedies: readonly Remedy[];
  /** How often the same request is made at most, where it is made again. */
  readonly attempts?: number;
  /** @param hint what to do, as the credentials say */
  readonly words?: (status: number, hint: string) => string;
}

/** What servers refuse, by the code of the error: https://hl7.org/fhir/R4/http.html#Status-Codes */
const REFUSALS = {
  'source-denied': {
    statuses: [401],
    remedies: [],
    words: (_, hint) => `The source answered 401: ${hint}`,
  },
  'source-forbidden': {
    statuses: [403],
    remedies: ['fewer members', 'leave out'],
    words: () =>
      'The source answered 403: the app may not read there. Let it read and search the exported types.',
  },
  'source-link-expired': {
    statuses: [410],
    remedies: ['other search'],
    words: () =>
      'A next link of the source had expired when it was followed. Let the source keep the results of searches for longer, or let it sort by _lastUpdated, which needs no links.',
  },
  'source-page-too-large': {
    statuses: [413],
    remedies: ['smaller page', 'fewer ids', 'fewer members'],
    words: () => 'The source answered 413 to a search of this page size.',
  },
  'source-timeout': {
    statuses: [],
    remedies: ['again', 'smaller page', 'fewer ids', 'fewer members'],
    // The caller asks for less.
    attempts: 1,
  },
  // Some servers fail for good at a page of some size, so that the caller does better to ask for less.
  'source-failed': {
    statuses: [500],
    remedies: ['again', 'smaller page', 'fewer ids', 'fewer members'],
    attempts: 4,
    words: () => 'The source kept answering 500. Look for the cause in its own log.',
  },
  'source-busy': {
    statuses: [408, 429, 502, 503, 504],
    remedies: ['again', 'fewer members'],
    words: (status) => `The source kept answering ${status}. Try again when it is less busy.`,
  },
  // 501 says "not implemented", which stays so: RFC 9110, section 15.6.2.
  'source-refused': {
    statuses: [400, 404, 405, 414, 415, 501],
    remedies: ['fewer ids', 'fewer members', 'other search', 'leave out'],
    words: (status) =>
      `The source answered ${status} to a request of the export. Check FHIR_SERVER_URL and the searches the source supports.`,
  },
} as const satisfies Partial<Record<ExportErrorCode, Refusal>>;

type RefusalCode = keyof typeof REFUSALS;

/** Statuses by which a source refuses a search by this method, although it may take it by the other one. */
export const OTHER_METHOD = {
  GET: [414],
  POST: [400, 403, 404, 405, 415, 501],
} as const satisfies Record<string, readonly number[]>;

const BY_CODE: ReadonlyMap<string, Refusal> = new Map(Object.entries<Refusal>(REFUSALS));

/** What an answer of a status other than 200 means. */
export function refusalOf(status: number, hint: string): ExportError {
  const listed = [...BY_CODE].find(([, { statuses }]) => statuses.includes(status))?.[0];
  const code = (listed ?? (status >= 500 ? 'source-busy' : 'source-refused')) as RefusalCode;
  const { remedies, words }: Refusal = REFUSALS[code];
  return new ExportError(code, words?.(status, hint) ?? '', remedies.includes('again'));
}

/** Whether a request that was refused may do in this way. */
export function mayTry(remedy: Remedy, error: unknown): error is ExportError {
  return error instanceof ExportError && BY_CODE.get(error.code)?.remedies.includes(remedy) === true;
}

/** For `catch`: what to continue with where a remedy may be tried; all else is thrown again. */
export function onRefusal<T>(remedy: Remedy, otherwise: () => T): (error: unknown) => T {
  return (error) => {
    if (mayTry(remedy, error)) return otherwise();
    throw error;
  };
}

/** Asks for a page, and for half of it as long as the source refuses its size. */
export async function askForLess<T>(pageSize: number, ask: (pageSize: number) => Promise<T>): Promise<T> {
  for (let size = pageSize; ; size = Math.floor(size / 2)) {
    try {
      return await ask(size);
    } catch (error) {
      if (size <= 1 || !mayTry('smaller page', error)) throw error;
    }
  }
}

/** How often a request is made at most that fails in this way. */
export function attemptsOf({ code, retryable }: ExportError): number {
  return retryable ? (BY_CODE.get(code)?.attempts ?? Number.POSITIVE_INFINITY) : 1;
}
