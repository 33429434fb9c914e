import { readFile } from 'node:fs/promises';
import { configurationText } from '../functions/adapters/configurationText.js';
import type { Configuration } from '../functions/deid/configuration/configuration.js';
import { issueText, type ConfigurationIssue } from '../functions/deid/reading/issues.js';
import { resolveKeys } from '../functions/deid/configuration/keys.js';
import type { Coverage } from '../functions/deid/coverage/coverage.js';
import { readConfiguration, type ReadOptions, versionsOfText } from '../functions/deid/readConfiguration.js';
import { FHIR_VERSIONS, type FhirVersion } from '../functions/fhir/fhirVersion.js';
import { secretSetting } from '../functions/settings/schema.js';
import type { Environment } from '../functions/settings/setting.js';
import { type Given, UsageError } from './command.js';
import { fileFault } from './fileFault.js';

/** A configuration that was read without an error. */
interface ConfigurationFile {
  readonly bytes: Buffer;
  readonly text: string;
  readonly fhirVersion: FhirVersion;
  readonly configuration: Configuration;
  /** Where coverage was asked for. */
  readonly coverage: Coverage | undefined;
}

/**
 * Reads a configuration and prints its issues. Its FHIR version is that of `--fhir-version`, or of the configuration
 * (of a list, the app's, or the first), or of the app's setting FHIR_VERSION, or R4.
 * @throws UsageError where the file cannot be read, or the configuration has errors
 */
export async function readConfigurationFile(
  path: string,
  { values, environment }: Given,
  options: Omit<ReadOptions, 'fhirVersion'>,
): Promise<ConfigurationFile> {
  const bytes = await readBytes(path);
  const text = textOf(bytes, path);
  const own = versionsOfText(text);
  const ofApp = knownVersion('FHIR_VERSION', environment['FHIR_VERSION']);
  const fhirVersion =
    knownVersion('--fhir-version', values['fhir-version']) ??
    (ofApp !== undefined && own.includes(ofApp) ? ofApp : own[0]) ??
    ofApp ??
    'R4';
  const { configuration, coverage, issues } = readConfiguration(text, { ...options, fhirVersion });
  for (const issue of issues) printIssue(issue);
  if (configuration === undefined) {
    const errors = issues.filter(({ severity }) => severity === 'error').length;
    throw new UsageError(
      `The configuration has ${errors === 1 ? 'an error' : `${errors} errors`}, and no export takes it.`,
    );
  }
  return { bytes, text, fhirVersion, configuration, coverage };
}

/**
 * Puts in the keys that a configuration only names, from the settings that the app reads them from.
 * @returns the names of keys that are not set; the configuration where there are none
 * @throws UsageError where a key does not fit
 */
export async function withKeys(
  configuration: Configuration,
  environment: Environment,
): Promise<{ configuration: Configuration; missing: readonly string[] }> {
  const missing: string[] = [];
  const { configuration: whole, issues } = await resolveKeys(configuration, async (name) => {
    const key = environment[secretSetting(name)];
    if (key === undefined) missing.push(name);
    return key ?? null;
  });
  if (whole !== undefined) return { configuration: whole, missing };
  const others = issues.filter(({ message }) => !message.endsWith(' was not found'));
  for (const issue of others) printIssue(issue);
  if (others.length > 0) throw new UsageError('A key of the configuration does not fit.');
  return { configuration, missing };
}

/** What to do about keys that are not set. */
export function missingKeys(names: readonly string[], environment: Environment): string {
  const settings = names.map(secretSetting).join(', ');
  const former = names.filter((name) => environment[name] !== undefined);
  const moved =
    former.length === 0
      ? ''
      : `. ${former.join(', ')} ${former.length === 1 ? 'is' : 'are'} set, and no longer read for this: the name of a setting begins with ${secretSetting('')}`;
  return `${settings} ${names.length === 1 ? 'is' : 'are'} not set${moved}`;
}

export function printIssue(issue: ConfigurationIssue): void {
  console.error(`${issue.severity}: ${issueText(issue)}`);
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`The configuration ${path} cannot be read (${fileFault(error)}).`);
  }
}

/** @throws UsageError in the words of a kick-off, about the file instead of its parameter */
function textOf(bytes: Buffer, path: string): string {
  try {
    return configurationText(bytes);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    throw new UsageError(
      message.replace('_anonymizationConfig: the configuration', `The configuration ${path}`),
    );
  }
}

/** A FHIR version as an option or a setting gives it. @throws UsageError for any other text */
export function knownVersion(name: string, text: string | undefined): FhirVersion | undefined {
  if (text === undefined || text === '') return undefined;
  const version = FHIR_VERSIONS.find((known) => known === text.toUpperCase());
  if (version === undefined) throw new UsageError(`${name} must be one of ${FHIR_VERSIONS.join(', ')}.`);
  return version;
}
