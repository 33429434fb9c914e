import type { BulkOf } from '../adapters/source/openSource.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { SourceFiles } from '../adapters/storage/sourceFiles.js';
import type { Source } from '../export/source/source.js';
import type { Settings } from '../settings/settings.js';
import type { ActivityLog } from './activity.js';
import type { CpuShares } from './cpuShares.js';
import type { JobCache } from './jobCache.js';
import type { SliceRunner } from './sliceRunner.js';

/** What activities need of the outside world, made once per thread in the composition root. */
export interface ActivityDependencies {
  settings: Settings;
  jobs: JobStore;
  files: ExportFiles;
  /** The source, for one job; failed requests are reported to `log`, all to `onRequest`. */
  sourceOf: (requester: string, log: ActivityLog, onRequest?: () => void) => Source;
  /** The files that are the source; `undefined`: it is a server that is searched. */
  sourceFiles: SourceFiles | undefined;
  /** The source's own bulk export, for one job; `undefined`: it is not read. */
  bulkOf: BulkOf | undefined;
  cache: JobCache;
  /** The clock of this machine, in milliseconds since the epoch. */
  now: () => number;
  /** The CPU time of this thread. */
  cpu: CpuShares;
  isResourceType: (name: string) => boolean;
}

/** What they need on the main thread. */
export interface MainDependencies extends ActivityDependencies {
  slices: SliceRunner;
}
