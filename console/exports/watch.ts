import type { TypeProgress } from '../../functions/export/output/progress.js';
import type { Answer } from './appServer.js';
import { percentOf, rateOf, readProgress, type Sample, withSample } from './jobs.js';
import { objectOf, plain, refusalWords, wordsOf } from './words.js';

/** What is known of an export that is watched. */
export interface JobWatch {
  readonly phase: 'running' | 'complete' | 'failed' | 'gone' | 'refused';
  /** What `X-Progress` says. */
  readonly progress: string;
  readonly percent?: number;
  readonly types: readonly TypeProgress[];
  /** Resources in a second by type; that of all under the empty name. */
  readonly rates: ReadonlyMap<string, number>;
  /** Why it ended without data, or why the app does not answer. */
  readonly words: readonly string[];
}

/** Where an answer names no time. */
const DEFAULT_SECONDS = 5;
const MAX_SECONDS = 300;
const TRANSIENT: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

/** The samples of each type, and of all under the empty name. */
type Samples = Map<string, readonly Sample[]>;

/**
 * Asks for the status of an export until it has ended, when the app says, and never sooner.
 * @param report takes what is known, and the answer it is from
 * @returns what ends it
 */
export function watchJob(
  ask: () => Promise<Answer>,
  report: (watch: JobWatch, answer: Answer | undefined) => void,
): () => void {
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: JobWatch = { phase: 'running', progress: '', types: [], rates: new Map(), words: [] };
  const samples: Samples = new Map();
  const look = async (): Promise<void> => {
    const answer = await ask();
    if (isOver) return;
    last = readStatus(answer, last, samples, Date.now());
    report(last, answer);
    if (last.phase === 'running') timer = setTimeout(() => void look(), secondsToWait(answer) * 1000);
  };
  void look();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** Seconds until the app may be asked again. */
export function secondsToWait(answer: Pick<Answer, 'header'>): number {
  const given = Number(answer.header('retry-after') ?? '');
  return Number.isFinite(given) && given > 0 ? Math.min(MAX_SECONDS, given) : DEFAULT_SECONDS;
}

/**
 * What an answer to a status request says.
 * @param last what was known before, which stays where an answer is passing
 * @param samples is changed
 * @param now milliseconds since the epoch
 */
export function readStatus(answer: Answer, last: JobWatch, samples: Samples, now: number): JobWatch {
  const { status, text } = answer;
  if (status === 200) return { ...last, phase: 'complete', words: [] };
  if (status === 202) return running(answer, samples, now);
  if (status === 404) return { ...last, phase: 'gone', words: refusalWords('The export', status, text) };
  if (status === 401) return { ...last, phase: 'refused', words: refusalWords('The status', status, text) };
  if (TRANSIENT.has(status) || wordsOf(text).length === 0)
    return { ...last, words: [...refusalWords('The status', status, text), 'It is asked for again.'] };
  return { ...last, phase: 'failed', words: wordsOf(text) };
}

function running(answer: Answer, samples: Samples, now: number): JobWatch {
  const progress = plain(answer.header('x-progress') ?? '', 200);
  const percent = percentOf(progress);
  const types = readProgress(objectOf(answer.text));
  const all = types.reduce((sum, { resources }) => sum + resources, 0);
  const rows = types.length === 0 ? [] : [...types, { type: '', resources: all }];
  const rates = new Map<string, number>();
  for (const { type, resources } of rows) {
    const own = withSample(samples.get(type) ?? [], { at: now, resources });
    samples.set(type, own);
    const rate = rateOf(own);
    if (rate !== undefined) rates.set(type, rate);
  }
  return {
    phase: 'running',
    progress,
    ...(percent === undefined ? {} : { percent }),
    types,
    rates,
    words: [],
  };
}
