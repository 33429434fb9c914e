import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { activity } from './activities/activity.js';
import { claimPartition } from './activities/claimPartition.js';
import { completePartition } from './activities/completePartition.js';
import type { ActivityDependencies } from './activities/dependencies.js';
import { EngineCache } from './activities/engineCache.js';
import { exportSlice } from './activities/exportSlice.js';
import { finishExport } from './activities/finishExport.js';
import { planExport } from './activities/planExport.js';
import { stopExport } from './activities/stopExport.js';
import { ConfigurationBlobs } from './adapters/configurationBlobs.js';
import { ConfigurationImages } from './adapters/configurationImages.js';
import { ExportFiles } from './adapters/exportFiles.js';
import { JobStore } from './adapters/jobStore.js';
import { openSource } from './adapters/openSource.js';
import { openStorage } from './adapters/storage.js';
import { FhirModel } from './deid/model/fhirModel.js';
import { registerRoutes } from './http/routes.js';
import { exportJob } from './orchestrators/exportJob.js';
import { exportLane } from './orchestrators/exportLane.js';
import { exportPartition } from './orchestrators/exportPartition.js';
import { readSettings } from './settings.js';
import { registerCleanUp } from './timers/cleanUp.js';

// The composition root: settings are read once, everything is built from them, and every function is registered.
const settings = readSettings(process.env);
const exportAccount = openStorage(settings.exportStorage);
const jobs = new JobStore(openStorage(settings.runtimeStorage));
const files = new ExportFiles(exportAccount);
const model = FhirModel.of(settings.fhirVersion);
const isResourceType = (name: string): boolean => model.resource(name) !== undefined;
const resolveSecret = async (name: string): Promise<string | null> => settings.secrets.get(name) ?? null;
const now = (): number => Date.now();

const dependencies: ActivityDependencies = {
  settings,
  jobs,
  files,
  sourceOf: openSource(settings),
  engines: new EngineCache(jobs, settings.fhirVersion, resolveSecret),
  now,
  isResourceType,
};

app.setup({ enableHttpStream: true });
registerRoutes({
  settings,
  jobs,
  files,
  configurationBlobs: new ConfigurationBlobs(exportAccount, settings.exportStorage),
  configurationImages: new ConfigurationImages({ ...settings.registries, proxy: settings.proxy }),
  resolveSecret,
  now,
  isResourceType,
});
registerCleanUp({ settings, jobs, files, now });

df.app.orchestration('exportJob', exportJob);
df.app.orchestration('exportLane', exportLane);
df.app.orchestration('exportPartition', exportPartition);

df.app.activity('planExport', { handler: activity(planExport(dependencies)) });
df.app.activity('claimPartition', { handler: activity(claimPartition(dependencies)) });
df.app.activity('exportSlice', { handler: activity(exportSlice(dependencies)) });
df.app.activity('completePartition', { handler: activity(completePartition(dependencies)) });
df.app.activity('stopExport', { handler: activity(stopExport(dependencies)) });
df.app.activity('finishExport', { handler: activity(finishExport(dependencies)) });
