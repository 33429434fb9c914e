import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { activity } from './activities/activity.js';
import { claimPartition } from './activities/claimPartition.js';
import { completePartition } from './activities/completePartition.js';
import { exportSlice, type ExportSliceInput } from './activities/exportSlice.js';
import { finishExport } from './activities/finishExport.js';
import { planExport } from './activities/planExport.js';
import type { SliceRunner } from './activities/sliceRunner.js';
import { stopExport } from './activities/stopExport.js';
import { ConfigurationBlobs } from './adapters/configurationBlobs.js';
import { ConfigurationImages } from './adapters/configurationImages.js';
import { openAuthorizationServer, openSource, openSourceAccess } from './adapters/source/openSource.js';
import { SliceThreads } from './adapters/sliceThreads.js';
import { shareSourceAccess } from './adapters/source/sourceAccess.js';
import { openStorage } from './adapters/storage/storage.js';
import { makeActivityDependencies, secretsOf } from './dependencies.js';
import { openAuthorization } from './http/authorization/openAuthorization.js';
import { ConfigurationCache } from './http/configurationCache.js';
import { defaultConfigurationProblem } from './http/defaultConfiguration.js';
import type { HttpDependencies } from './http/dependencies.js';
import { watchResponses } from './http/responseConnections.js';
import { registerRoutes } from './http/routes.js';
import { exportJob } from './orchestrators/exportJob.js';
import { exportWorker } from './orchestrators/exportWorker.js';
import { exportPartition } from './orchestrators/exportPartition.js';
import { settingsWarnings } from './settings/crossChecks.js';
import { readSettings, SettingsError } from './settings/settings.js';
import { registerCleanUp } from './jobs/cleanUp.js';

// The composition root: settings are read once, everything is built from them, and every function is registered.
const settings = readSettings(process.env);
for (const warning of settingsWarnings(settings.corsOrigins, settings.authorization.authentication)) {
  console.warn(warning);
}
const access = openSourceAccess(settings);
const dependencies = makeActivityDependencies(settings, access);
const { jobs, files, now, isResourceType } = dependencies;
/**
 * Heap of a thread. V8 lets a heap grow by what it may grow to, which is by the memory of the machine; an export's
 * lives on a fraction of this.
 */
const MOST_THREAD_MEBIBYTES = 1024;
const slices: SliceRunner =
  settings.workerThreads === 0
    ? { run: exportSlice(dependencies), forget: (jobId) => dependencies.engines.forget(jobId) }
    : new SliceThreads(new URL('./sliceThread.js', import.meta.url), settings.workerThreads, () => {
        const shared = shareSourceAccess(access);
        return {
          workerData: shared,
          transferList: [shared.port],
          resourceLimits: { maxOldGenerationSizeMb: MOST_THREAD_MEBIBYTES },
        };
      });

const http: HttpDependencies = {
  settings,
  authorize: openAuthorization(settings.authorization, openAuthorizationServer(settings), isResourceType),
  jobs,
  files,
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
};
const problem = await defaultConfigurationProblem(http);
if (problem !== undefined) throw new SettingsError([problem]);

app.setup({ enableHttpStream: true });
watchResponses();
registerRoutes(http);
registerCleanUp({ settings, jobs, files, now });

df.app.orchestration('exportJob', exportJob);
df.app.orchestration('exportWorker', exportWorker);
df.app.orchestration('exportPartition', exportPartition);

df.app.activity('planExport', { handler: activity(planExport(dependencies)) });
df.app.activity('claimPartition', { handler: activity(claimPartition(dependencies)) });
df.app.activity('exportSlice', {
  handler: activity((input: ExportSliceInput, log) => slices.run(input, log)),
});
df.app.activity('completePartition', { handler: activity(completePartition(dependencies)) });
df.app.activity('stopExport', { handler: activity(stopExport(dependencies)) });
df.app.activity('finishExport', { handler: activity(finishExport({ settings, jobs, files, now, slices })) });
