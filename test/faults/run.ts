import type { ContainerClient } from '@azure/storage-blob';
import { FILES_BESIDE } from '../stack/filesBeside.js';
import type { Manifest } from '../../cli/export/exportClient.js';
import { outputNameEnd } from '../../functions/export/output/outputName.js';
import { createRandom } from '../../local/sample/random.js';
import type { Asked, SampleData } from './asked.js';
import { checkComplete, type Expected, namesBelow, stateNames, Violation } from './checker.js';
import { CONFIGURATION_NAME, type FaultStack } from './faultStack.js';
import type { Occasion, Scenario } from './scenario.js';
import type { StorageFault, StorageRequest, StorageWatch } from './storageProxy.js';

/** How a run ended, once it broke no promise. */
export type RunEnd = 'complete' | 'failed' | 'cancelled';

/** Longer than the retries of everything take together, on a busy machine, too; then a job counts as one that never ends. */
const LONGEST_RUN_MS = 400_000;
/** What the end of a job leaves to the clean-up is gone after so long. */
const LONGEST_TIDY_MS = 120_000;
const POLL_MS = 60;

/**
 * One export under the faults of a scenario, and what has to be true after it.
 * @throws Violation where a promise was broken
 */
export async function runScenario(
  stack: FaultStack,
  scenario: Scenario,
  sample: SampleData,
): Promise<RunEnd> {
  const container = `faults-${scenario.seed}`;
  const { asked, setting } = scenario;
  const expected = { ids: sample.idsOf(asked), isOrganized: asked.isOrganized === true };
  await stack.begin({ ...scenario.source, faultSeed: scenario.seed }, scenario.durable, setting);
  const faults = new Faults(stack, scenario);
  stack.proxy.watch = faults;
  try {
    const statusUrl = await kickOff(stack, container, asked, sample.groupId);
    const jobId = statusUrl.slice(statusUrl.lastIndexOf('/') + 1);
    const end = await faults.during(statusUrl);
    // What follows looks at what is there: nothing goes wrong any more.
    stack.proxy.reset();
    await checkEnd(stack, scenario, end, expected, container, jobId);
    await checkEnd(stack, scenario, await settled(statusUrl), expected, container, jobId);
    return end.kind;
  } finally {
    faults.stop();
    stack.proxy.reset();
    await stack.exports.getContainerClient(container).deleteIfExists();
  }
}

type Ending =
  { kind: 'complete'; manifest: Manifest } | { kind: 'failed'; text: string } | { kind: 'cancelled' };

async function checkEnd(
  stack: FaultStack,
  { expectation }: Scenario,
  end: Ending,
  expected: Expected,
  containerName: string,
  jobId: string,
): Promise<void> {
  const container = stack.exports.getContainerClient(containerName);
  if (end.kind === 'complete') {
    if (expectation !== 'complete' && !(typeof expectation === 'object' && 'completeOr' in expectation)) {
      throw new Violation('The export is called complete, which cannot be.');
    }
    const folder = await folderOf(container, jobId);
    await checkComplete(end.manifest, expected, container, folder);
    const kept = end.manifest.output.length + FILES_BESIDE;
    await untilTidy(stack, 'files that no manifest names', async () => {
      return (await namesBelow(container, folder)).length - kept;
    });
  } else {
    const words =
      end.kind === 'failed' && typeof expectation === 'object'
        ? 'fails' in expectation
          ? expectation.fails
          : expectation.completeOr
        : undefined;
    if (end.kind === 'cancelled' ? expectation !== 'cancelled' : words?.test(end.text) !== true) {
      throw new Violation(`The export ${end.kind}${'text' in end ? `: ${end.text}` : ''}`);
    }
    await untilTidy(stack, 'files of a job that is not complete', async () => {
      return (await namesBelow(container, '')).filter((name) => name.includes(outputNameEnd(jobId))).length;
    });
  }
  await untilTidy(stack, 'keys and cursors of a job that has ended', async () => {
    const names = await stateNames(stack.runtime, jobId);
    return names.filter((name) =>
      /^(secret|configuration\.json|claims|slices|partitions|progress)/.test(name),
    ).length;
  });
}

/** Waits until nothing is left that is to go; the timer of the clean-up is given its turn. */
async function untilTidy(stack: FaultStack, what: string, count: () => Promise<number>): Promise<void> {
  const until = Date.now() + LONGEST_TIDY_MS;
  for (let n = 0; ; n++) {
    const left = await count();
    if (left === 0) return;
    if (left < 0) throw new Violation('A file of a complete export is gone.');
    if (Date.now() > until) throw new Violation(`${left} ${what} stay.`);
    if (n % 10 === 0) await stack.cleanUp();
    await sleep(200);
  }
}

async function folderOf(container: ContainerClient, jobId: string): Promise<string> {
  const name = (await namesBelow(container, '')).find((one) => one.includes(`-${outputNameEnd(jobId)}/`));
  if (name === undefined) throw new Violation('A complete export has no files.');
  return name.slice(0, name.indexOf('/') + 1);
}

