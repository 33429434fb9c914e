import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SourceBehaviour } from '../../local/source/behaviours.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { type Asked, type JobResource, keysOf, runJob, type RunJob } from '../levels/runJob.js';
import { startTestStack, type TestStack } from '../stack/harness.js';
import { CUT, writeCloseData } from './closeData.js';

let stack: TestStack;
let directory: string;
let source: RunningSource | undefined;

beforeAll(async () => {
  stack = await startTestStack({});
  directory = mkdtempSync(join(tmpdir(), 'fhir-servers-'));
  writeCloseData(directory);
});
afterAll(async () => {
  await stack.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});

const SMALL_PARTITIONS = { PARTITION_RESOURCES: '1000', PAGE_SIZE: '50' };

function exportOf(
  asked: Asked,
  behaviours: readonly SourceBehaviour[],
  options: Partial<SourceOptions> = {},
): Promise<RunJob> {
  return startSource({ directory, behaviours, maxCount: 50, ...options }).then((started) => {
    source = started;
    return runJob(stack, started.url, asked, SMALL_PARTITIONS);
  });
}

function all(isWanted: (resource: JobResource) => boolean = () => true): string[] {
  const resources = readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobResource),
  );
  return keysOf(resources.filter(isWanted));
}

type Level = 'system' | 'Patient' | 'Group' | 'chained';
/** `complete`, or what the error says. */
type Expected = Partial<Record<Level, RegExp>>;

const TABLE: ReadonlyArray<[behaviours: SourceBehaviour[], expected: Expected]> = [
  [[], {}],
  [['ge-skips-second'], {}],
  [['lt-skips-second'], {}],
  [['lt-skips-millisecond'], {}],
  [['references-not-listed'], {}],
  [['ids-not-listed'], {}],
  [['no-next-links'], {}],
  [['no-totals'], {}],
  [['no-next-links', 'no-totals'], {}],
  [['estimated-totals'], {}],
  [['counts-refused'], {}],
  [['forms-refused'], {}],
  [['gateway-links'], {}],
  [['relative-links'], {}],
  [['ties-fail'], {}],
  [['metadata-refused'], {}],
  [['ge-skips-second', 'gateway-links'], {}],
  [['references-not-listed', 'no-next-links'], {}],
];

describe.each(TABLE)('a source with %j', (behaviours, expected) => {
  it.each<Level>(['system', 'Patient', 'Group', 'chained'])('is exported completely: %s', async (level) => {
    const types = ['Patient', 'Observation', 'Condition'];
    const run = async (): Promise<[string[], string[]]> => {
      switch (level) {
        case 'system': {
          const { resources } = await exportOf({ level: { kind: 'system' }, types: [...types, 'Group', 'Organization'] }, behaviours);
          return [keysOf(resources), all()];
        }
        case 'Patient': {
          const { resources } = await exportOf({ level: { kind: 'patient' }, types }, behaviours);
          return [keysOf(resources), all(({ resourceType }) => types.includes(resourceType))];
        }
        case 'Group': {
          const { resources } = await exportOf({ level: { kind: 'group', groupId: 'group-0' }, types }, behaviours);
          return [keysOf(resources), all((resource) => types.includes(resource.resourceType) && isMember(resource))];
        }
        case 'chained': {
          const first = await exportOf({ level: { kind: 'system' }, types, until: CUT }, behaviours);
          await source?.close();
          const second = await exportOf({ level: { kind: 'system' }, types, since: first.manifest.transactionTime }, behaviours);
          return [keysOf([...first.resources, ...second.resources]), all(({ resourceType }) => types.includes(resourceType))];
        }
      }
    };
    const refusal = expected[level];
    if (refusal !== undefined) await expect(run()).rejects.toThrow(refusal);
    else {
      const [got, wanted] = await run();
      expect(difference(got, wanted)).toEqual({ missing: [], extra: [] });
    }
  });
});

function difference(got: readonly string[], wanted: readonly string[]): { missing: string[]; extra: string[] } {
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
