import type { DurableFaults } from '../../local/host/durable/deliveryFaults.js';
import { createRandom, type Random } from '../../local/sample/random.js';
import type { Fault } from '../../local/source/faults.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type Asked, drawAsked, drawSetting, PLAIN_SETTING, type Setting } from './asked.js';
import type { Moment, StorageFault, StorageOperation } from './storageProxy.js';

/** When something happens: at a step of the app, seen from outside, or after a time. */
export type Occasion =
  { operation: StorageOperation; nth: number; moment: Moment } | { afterMilliseconds: number };

/** What storage does to requests by chance. */
export interface StorageFaults {
  chance: number;
  kinds: readonly StorageFault[];
  /** Only at these; all without. */
  operations?: readonly StorageOperation[];
}

/** What a run has to end as. */
export type Expectation =
  /** Whole, whatever happened. */
  | 'complete'
  /** Failed, with an OperationOutcome whose text says this. */
  | { fails: RegExp }
  /** One or the other, by chance; never complete with anything missing. */
  | { completeOr: RegExp }
  | 'cancelled';

/** One run: everything that goes wrong in it, drawn from its seed. */
export interface Scenario {
  seed: number;
  /** In a few words, for people. */
  name: string;
  kills: Occasion[];
  cancel: Occasion | undefined;
  asked: Asked;
  setting: Setting;
  source: Pick<SourceOptions, 'unsupported' | 'paging' | 'faults'>;
  /** When every next link given out so far expires. */
  expireLinks: Occasion | undefined;
  storage: StorageFaults | undefined;
  durable: DurableFaults;
  expectation: Expectation;
}

/** In which nothing goes wrong. */
export const PLAIN_SCENARIO: Scenario = {
  seed: 0,
  name: '',
  kills: [],
  cancel: undefined,
  asked: { level: 'system' },
  setting: PLAIN_SETTING,
  source: {},
  expireLinks: undefined,
  storage: undefined,
  durable: {},
  expectation: 'complete',
};

const STEPS: ReadonlyArray<readonly [StorageOperation, most: number]> = [
  ['create file', 40],
  ['append', 40],
  ['write slice', 40],
  ['write progress', 60],
  ['write partition', 20],
  ['write claims', 20],
  ['write plan', 1],
  ['write manifest', 2],
  ['write report', 1],
  ['write outcome', 1],
  ['list', 2],
  ['delete', 30],
];
const MOMENTS: readonly Moment[] = ['before', 'written', 'answered'];

/** Faults of the source that an export survives. */
const SOURCE_FAULTS: readonly Fault[] = [
  { kind: 'status', status: 429, retryAfterSeconds: 1, probability: 0.03 },
  { kind: 'status', status: 503, retryAfterSeconds: 1, retryAfterForm: 'date', probability: 0.03 },
  { kind: 'status', status: 429, probability: 0.05 },
  { kind: 'status', status: 503, probability: 0.05 },
  { kind: 'status', status: 500, probability: 0.03 },
  { kind: 'cut', probability: 0.05 },
  // It ends an attempt of a step at once. Drawn twice, it does so less often than a step is tried.
  { kind: 'invalidJson', probability: 0.02, times: 2 },
  { kind: 'html', probability: 0.03 },
  { kind: 'delay', milliseconds: 200, probability: 0.1 },
  { kind: 'delay', milliseconds: 2500, probability: 0.01 },
  { kind: 'duplicates', entries: 3, probability: 0.5 },
  { kind: 'shortPage', fraction: 0.4, probability: 0.3 },
  { kind: 'outcomeEntry', probability: 0.3 },
  { kind: 'includeEntry', includedType: 'Patient', probability: 0.3 },
  { kind: 'countLimit', max: 7, status: 413 },
];

const STORAGE_FAULTS: readonly StorageFault[] = [
  { written: false, status: 500 },
  { written: false, status: 503 },
  { written: false, status: 429 },
  { written: false, cut: true },
  { written: true, status: 500 },
  { written: true, status: 503 },
  { written: true, cut: true },
];

/** Faults that no export survives, each with what the outcome has to say. */
const DEADLY: ReadonlyArray<(random: Random) => Partial<Scenario> & { name: string }> = [
  () => ({
    name: 'the source denies a type that was asked for by name',
    asked: { level: 'system', types: ['Patient', 'Observation'] },
    source: { faults: [{ kind: 'status', status: 403, type: 'Observation' }] },
    expectation: { fails: /403.*Let it read/ },
  }),
  () => ({
    name: 'the source always gives a page of HTML',
    source: { faults: [{ kind: 'html', type: 'Encounter' }] },
    expectation: { fails: /not JSON.*Check that FHIR_SERVER_URL/ },
  }),
  () => ({
    name: 'the source is down for one type',
    source: { faults: [{ kind: 'status', status: 503, type: 'Encounter' }] },
    expectation: { fails: /503.*Try again/ },
  }),
  () => ({
    name: 'a next link that leads to another origin',
    source: { unsupported: ['_sort'], faults: [{ kind: 'foreignNext', origin: 'http://127.0.0.1:9' }] },
    expectation: { fails: /another server.*Set FHIR_SERVER_URL/ },
  }),
  () => ({
    name: 'a next link that loops',
    source: { unsupported: ['_sort'], faults: [{ kind: 'loopingNext', type: 'Observation' }] },
    expectation: { fails: /lead back to a page.*has to end its pages/ },
  }),
  (random) => ({
    name: 'the files cannot be written any more',
    storage: {
      chance: random.next() < 0.5 ? 1 : 0.7,
      kinds: [{ written: false, status: 403 }],
      operations: ['append'],
    },
    expectation: { fails: /403.*Storage Blob Data Contributor/ },
  }),
  () => ({
    name: 'someone else writes to the files',
    storage: { chance: 1, kinds: [{ written: false, status: 412 }], operations: ['append'] },
    expectation: { fails: /412.*changed or deleted by someone else/ },
  }),
];

