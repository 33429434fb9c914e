import { isConfigurationName } from '../export/request/configurationName.js';
import type { AuthorizationSettings } from './authorizationSettings.js';
import { type OciReference, readOciReference } from '../export/request/ociReference.js';

/** Where the URLs of a manifest lead: to the app's own download route, or straight to the blobs, with a SAS. */
export type DownloadLinks = 'app' | 'sas';

/** Reads `DOWNLOAD_LINKS`. */
export function parseDownloadLinks(text: string): { value: DownloadLinks } | { problem: string } {
  const value = (['app', 'sas'] as const).find((known) => known === text.toLowerCase());
  return value === undefined ? { problem: 'must be app or sas' } : { value };
}

/** Reads `CORS_ORIGINS`: `*`, or origins as browsers send them. */
export function parseCorsOrigins(text: string): { value: ReadonlySet<string> } | { problem: string } {
  const origins = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return origins.every(isOrigin)
    ? { value: new Set(origins) }
    : {
        problem:
          'must be origins separated by commas, in lower case and without path or closing slash, e.g. https://app.example.org; or *',
      };
}

/**
 * What is usable, but hardly as it was meant: for the log at the start. A preflight has no header of its own, so the
 * host answers one without `code` in its URL before the app sees it.
 */
export function settingsWarnings(
  origins: ReadonlySet<string>,
  authentication: AuthorizationSettings['authentication'],
): string[] {
  return origins.size === 0 || authentication.way !== 'function-keys'
    ? []
    : [
        'Warning: CORS_ORIGINS is set with AUTHENTICATION=function-keys. A browser sends no x-functions-key with its preflight, so a host that checks keys answers 401 and the page cannot read anything, unless the key is in the URL (code), where it must not be. Set AUTHENTICATION to entra or smart for web pages, or leave CORS_ORIGINS empty.',
      ];
}

/** Reads `DEFAULT_ANONYMIZATION_CONFIG`. */
export function parseDefaultConfiguration(text: string): { value: string | undefined } | { problem: string } {
  if (text === '') return { value: undefined };
  return isConfigurationName(text)
    ? { value: text }
    : { problem: 'must be the name of a configuration file, such as hipaa-safe-harbor-r4.json' };
}

/** Reads `DEFAULT_ANONYMIZATION_CONFIG_REFERENCE`. */
export function parseDefaultReference(
  text: string,
): { value: OciReference | undefined } | { problem: string } {
  if (text === '') return { value: undefined };
  const read = readOciReference(text);
  return 'reference' in read ? { value: read.reference } : { problem: read.problem };
}

function isOrigin(text: string): boolean {
  return text === '*' || (/^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text);
}
