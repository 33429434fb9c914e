import type { ActivityDependencies } from './activities/dependencies.js';
import { CpuShares } from './activities/cpuShares.js';
import { exportGroup } from './activities/exportGroup.js';
import { exportSlice } from './activities/exportSlice.js';
import { JobCache } from './activities/jobCache.js';
import type { SliceRunner } from './activities/sliceRunner.js';
import { openPseudonyms } from './adapters/pseudonyms/openPseudonyms.js';
import { openBulk, openSource } from './adapters/source/openSource.js';
import {
  type RemoteSourceAccess,
  remoteSourceAccess,
  type SourceAccess,
} from './adapters/source/sourceAccess.js';
import { ExportFiles } from './adapters/storage/exportFiles.js';
import { JobStore } from './adapters/storage/jobStore.js';
import { SourceFiles } from './adapters/storage/sourceFiles.js';
import { openStorage } from './adapters/storage/storage.js';
import { threadCpuSeconds } from './adapters/threadCpu.js';
import type { KeyResolver } from './deid/configuration/keys.js';
import { FhirModel } from './deid/model/fhirModel.js';
import type { Settings } from './settings/settings.js';

// What a thread of slices needs, apart from what only the main thread does: each thread keeps all that it imports.

const BYTES_PER_MEBIBYTE = 1_048_576;

/** What all threads of this process share at the servers that they ask. */
export interface Access {
  readonly source: SourceAccess;
  readonly pseudonyms: SourceAccess;
}

/** What a thread is given of it. */
export interface RemoteAccess {
  readonly source: RemoteSourceAccess;
  readonly pseudonyms: RemoteSourceAccess;
}

/** The access of a thread to which another one gives it. */
export function remoteAccess({ source, pseudonyms }: RemoteAccess): Access {
  return { source: remoteSourceAccess(source), pseudonyms: remoteSourceAccess(pseudonyms) };
}

/**
 * Builds what the activities of one thread need.
 * @param access what all threads share at the servers that they ask
 */
export function composeThread(settings: Settings, access: Access): ActivityDependencies {
  const jobs = new JobStore(openStorage(settings.runtimeStorage));
  const model = FhirModel.of(settings.fhirVersion);
  const { mode } = settings.source;
  return {
    settings,
    jobs,
    files: new ExportFiles(openStorage(settings.exportStorage)),
    sourceOf: openSource(settings, access.source),
    bulkOf:
      mode.method === 'bulk' || mode.method === 'auto'
        ? openBulk(settings, mode.fileHosts, access.source)
        : undefined,
    sourceFiles:
      mode.method === 'files'
        ? new SourceFiles(mode, settings.sourceMaxPageMebibytes * BYTES_PER_MEBIBYTE)
        : undefined,
    cache: new JobCache(jobs, settings, secretsOf(settings), openPseudonyms(settings, access.pseudonyms)),
    now: () => Date.now(),
    cpu: new CpuShares(threadCpuSeconds),
    isResourceType: (name) => model.resource(name) !== undefined,
  };
}

/** What runs slices on a thread. */
export function slicesOf(thread: ActivityDependencies): SliceRunner {
  return {
    run: exportSlice(thread),
    runGroup: exportGroup(thread),
    forget: (jobId) => thread.cache.forget(jobId),
  };
}

/** Looks up the keys that configurations only name, in the settings. */
export function secretsOf({ secrets }: Settings): KeyResolver {
  return async (name) => secrets.get(name) ?? null;
}
