import { fileURLToPath } from 'node:url';
import type { ActivityDependencies, MainDependencies } from './activities/dependencies.js';
import type { SliceRunner } from './activities/sliceRunner.js';
import { SliceThreads } from './activities/sliceThreads.js';
import { SparingSlices } from './activities/sparingSlices.js';
import { ConfigurationBlobs } from './adapters/configurationBlobs.js';
import { ConfigurationImages } from './adapters/configurationImages.js';
import { openSource, type SourceOf } from './adapters/source/openSource.js';
import { openAuthorizationServer, openSourceAccess } from './adapters/source/openSourceAccess.js';
import { CapabilitiesCache } from './adapters/source/capabilitiesCache.js';
import { openPseudonymAccess } from './adapters/pseudonyms/openPseudonymAccess.js';
import { openPseudonyms } from './adapters/pseudonyms/openPseudonyms.js';
import { shareSourceAccess } from './adapters/source/sourceAccess.js';
import { openStorage } from './adapters/storage/storage.js';
import { threadLimits } from './common/threadLimits.js';
import { type Capabilities, readCapabilitiesAnswer } from './export/source/capabilities.js';
import { openAuthorization } from './http/authorization/openAuthorization.js';
import { ConfigurationCache } from './http/configurationCache.js';
import type { RunDeIdentify } from './http/deIdentify/task.js';
import { deIdentifyThreads } from './http/deIdentify/threads.js';
import { DeIdentification } from './http/deIdentify/work.js';
import type { HttpDependencies } from './http/dependencies.js';
import type { ConfigurationReader } from './http/pinConfiguration.js';
import type { Settings } from './settings/settings.js';
import { type Access, composeThread, type RemoteAccess, secretsOf, slicesOf } from './threadComposition.js';

/**
 * Heap of a thread. V8 lets a heap grow by what it may grow to, which is by the memory of the machine; an export's
 * lives on a fraction of this.
 */
const MAX_THREAD_MEBIBYTES = 1024;
/** Of young objects. An export makes few that live on: more memory for them saves no time. */
const MAX_YOUNG_MEBIBYTES = 12;

/** Builds all that the app needs of the outside world, on its main thread. */
export function composeApp(settings: Settings): { activities: MainDependencies; http: HttpDependencies } {
  const access = { source: openSourceAccess(settings), pseudonyms: openPseudonymAccess(settings) };
  const thread = composeThread(settings, access);
  const { jobs, files, bulkOf, sourceFiles, now, isResourceType } = thread;
  const sourceOf = openSource({ ...settings, sourceMaxAttempts: 1 }, access.source);
  return {
    activities: { ...thread, slices: openSlices(settings, access, thread) },
    http: {
      authorize: openAuthorization(settings.authorization, openAuthorizationServer(settings), isResourceType),
      jobs,
      files,
      bulkOf,
      sourceFiles,
      ...configurationReader(settings),
      sourceOf,
      consoleFolder: fileURLToPath(new URL('../console/', import.meta.url)),
      capabilities: openCapabilities(settings, sourceOf, now),
      // A thread also where slices have none: what callers send may take long.
      runDeIdentify: deIdentifyThreads(
        new URL('./deIdentifyThread.js', import.meta.url),
        Math.max(1, settings.workerThreads.most),
      ),
      now,
      isResourceType,
    },
  };
}

/** What the source says of itself; files say nothing, nor does a server of which its own export alone is read. */
function openCapabilities(
  { source, fhirVersion }: Settings,
  sourceOf: SourceOf,
  now: () => number,
): CapabilitiesCache | undefined {
  const { method } = source.mode;
  if (method !== 'search' && method !== 'auto') return undefined;
  const read = async (): Promise<Capabilities> =>
    readCapabilitiesAnswer(await sourceOf('metadata', () => undefined).capabilities(), fhirVersion);
  return new CapabilitiesCache(read, now);
}

/** What does the work of `$de-identify`, on a thread of its own. */
export function composeDeIdentification(settings: Settings): RunDeIdentify {
  const work = new DeIdentification({
    ...configurationReader(settings),
    pseudonyms: openPseudonyms(settings, openPseudonymAccess(settings)),
    now: () => Date.now(),
  });
  return (task) => work.run(task);
}

function configurationReader(settings: Settings): ConfigurationReader {
  return {
    settings,
    configurationBlobs: new ConfigurationBlobs(openStorage(settings.exportStorage), settings.exportStorage),
    configurationImages: new ConfigurationImages({ ...settings.registries, proxy: settings.proxy }),
    checkedConfigurations: new ConfigurationCache(
      settings.fhirVersion,
      settings.requireCoverage ? 'error' : 'warning',
      settings.pseudonyms.service !== undefined,
    ),
    resolveSecret: secretsOf(settings),
  };
}

function openSlices(settings: Settings, access: Access, main: ActivityDependencies): SliceRunner {
  const { most, areSpared } = settings.workerThreads;
  const onMain = slicesOf(main);
  if (most === 0) return onMain;
  const threads = new SliceThreads(new URL('./sliceThread.js', import.meta.url), most, () => {
    const shared: RemoteAccess = {
      source: shareSourceAccess(access.source),
      pseudonyms: shareSourceAccess(access.pseudonyms),
    };
    return {
      workerData: shared,
      transferList: [shared.source.port, shared.pseudonyms.port],
      resourceLimits: threadLimits(MAX_THREAD_MEBIBYTES, MAX_YOUNG_MEBIBYTES),
    };
  });
  return areSpared ? new SparingSlices(onMain, threads, main.jobs) : threads;
}
