import type { Environment } from '../../functions/settings/setting.js';
import { readSettings, type Settings, SettingsError } from '../../functions/settings/settings.js';
import { UsageError } from '../command.js';

/** Settings about callers, which there are none of. */
const NO_CALLERS = { AUTHENTICATION: 'function-keys', DE_IDENTIFY: 'off' };

/**
 * The settings of the app, for what is asked of the servers that they name.
 * @param unused settings that the app must have and this does not need, where they are not set
 * @throws UsageError where they do not do
 */
export function appSettings(environment: Environment, unused: Environment): Settings {
  try {
    return readSettings({ ...unused, ...environment, ...NO_CALLERS });
  } catch (error) {
    if (error instanceof SettingsError) throw new UsageError(error.message);
    throw error;
  }
}