/** Asks until the export is accepted: a client repeats what was answered with 5xx, or not at all. */
async function kickOff(
  stack: FaultStack,
  container: string,
  { level, types, since, typeFilters, elements, isOrganized }: Asked,
  groupId: string,
): Promise<string> {
  const query = new URLSearchParams({
    _container: container,
    _anonymizationConfig: CONFIGURATION_NAME,
    ...(types === undefined ? {} : { _type: types.join(',') }),
    ...(since === undefined ? {} : { _since: since }),
    ...(typeFilters === undefined ? {} : { _typeFilter: typeFilters.join(',') }),
    ...(elements === undefined ? {} : { _elements: elements }),
    ...(isOrganized === true ? { organizeOutputBy: 'Patient' } : {}),
  }).toString();
  const path = { system: '', patient: 'Patient/', group: `Group/${groupId}/` }[level];
  const until = Date.now() + LONGEST_RUN_MS;
  while (Date.now() < until) {
    const answer = await ask(`${stack.baseUrl}/${path}$export?${query}`, 'GET');
    if (answer?.status === 202 && answer.location !== null) return answer.location;
    if (answer !== undefined && answer.status < 500) {
      throw new Violation(`The kick-off was refused (${answer.status}): ${answer.text}`);
    }
    await sleep(POLL_MS);
  }
  throw new Violation('The kick-off is never accepted.');
}

/** How the job ended, or that it never does. */
async function settled(statusUrl: string): Promise<Ending> {
  const until = Date.now() + LONGEST_RUN_MS;
  while (Date.now() < until) {
    const ending = endingOf(await ask(statusUrl, 'GET'));
    if (ending !== undefined) return ending;
    await sleep(POLL_MS);
  }
  throw new Violation('The job never ends.');
}

interface Answer {
  status: number;
  location: string | null;
  text: string;
}

/**
 * The way a job ended, as its status says; `undefined` while it runs, where it is asked for too often, and where
 * the app or storage is down.
 */
function endingOf(answer: Answer | undefined): Ending | undefined {
  if (answer === undefined || [202, 429].includes(answer.status)) return undefined;
  if (answer.status === 200) return { kind: 'complete', manifest: JSON.parse(answer.text) as Manifest };
  if (answer.status === 404) return { kind: 'cancelled' };
  const { words, isTransient } = diagnosticsOf(answer);
  // The status could not be read just now, which is not the end of the job.
  return isTransient ? undefined : { kind: 'failed', text: words };
}

/** What an error answer says. @throws Violation where it is no OperationOutcome, or one without words */
function diagnosticsOf({ status, text }: Answer): { words: string; isTransient: boolean } {
  try {
    const outcome = JSON.parse(text) as {
      resourceType: string;
      issue: Array<{ code: string; diagnostics?: string }>;
    };
    const words = outcome.issue.map(({ diagnostics = '' }) => diagnostics).join(' ');
    const isTransient = outcome.issue.some(({ code }) => code === 'transient');
    if (outcome.resourceType === 'OperationOutcome' && words !== '') return { words, isTransient };
  } catch {
    // Reported below.
  }
  throw new Violation(`A status of ${status} comes without an OperationOutcome that says more: ${text}`);
}

/** `undefined` where the app is down. */
async function ask(url: string, method: 'GET' | 'DELETE'): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
      signal: AbortSignal.timeout(60_000),
    });
    const { status } = response;
    const text = await response.text();
    // The host answers so while it comes up.
    if (status === 503 && text === '') return undefined;
    return { status, location: response.headers.get('content-location'), text };
  } catch {
    return undefined;
  }
}

/** Makes happen what a scenario says, by what passes the proxy. */
class Faults implements StorageWatch {
  readonly #scenario: Scenario;
  readonly #random;
  readonly #seen = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #waiting: Array<{ occasion: Occasion & { operation: string }; act: () => void }> = [];
  #cancelNow = false;

  constructor(stack: FaultStack, scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = createRandom(scenario.seed + 1);
    for (const kill of scenario.kills) this.#at(kill, () => stack.kill());
    if (scenario.cancel !== undefined) this.#at(scenario.cancel, () => (this.#cancelNow = true));
    if (scenario.expireLinks !== undefined) {
      this.#at(scenario.expireLinks, () => stack.source.expireCursors());
    }
  }

  fault(request: StorageRequest): StorageFault | undefined {
    const { storage } = this.#scenario;
    if (storage === undefined || storage.operations?.includes(request.operation) === false) return undefined;
    if (this.#random.next() >= storage.chance) return undefined;
    return this.#random.pick(storage.kinds);
  }

  passes({ operation }: StorageRequest, moment: string): void {
    const key = `${operation} ${moment}`;
    const count = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, count);
    for (const { occasion, act } of this.#waiting) {
      if ('moment' in occasion && occasion.operation === operation && occasion.moment === moment) {
        if (occasion.nth === count) act();
      }
    }
  }

  /** Watches the job to its end; cancels it when the scenario says so, at its end at the latest. */
  async during(statusUrl: string): Promise<Ending> {
    const until = Date.now() + LONGEST_RUN_MS;
    while (Date.now() < until) {
      const ending = endingOf(await ask(statusUrl, 'GET'));
      if (this.#scenario.cancel === undefined) {
        if (ending !== undefined) return ending;
      } else if (this.#cancelNow || ending !== undefined) {
        if (ending?.kind === 'cancelled') return ending;
        const answer = await ask(statusUrl, 'DELETE');
        // Whoever repeats a cancel whose answer was lost learns that there is no such job.
        if (answer !== undefined && [202, 404].includes(answer.status)) return settled(statusUrl);
      }
      await sleep(POLL_MS);
    }
    throw new Violation('The job never ends.');
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting.length = 0;
  }

  #at(occasion: Occasion, act: () => void): void {
    if ('operation' in occasion) this.#waiting.push({ occasion, act });
    else this.#timers.push(setTimeout(act, occasion.afterMilliseconds));
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
