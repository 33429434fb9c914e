import type { ActivityDependencies, MainDependencies } from './activities/dependencies.js';
import { exportSlice } from './activities/exportSlice.js';
import { JobCache } from './activities/jobCache.js';
import type { SliceRunner } from './activities/sliceRunner.js';
import { SliceThreads } from './activities/sliceThreads.js';
import { ConfigurationBlobs } from './adapters/configurationBlobs.js';
import { ConfigurationImages } from './adapters/configurationImages.js';
import {
  openAuthorizationServer,
  openBulk,
  openSource,
  openSourceAccess,
} from './adapters/source/openSource.js';
import { shareSourceAccess, type SourceAccess } from './adapters/source/sourceAccess.js';
import { ExportFiles } from './adapters/storage/exportFiles.js';
import { JobStore } from './adapters/storage/jobStore.js';
import { SourceFiles } from './adapters/storage/sourceFiles.js';
import { openStorage } from './adapters/storage/storage.js';
import type { KeyResolver } from './deid/configuration/keys.js';
import { FhirModel } from './deid/model/fhirModel.js';
import { openAuthorization } from './http/authorization/openAuthorization.js';
import { ConfigurationCache } from './http/configurationCache.js';
import type { HttpDependencies } from './http/dependencies.js';
import type { Settings } from './settings/settings.js';

/**
 * Heap of a thread. V8 lets a heap grow by what it may grow to, which is by the memory of the machine; an export's
 * lives on a fraction of this.
 */
const MAX_THREAD_MEBIBYTES = 1024;
const BYTES_PER_MEBIBYTE = 1_048_576;

/** Builds all that the app needs of the outside world, on its main thread. */
export function composeApp(settings: Settings): { activities: MainDependencies; http: HttpDependencies } {
  const access = openSourceAccess(settings);
  const thread = composeThread(settings, access);
  const { jobs, files, bulkOf, sourceFiles, now, isResourceType } = thread;
  return {
    activities: { ...thread, slices: openSlices(settings, access, thread) },
    http: {
      settings,
      authorize: openAuthorization(settings.authorization, openAuthorizationServer(settings), isResourceType),
      jobs,
      files,
      bulkOf,
      sourceFiles,
      configurationBlobs: new ConfigurationBlobs(openStorage(settings.exportStorage), settings.exportStorage),
      configurationImages: new ConfigurationImages({ ...settings.registries, proxy: settings.proxy }),
      checkedConfigurations: new ConfigurationCache(
        settings.fhirVersion,
        settings.requireCoverage ? 'error' : 'warning',
      ),
      resolveSecret: secretsOf(settings),
      sourceOf: openSource({ ...settings, sourceMaxAttempts: 1 }, access),
      now,
      isResourceType,
    },
  };
}

/**
 * Builds what the activities of one thread need.
 * @param access what all threads share at the source
 */
export function composeThread(settings: Settings, access: SourceAccess): ActivityDependencies {
  const jobs = new JobStore(openStorage(settings.runtimeStorage));
  const model = FhirModel.of(settings.fhirVersion);
  const { mode } = settings.source;
  return {
    settings,
    jobs,
    files: new ExportFiles(openStorage(settings.exportStorage)),
    sourceOf: openSource(settings, access),
    bulkOf:
      mode.method === 'bulk' || mode.method === 'auto'
        ? openBulk(settings, mode.fileHosts, access)
        : undefined,
    sourceFiles:
      mode.method === 'files'
        ? new SourceFiles(mode, settings.sourceMaxPageMebibytes * BYTES_PER_MEBIBYTE)
        : undefined,
    cache: new JobCache(jobs, settings.fhirVersion, secretsOf(settings)),
    now: () => Date.now(),
    isResourceType: (name) => model.resource(name) !== undefined,
  };
}

/** What runs slices on a thread. */
export function slicesOf(thread: ActivityDependencies): SliceRunner {
  return { run: exportSlice(thread), forget: (jobId) => thread.cache.forget(jobId) };
}

function openSlices(settings: Settings, access: SourceAccess, main: ActivityDependencies): SliceRunner {
  if (settings.workerThreads === 0) return slicesOf(main);
  return new SliceThreads(new URL('./sliceThread.js', import.meta.url), settings.workerThreads, () => {
    const shared = shareSourceAccess(access);
    return {
      workerData: shared,
      transferList: [shared.port],
      resourceLimits: { maxOldGenerationSizeMb: MAX_THREAD_MEBIBYTES },
    };
  });
}

/** Looks up the keys that configurations only name, in the settings. */
function secretsOf({ secrets }: Settings): KeyResolver {
  return async (name) => secrets.get(name) ?? null;
}
