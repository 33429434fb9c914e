import { openPseudonymAccess } from '../functions/adapters/pseudonyms/openPseudonymAccess.js';
import { openPseudonyms } from '../functions/adapters/pseudonyms/openPseudonyms.js';
import type { Configuration } from '../functions/deid/configuration/configuration.js';
import { needsPseudonyms } from '../functions/deid/configuration/keys.js';
import { JobPseudonyms } from '../functions/export/output/jobPseudonyms.js';
import { PROXY } from '../functions/settings/proxySettings.js';
import { PSEUDONYMS, pseudonymSettings } from '../functions/settings/pseudonymSettings.js';
import type { Environment } from '../functions/settings/setting.js';
import { STORAGE } from '../functions/settings/storageSettings.js';
import { UsageError } from './command.js';
import { settingsOf } from './config/environment.js';

/**
 * The pseudonyms of the service that the environment names, by the settings of the app; `undefined` where the rules need
 * none.
 * @throws UsageError where there is none, or its settings are wrong
 */
export function pseudonymsFor(
  configuration: Configuration,
  environment: Environment,
): JobPseudonyms | undefined {
  if (!needsPseudonyms(configuration)) return undefined;
  const pseudonyms = pseudonymSettings(settingsOf(PSEUDONYMS, environment));
  const isLocal = pseudonyms.service?.method === 'local';
  const settings = {
    pseudonyms,
    proxy: settingsOf(PROXY, environment),
    runtimeStorage: isLocal
      ? settingsOf({ runtimeStorage: STORAGE.runtimeStorage }, environment).runtimeStorage
      : { connectionString: '' },
  };
  const services = openPseudonyms(settings, openPseudonymAccess(settings));
  if (services === undefined)
    throw new UsageError('Rules pseudonymize, and no service is named: set PSEUDONYM_SERVICE.');
  return new JobPseudonyms(services.of('fhir-deid'));
}
