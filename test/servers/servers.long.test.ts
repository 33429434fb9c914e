import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SEARCH_BEHAVIOURS, type SourceBehaviour } from '../../local/source/behaviours.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { type Asked, type JobResource, keysOf, runJob, type RunJob } from '../stack/runJob.js';
import { startTestStorage, type TestStorage } from '../stack/harness.js';
import { CUT, TIED, writeCloseData } from './closeData.js';

let stack: TestStorage;
let source: RunningSource | undefined;
const directories = { few: '', many: '' };

beforeAll(async () => {
  stack = await startTestStorage();
  for (const tied of ['few', 'many'] as const) {
    directories[tied] = mkdtempSync(join(tmpdir(), 'fhir-servers-'));
    writeCloseData(directories[tied], TIED[tied]);
  }
});
afterAll(async () => {
  await stack.end();
  for (const directory of Object.values(directories)) rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});

const SMALL_PARTITIONS = { PARTITION_RESOURCES: '1000', PAGE_SIZE: '50' };

type Tied = keyof typeof TIED;

async function exportOf(tied: Tied, asked: Asked, behaviours: readonly SourceBehaviour[]): Promise<RunJob> {
  source = await startSource({ directory: directories[tied], behaviours, maxCount: 50 });
  return runJob(stack, source.url, asked, SMALL_PARTITIONS);
}

/** What the source has, by the data itself. */
function all(tied: Tied, isWanted: (resource: JobResource) => boolean = () => true): string[] {
  const directory = directories[tied];
  const resources = readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobResource),
  );
  return keysOf(resources.filter(isWanted));
}

type Level = 'system' | 'Patient' | 'Group' | 'chained';

const TYPES = ['Patient', 'Observation', 'Condition'];
const isAsked = ({ resourceType }: JobResource): boolean => TYPES.includes(resourceType);

/** Exports at a level, or twice in a chain, and compares with what the source has. */
async function compare(level: Level, tied: Tied, behaviours: readonly SourceBehaviour[]): Promise<object> {
  const run = async (asked: Asked): Promise<RunJob> => {
    const done = await exportOf(tied, { types: TYPES, ...asked }, behaviours);
    await source?.close();
    source = undefined;
    return done;
  };
  switch (level) {
    case 'system': {
      const { resources } = await run({
        level: { kind: 'system' },
        types: [...TYPES, 'Group', 'Organization'],
      });
      return difference(keysOf(resources), all(tied));
    }
    case 'Patient': {
      const { resources } = await run({ level: { kind: 'patient' } });
      return difference(keysOf(resources), all(tied, isAsked));
    }
    case 'Group': {
      const { resources } = await run({ level: { kind: 'group', groupId: 'group-0' } });
      return difference(
        keysOf(resources),
        all(tied, (resource) => isAsked(resource) && isMember(resource)),
      );
    }
    case 'chained': {
      const first = await run({ level: { kind: 'system' }, until: CUT });
      const second = await run({ level: { kind: 'system' }, since: first.manifest.transactionTime });
      return difference(keysOf([...first.resources, ...second.resources]), all(tied, isAsked));
    }
  }
}

const LEVELS = ['system', 'Patient', 'Group', 'chained'] as const;
const COMPLETE = { missing: [], extra: [] };

/** Several at once: what one of them breaks, the others must not hide. */
const PAIRS: SourceBehaviour[][] = [
  ['ge-skips-second', 'gateway-links'],
  ['references-not-listed', 'no-next-links'],
  ['no-next-links', 'no-totals'],
  ['lt-skips-second', 'no-totals', 'ids-not-listed'],
];

/** Behaviours of which files of their own have the tests. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'patient-required',
  'patient-required-403',
  'times-hidden',
  'type-refused',
  'provenance-refused',
] satisfies SourceBehaviour[]);
const ALONE = Object.keys(SEARCH_BEHAVIOURS).filter((name) => !ELSEWHERE.has(name));

describe.each([[], ...ALONE.map((name) => [name]), ...PAIRS] as SourceBehaviour[][])(
  'a source with the behaviours %j %j %j',
  (...behaviours) => {
    it.each(LEVELS)('is exported completely: %s', async (level) => {
      expect(await compare(level, 'few', behaviours.filter(Boolean))).toEqual(COMPLETE);
    });
  },
);

/** More resources of one instant than a page holds: complete, or refused by these words. */
const TIES: ReadonlyArray<[behaviour: SourceBehaviour, refusal?: RegExp]> = [
  ['ge-skips-second', /good to the second only/],
  ['lt-skips-second'],
  ['lt-skips-millisecond'],
  ['no-next-links', /counts more .* than its pages hold/],
  ['no-totals'],
  ['estimated-totals'],
  ['counts-refused'],
  ['gateway-links'],
  ['relative-links'],
  ['ties-fail'],
];

describe.each(TIES)(
  'a source with %s and more resources of an instant than a page holds',
  (behaviour, refusal) => {
    it(refusal === undefined ? 'is exported completely' : `is refused: ${refusal.source}`, async () => {
      const comparison = compare('system', 'many', [behaviour]);
      if (refusal === undefined) expect(await comparison).toEqual(COMPLETE);
      else await expect(comparison).rejects.toThrow(refusal);
    });
  },
);

function difference(
  got: readonly string[],
  wanted: readonly string[],
): { missing: string[]; extra: string[] } {
  const left = [...wanted];
  const extra = got.filter((key) => {
    const at = left.indexOf(key);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return { missing: left, extra };
}

function isMember({ id, resourceType, subject }: JobResource): boolean {
  const reference = (subject as { reference?: string } | undefined)?.reference ?? `${resourceType}/${id}`;
  return Number(/^Patient\/patient-(\d+)$/.exec(reference)?.[1] ?? Number.NaN) < 20;
}
