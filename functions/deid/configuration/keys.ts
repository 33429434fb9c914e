import { hkdf } from '../../common/crypto.js';
import type { Method, MethodKey } from '../methods/method.js';
import { METHODS } from '../methods/methods.js';
import type { ConfigurationIssue } from '../reading/issues.js';
import type { Key } from '../reading/settings.js';
import type { Configuration } from './configuration.js';
import type { Parameters } from './parameters.js';

/** Looks a key up by the name a configuration gives it; null where there is no such secret. */
export type KeyResolver = (secretName: string) => Promise<string | null>;

type KeyName = Exclude<
  { [Name in keyof Parameters]: Parameters[Name] extends Key ? Name : never }[keyof Parameters],
  undefined
>;

/** How the keys of a configuration are given. */
export type KeyParameters = Readonly<Record<KeyName, Key>>;

/** The keys of a configuration, and which of them its rules use. */
export interface KeyUse {
  readonly parameters: KeyParameters;
  readonly used: readonly KeyName[];
}

const KEYS = [...METHODS].flatMap((method: Method) =>
  method.key === undefined ? [] : { ...method.key, name: method.key.name as KeyName },
);

/** How a method's key is given. */
export function keyOf({ name }: MethodKey, parameters: KeyParameters): Key {
  return parameters[name as KeyName];
}

/** The keys among parameters, in the order of their names, and nothing else. */
export function keyParameters(parameters: KeyParameters): KeyParameters {
  return Object.fromEntries(
    KEYS.map(({ name }) => name)
      .sort()
      .map((name) => [name, parameters[name]]),
  ) as KeyParameters;
}

/** Whether a service has to make pseudonyms for its rules. */
export function needsPseudonyms({ rules }: Pick<Configuration, 'rules'>): boolean {
  return rules.some(({ method }) => method.needsPseudonyms === true);
}

export function keyUseOf({ parameters, rules }: Configuration): KeyUse {
  const keys = [...new Set(rules.map(({ method }) => method))].flatMap(({ key }) => key ?? []);
  const used = keys.filter((key) => key.isUsed?.(parameters) ?? true).map(({ name }) => name as KeyName);
  return { parameters: keyParameters(parameters), used };
}

/**
 * Puts in the keys that a configuration only names (`{"secretName": "…"}`). `configuration` is there only if every
 * key was found and fits; the issues name secrets, never a key.
 */
export async function resolveKeys<T extends { readonly parameters: KeyParameters }>(
  configuration: T,
  resolver: KeyResolver,
): Promise<{ configuration?: T; issues: ConfigurationIssue[] }> {
  const issues: ConfigurationIssue[] = [];
  const keys: Partial<Record<KeyName, Key>> = {};
  for (const declared of KEYS) {
    const { name } = declared;
    const key = configuration.parameters[name];
    if (key.kind !== 'secret') continue;
    const text = await resolver(key.secretName);
    const { context } = key;
    const problem = text === null ? 'was not found' : problemOf(declared, text, context !== undefined);
    if (problem === undefined)
      keys[name] = { kind: 'text', text: text as string, ...(context !== undefined && { context }) };
    else
      issues.push({
        severity: 'error',
        path: `parameters.${name}`,
        message: `The secret '${key.secretName}' ${problem}`,
      });
  }
  if (issues.length > 0) return { issues };
  return {
    configuration: { ...configuration, parameters: { ...configuration.parameters, ...keys } },
    issues,
  };
}

/** Why a text cannot be a key, or a master key: of one that is not empty, any key can be derived. */
function problemOf(declared: MethodKey, text: string, isMaster: boolean): string | undefined {
  if (text === '') return 'is empty';
  return isMaster ? undefined : declared.problemOf?.(text);
}

/**
 * Keys that a configuration does not give and its rules use: they are random, so that what is made with them in one
 * export fits no other.
 */
export function randomKeys({ parameters, used }: KeyUse): string[] {
  return used.filter((name) => parameters[name].kind === 'job').sort();
}

/** A configuration whose keys are all a job's own, however it gives them. */
export function withRandomKeys(configuration: Configuration): Configuration {
  const keys = Object.fromEntries(KEYS.map(({ name }) => [name, { kind: 'job' }])) as KeyParameters;
  return { ...configuration, parameters: { ...configuration.parameters, ...keys } };
}

/**
 * The bytes of a method's key: of the configuration's text, derived from it for its context, or derived from the job's secret (HKDF-SHA256, RFC 5869).
 * Never logged.
 * @param jobSecret 32 bytes
 */
export function keyBytes(method: Method, parameters: Parameters, jobSecret: Uint8Array): Uint8Array {
  if (jobSecret.length < 32) throw new Error('The job secret must have 32 bytes');
  if (method.key === undefined) return new Uint8Array(0);
  const key = keyOf(method.key, parameters);
  if (key.kind === 'secret')
    throw new Error('The keys a configuration names must be resolved before it is compiled');
  if (key.kind === 'text')
    return key.context === undefined || method.key.derive === undefined
      ? Buffer.from(key.text, 'utf8')
      : method.key.derive(key.text, key.context);
  return hkdf(jobSecret, '', `fhir-deidentified-export ${method.key.name}`, 32);
}
