import type { ActivityDependencies } from '../activities/dependencies.js';
import type { ConfigurationBlobs } from '../adapters/configurationBlobs.js';
import type { ConfigurationImages } from '../adapters/configurationImages.js';
import type { CapabilitiesCache } from '../adapters/source/capabilitiesCache.js';
import type { SourceOf } from '../adapters/source/openSource.js';
import type { KeyResolver } from '../deid/configuration/keys.js';
import type { Authorize } from './authorization/authorize.js';
import type { ConfigurationCache } from './configurationCache.js';
import type { RunDeIdentify } from './deIdentify/task.js';

/** What the HTTP functions need of the outside world, made once in the composition root. */
export interface HttpDependencies extends Pick<
  ActivityDependencies,
  'settings' | 'jobs' | 'files' | 'bulkOf' | 'sourceFiles' | 'now' | 'isResourceType'
> {
  /** Returns who calls. */
  authorize: Authorize;
  configurationBlobs: ConfigurationBlobs;
  configurationImages: ConfigurationImages;
  /** Reads configurations, once for each text. */
  checkedConfigurations: ConfigurationCache;
  /** Looks up keys that a configuration only names. */
  resolveSecret: KeyResolver;
  /** The source, for what is asked at a kick-off: each request is tried once. */
  sourceOf: SourceOf;
  /** What the source says of itself, for `/metadata`; absent where it is not asked. */
  capabilities: CapabilitiesCache | undefined;
  runDeIdentify: RunDeIdentify;
  /** Folder of the built console. */
  consoleFolder: string;
}
