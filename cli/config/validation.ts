import { configurationText } from '../../functions/adapters/configurationText.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { ConfigurationIssue } from '../../functions/deid/reading/issues.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { secretSetting } from '../../functions/settings/schema.js';
import { resolveKeys } from '../../functions/deid/configuration/keys.js';
import type { Environment } from '../../functions/settings/setting.js';

/**
 * Everything the kick-off would say of a configuration. Keys that it only names are looked for in the settings
 * here; that one is missing is a warning, since the app has settings of its own.
 * @throws ExportError where it is no text at all
 */
export async function validate(
  bytes: Uint8Array,
  fhirVersion: FhirVersion,
  environment: Environment,
): Promise<ConfigurationIssue[]> {
  const { configuration, issues } = readConfiguration(configurationText(bytes), {
    fhirVersion,
    coverage: 'warning',
  });
  if (configuration === undefined) return issues;
  const missing: ConfigurationIssue[] = [];
  const keys = await resolveKeys(configuration, async (name) => {
    const setting = secretSetting(name);
    const text = environment[setting];
    if (text !== undefined) return text;
    missing.push({
      severity: 'warning',
      path: 'parameters',
      message: `The app needs the setting ${setting}`,
    });
    return null;
  });
  return [...issues, ...missing, ...(missing.length === 0 ? keys.issues : [])];
}
