import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNotApproved } from './authorization/permitConfiguration.js';
import { type ConfigurationReader, pinConfiguration } from './pinConfiguration.js';

/** The host waits for the app; what cannot be read until then is checked by each kick-off that uses it. */
const MAX_MS = 10_000;

/**
 * What keeps the default configuration from being used as such, for the start of the app: it can be read and does not
 * count as de-identification. `undefined`: nothing, or it is not known yet, since it cannot be read or is wrong, which
 * every kick-off that uses it answers.
 */
export async function defaultConfigurationProblem(reader: ConfigurationReader): Promise<string | undefined> {
  const { defaultConfiguration, approval } = reader.settings;
  if (defaultConfiguration === undefined) return undefined;
  // Not as the default one, whose refusal is an answer to a request.
  const requested = { ...defaultConfiguration, etag: undefined, isDefault: false };
  const pinned = await Promise.race([
    pinConfiguration(reader, requested, randomBytes(32)).catch(() => undefined),
    sleep(MAX_MS, undefined, { ref: false }),
  ]);
  if (pinned === undefined || pinned.described.approval !== undefined) return undefined;
  return `DEFAULT_ANONYMIZATION_CONFIG: ${whyNotApproved(pinned.described, approval.rule)}`;
}
