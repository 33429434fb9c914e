import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { Source } from '../export/source/source.js';
import type { Settings } from '../settings/settings.js';
import type { ActivityLog } from './activity.js';
import type { EngineCache } from './engineCache.js';

/** What the activities need of the outside world, made once in the composition root. */
export interface ActivityDependencies {
  settings: Settings;
  jobs: JobStore;
  files: ExportFiles;
  /** The source, for one job; failed requests are told to `log`. */
  sourceOf: (requester: string, log: ActivityLog) => Source;
  engines: EngineCache;
  /** The clock of this machine, in milliseconds since the epoch. */
  now: () => number;
  isResourceType: (name: string) => boolean;
}
