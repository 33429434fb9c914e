import type { ApprovalPolicy } from '../export/request/approval.js';
import type { OciReference } from '../export/request/ociReference.js';
import { approvalPolicy, type AuthorizationSettings } from './authorizationSettings.js';
import { CROSS_CHECKS, servesLoopback } from './crossChecks.js';
import { pseudonymSettings, type PseudonymSettings } from './pseudonymSettings.js';
import type { RegistrySettings } from './registrySettings.js';
import { SCHEMA } from './schema.js';
import { type Environment, readValues, type Setting, type Values } from './setting.js';
import { sourceSettings, type SourceSettings } from './sourceSettings.js';

type Given = Values<typeof SCHEMA>;

/** Every setting of the app, validated. Units are in the names. */
export interface Settings extends Omit<
  Given,
  'source' | 'pseudonyms' | 'authorization' | 'approval' | 'registries' | 'defaultConfiguration'
> {
  readonly source: SourceSettings;
  readonly pseudonyms: PseudonymSettings;
  readonly authorization: AuthorizationSettings;
  /** Which configurations count as de-identification. */
  readonly approval: ApprovalPolicy;
  readonly registries: RegistrySettings;
  /** The configuration of a kick-off that names none: a blob, or a file of the image `collection`. */
  readonly defaultConfiguration: { name: string; collection: OciReference | undefined } | undefined;
}

/** Thrown at start when settings are missing or wrong; lists every problem. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly problems: readonly string[]) {
    super(
      `The settings are not usable: ${problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ')}`,
    );
    // The host makes a log entry of each line: one entry has to have all of it, and no frame of a stack is of use.
    this.stack = `${this.name}: ${this.message}`;
  }
}

/**
 * Reads and validates all settings from the environment, all problems at once. A value is never quoted in
 * a problem: it may be a secret in the wrong place.
 * @throws SettingsError listing everything that is missing or wrong
 */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = [];
  const wrong = new Set<Setting<unknown>>();
  const given = readValues(SCHEMA, environment, (setting, problem) => {
    wrong.add(setting);
    problems.push(problem);
  });
  for (const { of, find } of CROSS_CHECKS) {
    const problem = of.some((setting) => wrong.has(setting)) ? undefined : find(given, environment);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  const { authorization, defaultConfiguration } = given;
  const { name, collection } = defaultConfiguration;
  const { trusted, ...registries } = given.registries;
  return {
    ...given,
    source: sourceSettings(given.source, given.fhirServerUrl),
    pseudonyms: pseudonymSettings(given.pseudonyms),
    authorization: { ...authorization, servesLoopback: servesLoopback(environment) },
    approval: approvalPolicy(given.approval, authorization.authentication),
    registries: { ...trusted, ...registries },
    defaultConfiguration: name === undefined ? undefined : { name, collection },
  };
}
