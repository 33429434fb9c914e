import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../local/sample/random.js';
import type { SourceOptions } from '../../local/source/settings.js';

/** Where an export reads from. */
export type SourceMode = 'search' | 'bulk' | 'files';

/** What a run asks for. */
export interface Asked {
  level: 'system' | 'patient' | 'group';
  types?: readonly string[];
  since?: string;
  typeFilters?: readonly TypeFilter[];
  elements?: string;
  /** Whether files are written patient by patient. */
  isOrganized?: boolean;
}

/** What a run reads from and how the app is set up for it. */
export interface Setting {
  mode: SourceMode;
  /** Whether what is read is compressed. */
  isPacked: boolean;
  source: Pick<SourceOptions, 'behaviours' | 'bulk'>;
  environment: Readonly<Record<string, string>>;
}

export const PLAIN_SETTING: Setting = { mode: 'search', isPacked: false, source: {}, environment: {} };

interface Resource {
  [name: string]: unknown;
  resourceType: string;
  id: string;
  meta: { lastUpdated: string };
}

/** Filters of the sample's data; some overlap. */
const TYPE_FILTERS = {
  'Observation?category=laboratory': ({ category }) => JSON.stringify(category).includes('"laboratory"'),
  'Observation?status=final': ({ status }) => status === 'final',
  'Encounter?class=EMER': ({ class: kind }) => JSON.stringify(kind).includes('"EMER"'),
  'Encounter?status=finished': ({ status }) => status === 'finished',
} satisfies Record<string, (resource: Resource) => boolean>;
type TypeFilter = keyof typeof TYPE_FILTERS;

/** In the middle of the sample's times; for a group, after all of its members have joined. */
const SINCE = {
  system: '2021-06-01T00:00:00Z',
  patient: '2021-06-01T00:00:00Z',
  group: '2023-03-01T00:00:00Z',
};
const ASKED_TYPES = ['Patient', 'Observation', 'Encounter'];

/** Draws what an export is of, beside what goes wrong in it. */
export function drawAsked(random: Random, mode: SourceMode): Asked {
  const level = random.pick(['system', 'system', 'patient', 'group'] as const);
  const isOrganized = mode === 'search' && level !== 'system' && random.next() < 0.25;
  return {
    level,
    ...(random.next() < 0.25 ? { types: ASKED_TYPES } : {}),
    ...(random.next() < 0.25 ? { since: SINCE[level] } : {}),
    ...(mode !== 'files' && random.next() < 0.25
      ? { typeFilters: (Object.keys(TYPE_FILTERS) as TypeFilter[]).slice(random.int(0, 3)) }
      : {}),
    ...(random.next() < 0.25 ? { elements: 'Observation.code' } : {}),
    ...(isOrganized ? { isOrganized } : {}),
  };
}

/** Behaviours of the source's own export that an export survives. */
const BULK_BEHAVIOURS = [
  ...([
    'export-no-ranges',
    'export-forced-gzip',
    'export-pages',
    'export-partial',
    'export-mixed-order',
  ] as const),
  ...(['export-empty-files', 'export-no-etag', 'export-repeated-lines', 'export-duplicate-lines'] as const),
  ...(['export-older-lines', 'export-no-counts', 'export-relative-files'] as const),
];

/** Draws what an export reads from. */
export function drawSetting(random: Random, mode: SourceMode, level: Asked['level']): Setting {
  const environment = random.pick([
    {},
    { WORKER_THREADS: 'auto' },
    { WORKER_THREADS: '0', SLICE_MAX_PAGES: '1' },
    { WORKER_THREADS: '2', PARALLEL_PARTITIONS: '5' },
    { WORKER_THREADS: '2', SLICE_MAX_PAGES: '4', PARALLEL_PARTITIONS: '1' },
  ]);
  const isPacked = random.next() < 0.3;
  if (mode === 'bulk') {
    const behaviours = random.next() < 0.6 ? [random.pick(BULK_BEHAVIOURS)] : [];
    const bulk = { linesPerFile: random.int(5, 60), retryAfterSeconds: 1 };
    return { mode, isPacked, source: { behaviours, bulk }, environment };
  }
  if (mode === 'files') return { mode, isPacked, source: {}, environment };
  const kind = random.next();
  // What is not counted may be much, so it is read by all workers.
  if (kind < 0.4)
    return { mode, isPacked, source: { behaviours: ['counts-refused', 'no-totals'] }, environment };
  if (kind < 0.6 && level === 'group')
    return { mode, isPacked, source: { behaviours: ['patient-required'] }, environment };
  return { mode, isPacked, source: {}, environment };
}

/** The sample's data, read without any part of the app. */
export class SampleData {
  readonly #byType: ReadonlyMap<string, readonly Resource[]>;

  constructor(directory: string) {
    this.#byType = new Map(
      readdirSync(directory).map((file) => [
        file.replace('.ndjson', ''),
        readFileSync(join(directory, file), 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Resource),
      ]),
    );
  }

  /** Id of a Group of which all say when they joined. */
  get groupId(): string {
    const group = (this.#byType.get('Group') ?? []).find(
      ({ member }) => !(member as Array<{ period?: object }>).some(({ period }) => period === undefined),
    );
    if (group === undefined) throw new Error('The sample has no Group whose members say when they joined.');
    return group.id;
  }

  /** The ids that an export has to have, by type. */
  idsOf(asked: Asked): Map<string, string[]> {
    const patients = asked.level === 'group' ? patientsOf(this.#group()) : this.#ids('Patient');
    const ids = new Map<string, string[]>();
    for (const [type, resources] of this.#byType) {
      if (asked.types?.includes(type) === false) continue;
      const filters = (asked.typeFilters ?? []).filter((filter) => filter.startsWith(`${type}?`));
      const wanted = resources.filter((resource) => {
        const own = type === 'Patient' ? [resource.id] : patientsOf(resource);
        const isOf = asked.level === 'system' || (own.length > 0 && own.every((id) => patients.includes(id)));
        const isChanged = asked.since === undefined || resource.meta.lastUpdated >= asked.since;
        const isFiltered = filters.length === 0 || filters.some((filter) => TYPE_FILTERS[filter](resource));
        return isOf && isChanged && isFiltered;
      });
      if (wanted.length > 0) ids.set(type, wanted.map(({ id }) => id).sort());
    }
    return ids;
  }

  #group(): Resource {
    const group = (this.#byType.get('Group') ?? []).find(({ id }) => id === this.groupId);
    return group as Resource;
  }

  #ids(type: string): string[] {
    return (this.#byType.get(type) ?? []).map(({ id }) => id);
  }
}

function patientsOf(resource: Resource): string[] {
  const found = JSON.stringify(resource).matchAll(/"reference":"Patient\/([^"]+)"/g);
  return [...new Set([...found].map(([, id]) => id ?? ''))];
}
