import { hkdfSync } from 'node:crypto';
import type { ConfigurationIssue } from './issues.js';
import { isEncryptKeyLength, type Key, type Parameters } from './parameters.js';
import type { Method } from './ruleMethod.js';

/** Bytes of every key, ready for use. Never logged. */
export interface KeyBytes {
  readonly dateShift: Uint8Array;
  readonly cryptoHash: Uint8Array;
  readonly encrypt: Uint8Array;
  /** Key of the date shift per patient. */
  readonly patientShift: Uint8Array;
}

/** Looks a key up by the name a configuration gives it; null where there is no such secret. */
export type KeyResolver = (secretName: string) => Promise<string | null>;

/** The parameters that say which keys a configuration has. */
export type KeyParameters = Pick<
  Parameters,
  'cryptoHashKey' | 'dateShiftKey' | 'encryptKey' | 'dateShiftFixedOffsetInDays'
>;

/** The keys of a configuration, and the methods that may need them. */
export interface KeyUse {
  readonly parameters: KeyParameters;
  readonly rules: readonly { readonly method: Pick<Method, 'name'> }[];
}

const KEY_NAMES = ['dateShiftKey', 'cryptoHashKey', 'encryptKey'] as const;

/**
 * Puts in the keys that a configuration only names (`{"secretName": "…"}`). `configuration` is there only if every
 * key was found and fits; the issues name secrets, never a key.
 */
export async function resolveKeys<T extends { readonly parameters: KeyParameters }>(
  configuration: T,
  resolver: KeyResolver,
): Promise<{ configuration?: T; issues: ConfigurationIssue[] }> {
  const issues: ConfigurationIssue[] = [];
  const keys: Partial<Record<(typeof KEY_NAMES)[number], Key>> = {};
  for (const name of KEY_NAMES) {
    const key = configuration.parameters[name];
    if (key.kind !== 'secret') continue;
    const text = await resolver(key.secretName);
    const problem = problemOf(name, text);
    if (problem === null) keys[name] = { kind: 'text', text: text as string };
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

/**
 * Keys that a configuration does not give and its rules use: they are random, so that what is made with them in one
 * export fits no other.
 */
export function randomKeys({ parameters, rules }: KeyUse): string[] {
  const methods = new Set(rules.map(({ method }) => method.name));
  const used = {
    cryptoHashKey: methods.has('cryptoHash'),
    dateShiftKey: methods.has('dateShift') && parameters.dateShiftFixedOffsetInDays === null,
    encryptKey: methods.has('encrypt'),
  };
  return KEY_NAMES.filter((name) => used[name] && parameters[name].kind === 'job').sort();
}

function problemOf(name: string, text: string | null): string | null {
  if (text === null) return 'was not found';
  if (text === '') return 'is empty';
  if (name === 'encryptKey' && !isEncryptKeyLength(text)) return 'must be 16, 24 or 32 bytes long in UTF-8';
  return null;
}

/** The keys' bytes: of the configuration's texts, or derived from the job's secret (HKDF-SHA256, RFC 5869). */
export function keyBytes(parameters: Parameters, jobSecret: Uint8Array): KeyBytes {
  if (jobSecret.length < 32) throw new Error('The job secret must have 32 bytes');
  const derive = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', jobSecret, new Uint8Array(0), `fhir-deidentified-export ${use}`, 32));
  const bytesOf = (key: Key, use: string): Uint8Array => {
    if (key.kind === 'secret')
      throw new Error('The keys a configuration names must be resolved before it is compiled');
    return key.kind === 'text' ? Buffer.from(key.text, 'utf8') : derive(use);
  };
  const dateShift = bytesOf(parameters.dateShiftKey, 'dateShiftKey');
  return {
    dateShift,
    cryptoHash: bytesOf(parameters.cryptoHashKey, 'cryptoHashKey'),
    encrypt: bytesOf(parameters.encryptKey, 'encryptKey'),
    patientShift: new Uint8Array(
      hkdfSync('sha256', dateShift, new Uint8Array(0), 'fhir-deidentified-export patient', 32),
    ),
  };
}
