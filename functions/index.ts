import { app } from '@azure/functions';
import { registerActivities } from './activities/activities.js';
import { optimizeLater } from './common/lateOptimization.js';
import { limitThreadsApart } from './common/threadLimits.js';
import { composeApp } from './composition.js';
import { defaultConfigurationProblem } from './http/defaultConfiguration.js';
import { watchResponses } from './http/responseConnections.js';
import { registerRoutes } from './http/routes.js';
import { registerCleanUp } from './jobs/cleanUp.js';
import { registerOrchestrators } from './orchestrators/orchestrators.js';
import { settingsWarnings } from './settings/crossChecks.js';
import { misspelledSettings } from './settings/misspelled.js';
import { readSettings, SettingsError } from './settings/settings.js';

// The main module of the app: settings are read once, everything is built from them, and every function is registered.
optimizeLater();
limitThreadsApart();
const settings = readSettings(process.env);
for (const warning of [
  ...misspelledSettings(process.env),
  ...settingsWarnings(settings.corsOrigins, settings.authorization.authentication),
]) {
  console.warn(warning);
}
const { activities, http } = composeApp(settings);
const problem = await defaultConfigurationProblem(http);
if (problem !== undefined) throw new SettingsError([problem]);

app.setup({ enableHttpStream: true });
watchResponses();
registerRoutes(http);
registerCleanUp(http);
registerOrchestrators();
registerActivities(activities);