/** Of searches; others say how any request is answered. */
const SEARCH_FAULTS: ReadonlySet<string> = new Set([
  ...['duplicates', 'shortPage', 'outcomeEntry', 'includeEntry', 'countLimit'],
]);
/** Of a random number of its own, so that what goes wrong in a run does not depend on it. */
const VARIETY = 7919;

/** The same run of another level, with other parameters, or of another kind of source, drawn from its seed, too. */
export function varied(scenario: Scenario): Scenario {
  const { seed, expectation, source, storage, expireLinks } = scenario;
  // What others have to fail of is said of searches at the system level.
  const isFixed = typeof expectation === 'object' || expireLinks !== undefined;
  const random = createRandom(seed * VARIETY + 1);
  if (isFixed || random.next() < 0.25) return scenario;
  const mode = random.pick(['search', 'search', 'bulk', 'files'] as const);
  const asked = drawAsked(random, mode);
  const setting = drawSetting(random, mode, asked.level);
  const name = `${scenario.name}, ${mode}, ${asked.level}`;
  const late: StorageFault = { lateMilliseconds: random.int(100, 4000) };
  const own = { name, asked, setting, storage: storage && { ...storage, kinds: [...storage.kinds, late] } };
  if (mode === 'search') return { ...scenario, ...own };
  const faults = (source.faults ?? []).filter(({ kind }) => !SEARCH_FAULTS.has(kind));
  return { ...scenario, ...own, source: { faults } };
}

/** Draws a run from its seed: every run can be repeated. */
export function drawScenario(seed: number): Scenario {
  const random = createRandom(seed);
  const plain: Scenario = { ...PLAIN_SCENARIO, seed, kills: [] };
  const family = random.next();
  if (family < 0.12) {
    const deadly = DEADLY[random.int(0, DEADLY.length - 1)]!(random);
    const kills = random.next() < 0.3 ? [drawOccasion(random)] : [];
    return { ...plain, ...deadly, kills };
  }
  if (family < 0.2) {
    const cancel = drawOccasion(random);
    const kills = random.next() < 0.4 ? [drawOccasion(random)] : [];
    return { ...plain, name: 'a cancel', cancel, kills, expectation: 'cancelled' };
  }
  if (family < 0.24) {
    return {
      ...plain,
      name: 'links that expire, of a source that does not sort',
      source: { unsupported: ['_sort'] },
      expireLinks: drawOccasion(random),
      expectation: { completeOr: /next link.*expired.*Let the source/ },
    };
  }
  const parts: string[] = [];
  const scenario = { ...plain };
  const kills = random.int(0, 3);
  for (let n = 0; n < kills; n++) scenario.kills.push(drawOccasion(random));
  if (kills > 0) parts.push(`${kills} kill(s)`);
  if (random.next() < 0.4) {
    const share = (): number => (random.next() < 0.5 ? 0.15 : 0);
    scenario.durable = {
      ...{ seed, lost: share(), together: share(), late: share() },
      lateMilliseconds: random.int(500, 4000),
    };
    parts.push('repeated deliveries');
  }
  if (random.next() < 0.15) {
    scenario.durable = { ...scenario.durable, diskBytes: random.int(5_000, 80_000) };
    parts.push('a full disk of the histories');
  }
  if (random.next() < 0.5) {
    scenario.source = { faults: Array.from({ length: random.int(1, 3) }, () => random.pick(SOURCE_FAULTS)) };
    parts.push('a faulty source');
  }
  const walk = random.next();
  if (walk < 0.15) {
    scenario.source = { ...scenario.source, unsupported: ['_sort'] };
    parts.push('which does not sort');
  } else if (walk < 0.25) {
    scenario.source = { ...scenario.source, paging: 'offset' };
  }
  if (random.next() < 0.4) {
    scenario.storage = {
      chance: 0.01 + random.next() * 0.02,
      kinds: Array.from({ length: random.int(1, 3) }, () => random.pick(STORAGE_FAULTS)),
    };
    parts.push('a faulty storage');
  }
  if (parts.length === 0) {
    scenario.kills.push(drawOccasion(random));
    parts.push('1 kill');
  }
  return { ...scenario, name: parts.join(', ') };
}

function drawOccasion(random: Random): Occasion {
  if (random.next() < 0.25) return { afterMilliseconds: random.int(10, 2500) };
  const [operation, most] = random.pick(STEPS);
  return { operation, nth: random.int(1, most), moment: random.pick(MOMENTS) };
}
