import type { ActivityDependencies } from './activities/dependencies.js';
import { EngineCache } from './activities/engineCache.js';
import { ExportFiles } from './adapters/storage/exportFiles.js';
import { JobStore } from './adapters/storage/jobStore.js';
import { openSource } from './adapters/source/openSource.js';
import type { SourceAccess } from './adapters/source/sourceAccess.js';
import { openStorage } from './adapters/storage/storage.js';
import type { KeyResolver } from './deid/configuration/keys.js';
import { FhirModel } from './deid/model/fhirModel.js';
import type { Settings } from './settings/settings.js';

/** Looks up the keys that configurations only name, in the settings. */
export function secretsOf({ secrets }: Settings): KeyResolver {
  return async (name) => secrets.get(name) ?? null;
}

/**
 * Builds from the settings what the activities need of the outside world: once per thread.
 * @param access what all threads share at the source
 */
export function makeActivityDependencies(settings: Settings, access: SourceAccess): ActivityDependencies {
  const jobs = new JobStore(openStorage(settings.runtimeStorage));
  const model = FhirModel.of(settings.fhirVersion);
  return {
    settings,
    jobs,
    files: new ExportFiles(openStorage(settings.exportStorage)),
    sourceOf: openSource(settings, access),
    engines: new EngineCache(jobs, settings.fhirVersion, secretsOf(settings)),
    now: () => Date.now(),
    isResourceType: (name) => model.resource(name) !== undefined,
  };
}
