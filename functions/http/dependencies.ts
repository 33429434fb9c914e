import type { ConfigurationBlobs } from '../adapters/configurationBlobs.js';
import type { ConfigurationImages } from '../adapters/configurationImages.js';
import type { SourceOf } from '../adapters/source/openSource.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { KeyResolver } from '../deid/configuration/keys.js';
import type { Settings } from '../settings/settings.js';
import type { Authorize } from './authorization/authorize.js';
import type { ConfigurationCache } from './configurationCache.js';

/** What the HTTP functions need of the outside world, made once in the composition root. */
export interface HttpDependencies {
  settings: Settings;
  /** Tells who calls. */
  authorize: Authorize;
  jobs: JobStore;
  files: ExportFiles;
  configurationBlobs: ConfigurationBlobs;
  configurationImages: ConfigurationImages;
  /** Reads configurations, once for each text. */
  checkedConfigurations: ConfigurationCache;
  /** Looks up keys that a configuration only names. */
  resolveSecret: KeyResolver;
  /** The source, for what is asked at a kick-off: each request is tried once. */
  sourceOf: SourceOf;
  /** The clock of this machine, in milliseconds since the epoch. */
  now: () => number;
  isResourceType: (name: string) => boolean;
}
