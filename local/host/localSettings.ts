import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostSettingsError } from './hostJson.js';

/**
 * Puts `Values` of local.settings.json in `scriptRoot`, where there is one, into `environment`. What is set
 * there already stays, as with Core Tools.
 *
 * @throws HostSettingsError when the file is not JSON.
 */
export function applyLocalSettings(scriptRoot: string, environment: NodeJS.ProcessEnv): void {
  const file = join(scriptRoot, 'local.settings.json');
  if (!existsSync(file)) return;
  let values: unknown;
  try {
    const json: { Values?: unknown } = JSON.parse(readFileSync(file, 'utf8'));
    values = json.Values;
  } catch {
    // The parser's message would quote the file, which may hold secrets.
    throw new HostSettingsError(`${file} is not valid JSON.`);
  }
  for (const [name, value] of Object.entries(values ?? {})) environment[name] ??= String(value);
}
