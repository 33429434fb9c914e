import type { Alteration } from './bulk/alterations.js';

/** When a fault happens. Without any of these it happens at every request it can happen to. */
interface FaultOccasion {
  /** Only at requests for this resource type, or files of it. */
  type?: string;
  /** Only at this step of an export by the source's own `$export`; `redirect`: a request for a file that leads to another one. */
  at?: 'kickOff' | 'status' | 'redirect' | 'file';
  /** Chance per request, 0 to 1, drawn from the source's fault seed. */
  probability?: number;
  /** At the nth, 2nth, 3nth … request that the fault can happen to. */
  every?: number;
  /** At most so many times. */
  times?: number;
}

/** How a request is answered wrongly as a whole. */
type AnswerFault =
  /** An OperationOutcome with this status; `retryAfterSeconds` as seconds or as an HTTP date. */
  | { kind: 'status'; status: number; retryAfterSeconds?: number; retryAfterForm?: 'seconds' | 'date' }
  /** Half of the body, or some of a file, then the connection ends. */
  | { kind: 'cut' }
  /** The answer comes so much later. */
  | { kind: 'delay'; milliseconds: number }
  /** A login page with status 200. */
  | { kind: 'html' }
  /** 401, and from now on for every request with this token. */
  | { kind: 'tokenExpires' }
  /** A body that ends too early, though its length is right. */
  | { kind: 'invalidJson' };

/** How a page of a search is wrong, or unusual. */
type PageFault =
  /** Fewer resources than `_count` asks for (this part of them, at least one), though more follow. */
  | { kind: 'shortPage'; fraction: number }
  /** No resource at all, though more follow. */
  | { kind: 'emptyPage' }
  /** A `_count` above `max` is answered with this status. */
  | { kind: 'countLimit'; max: number; status: 400 | 413 | 500 }
  /** A search with a value of more characters than `most` is answered with this status. */
  | { kind: 'longValue'; most: number; status: 400 | 413 | 414 }
  /** These search parameters have no effect, though the self link names them. */
  | { kind: 'ignored'; parameters: readonly string[] }
  /** The next link leads to another origin. */
  | { kind: 'foreignNext'; origin: string }
  /** The next link leads to this very page. */
  | { kind: 'loopingNext' }
  /** The page's first resources come twice. */
  | { kind: 'duplicates'; entries: number }
  /** An entry that is an OperationOutcome about the search. */
  | { kind: 'outcomeEntry' }
  /** An entry that is a resource of another type, as an include is. */
  | { kind: 'includeEntry'; includedType: string };

/** What goes wrong with an export by the source's own `$export`. */
type ExportFault =
  /** At a kick-off: the job ends with 500. */
  | { kind: 'jobFails' }
  /** At the status: the manifest has these members instead of its own; `null` takes one away. */
  | { kind: 'manifestMembers'; members: Readonly<Record<string, unknown>> }
  /** At a file: all files of the job answer this from now on, and its status 404. */
  | { kind: 'filesExpire'; status: 404 | 410 }
  /** At a file: it has another ETag from now on. */
  | { kind: 'fileChanges' }
  /** At a file, where the client accepts gzip: the compressed body ends too early. */
  | { kind: 'truncatedGzip' }
  /** At a file: it is altered, with the ETag that it has without. */
  | { kind: 'alteredFile'; alteration: Alteration };

export type Fault = FaultOccasion & (AnswerFault | PageFault | ExportFault);

/** Decides at each request which faults happen. */
export interface FaultPlan {
  /**
   * Faults of this request, in the order of the settings; `type` is the resource type asked for, `at` the step of an
   * export.
   */
  next(type: string | undefined, at?: FaultOccasion['at']): readonly Fault[];
  /** From 0 to 1. */
  draw(): number;
}

/** A plan that gives the same faults for the same seed and the same sequence of requests. */
export function createFaultPlan(faults: readonly Fault[], seed: number): FaultPlan {
  const states = faults.map((fault) => ({ fault, seen: 0, happened: 0 }));
  let random = seed >>> 0;
  const draw = () => {
    random = (random + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(random ^ (random >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  return {
    draw,
    next(type, at) {
      const now: Fault[] = [];
      for (const state of states) {
        const { fault } = state;
        if (fault.type !== undefined && fault.type !== type) continue;
        if (fault.at !== undefined && fault.at !== at) continue;
        state.seen++;
        if (fault.every !== undefined && state.seen % fault.every !== 0) continue;
        if (fault.probability !== undefined && draw() >= fault.probability) continue;
        if (fault.times !== undefined && state.happened >= fault.times) continue;
        state.happened++;
        now.push(fault);
      }
      return now;
    },
  };
}

const KINDS: Record<Fault['kind'], true> = {
  status: true,
  cut: true,
  delay: true,
  html: true,
  invalidJson: true,
  shortPage: true,
  emptyPage: true,
  countLimit: true,
  longValue: true,
  ignored: true,
  foreignNext: true,
  loopingNext: true,
  duplicates: true,
  outcomeEntry: true,
  includeEntry: true,
  tokenExpires: true,
  jobFails: true,
  manifestMembers: true,
  filesExpire: true,
  fileChanges: true,
  truncatedGzip: true,
  alteredFile: true,
};

/** Reads faults written as a JSON array. @throws Error naming the setting, and the entry that is none */
export function parseFaults(text: string): Fault[] {
  const values = arrayOf(text);
  if (values === undefined) throw new Error('SOURCE_FAULTS must be a JSON array');
  return values.map((value, index) => {
    if (isFault(value)) return value;
    throw new Error(`SOURCE_FAULTS: fault ${index} has no kind out of ${Object.keys(KINDS).join(', ')}`);
  });
}

function arrayOf(text: string): unknown[] | undefined {
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values : undefined;
  } catch {
    return undefined;
  }
}

function isFault(value: unknown): value is Fault {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && Object.hasOwn(KINDS, String(value.kind))
  );
}

/** The first fault of a kind, if it happens. */
export function faultOf<K extends Fault['kind']>(
  faults: readonly Fault[],
  kind: K,
): Extract<Fault, { kind: K }> | undefined {
  return faults.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind);
}
