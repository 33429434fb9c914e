import type { TypeProgress } from '../../functions/export/output/progress.js';
import type { BulkKickOff } from '../../functions/export/plan/bulkKickOffs.js';
import { jobIdOf } from './appServer.js';
import { isObject, plain } from './words.js';

/** An export as it is listed. */
export interface ListedJob {
  readonly id: string;
  readonly state: 'running' | 'completed' | 'failed' | 'unknown';
  readonly level: string;
  /** Absent: all types, or not known. */
  readonly types?: readonly string[];
  readonly configuration?: string;
  readonly configurationDigest?: string;
  readonly isDeidentified?: boolean;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly expiresAt?: string;
  readonly counts?: Readonly<Record<string, number>>;
}

const STATES = ['running', 'completed', 'failed'] as const;

/** A page of the app's list of exports. What is not as it should be is left out. */
export function readList(list: Record<string, unknown>): { jobs: ListedJob[]; cursor?: string } {
  const entries = Array.isArray(list['exports']) ? (list['exports'] as unknown[]) : [];
  const jobs = entries.flatMap((entry) => {
    const job = isObject(entry) ? readListed(entry) : undefined;
    return job === undefined ? [] : [job];
  });
  const next = nextOf(list);
  const cursor = next === undefined ? undefined : new URL(next, 'http://host').searchParams.get('cursor');
  return { jobs, ...(typeof cursor === 'string' ? { cursor } : {}) };
}

function readListed(entry: Record<string, unknown>): ListedJob | undefined {
  const id = jobIdOf(entry['url']);
  if (id === undefined) return undefined;
  const { types, counts, deidentified } = entry;
  return {
    id,
    state: STATES.find((state) => state === entry['state']) ?? 'unknown',
    level: textOf(entry['level']) ?? '',
    ...(Array.isArray(types) ? { types: types.flatMap((type) => textOf(type) ?? []) } : {}),
    ...texts(entry, ['configuration', 'configurationDigest', 'startedAt', 'finishedAt', 'expiresAt']),
    ...(typeof deidentified === 'boolean' ? { isDeidentified: deidentified } : {}),
    ...(isObject(counts) ? { counts: numbersOf(counts) } : {}),
  };
}

/** The URL of the next page; `undefined`: there is none. */
export function nextOf({ link }: Record<string, unknown>): string | undefined {
  const links = Array.isArray(link) ? (link as unknown[]).filter(isObject) : [];
  const url = links.find(({ relation }) => relation === 'next')?.['url'];
  return typeof url === 'string' && URL.canParse(url, 'http://host') ? url : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? plain(value, 500) : undefined;
}

function texts<Name extends string>(
  entry: Record<string, unknown>,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  return Object.fromEntries(
    names.flatMap((name) => (textOf(entry[name]) === undefined ? [] : [[name, textOf(entry[name])]])),
  ) as Partial<Record<Name, string>>;
}

function numbersOf(counts: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])),
  );
}

/** How far each type is, of the body of a running job's status; empty where it has none. */
export function readProgress(body: Record<string, unknown> | undefined): TypeProgress[] {
  const rows = Array.isArray(body?.['progress']) ? (body['progress'] as unknown[]) : [];
  return rows.filter(isObject).flatMap(({ type, resources, total, isDone }) => {
    const name = textOf(type);
    if (name === undefined || !isCount(resources)) return [];
    return [{ type: name, resources, isDone: isDone === true, ...(isCount(total) ? { total } : {}) }];
  });
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** What `X-Progress` begins with, in percent; `undefined` without. */
export function percentOf(progress: string): number | undefined {
  const percent = /^(\d{1,3})\s?%/.exec(progress)?.[1];
  return percent === undefined ? undefined : Math.min(100, Number(percent));
}

/** How many resources were read at a moment, in milliseconds. */
export interface Sample {
  readonly at: number;
  readonly resources: number;
}

/** Samples that a rate is of: the latest. */
const MAX_SAMPLES = 6;

export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples, sample].slice(-MAX_SAMPLES);
}

/** Resources in a second over the latest samples; `undefined` where they do not show it. */
export function rateOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at <= first.at) return undefined;
  return Math.max(0, (last.resources - first.resources) / ((last.at - first.at) / 1000));
}

/** What the form asks for. */
export interface ExportForm {
  readonly level: 'system' | 'patient' | 'group';
  readonly groupId: string;
  /** Separated by commas or blanks. */
  readonly types: string;
  /** One a line. */
  readonly filters: string;
  readonly since: string;
  readonly until: string;
  readonly container: string;
  readonly configuration: string;
  /** Version of the configuration that is meant; empty: the one that there is. */
  readonly etag: string;
  readonly collection: string;
}

export const EMPTY_FORM: ExportForm = {
  level: 'system',
  groupId: '',
  types: '',
  filters: '',
  since: '',
  until: '',
  container: '',
  configuration: '',
  etag: '',
  collection: '',
};

export function typesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((type) => type !== ''))];
}

/** The kick-off of a form: parameters in the body, each value by itself. */
export function kickOffOf(form: ExportForm): BulkKickOff {
  const lines = form.filters.split('\n').map((line) => line.trim());
  const single: Array<[string, string]> = [
    ['_since', form.since.trim()],
    ['_until', form.until.trim()],
    ['_container', form.container.trim()],
    ['_anonymizationConfig', form.configuration.trim()],
    ['_anonymizationConfigEtag', form.etag],
    ['_anonymizationConfigCollectionReference', form.collection.trim()],
  ];
  return {
    level: form.level === 'group' ? { kind: 'group', groupId: form.groupId.trim() } : { kind: form.level },
    method: 'POST',
    parameters: [
      ...typesIn(form.types).map((type): [string, string] => ['_type', type]),
      ...lines.filter((line) => line !== '').map((line): [string, string] => ['_typeFilter', line]),
      ...single.filter(([, value]) => value !== ''),
    ],
  };
}
