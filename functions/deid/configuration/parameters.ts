import { caseInsensitive, nearest, type IssueList } from './issues.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import { JsonNumber, numberText } from '../../json/jsonNumber.js';

/** A key: the job's own (derived from its secret), given in the configuration, or named there and kept elsewhere. */
export type Key =
  | { readonly kind: 'job' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'secret'; readonly secretName: string };

type DateShiftScope = 'resource' | 'file' | 'folder' | 'patient';
const HASH_FUNCTIONS = ['sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-384', 'sha3-512'] as const;
type HashFunction = (typeof HASH_FUNCTIONS)[number];

/** The `parameters` of a configuration. */
export interface Parameters {
  readonly dateShiftKey: Key;
  readonly cryptoHashKey: Key;
  readonly encryptKey: Key;
  readonly dateShiftScope: DateShiftScope;
  /** Days every date moves by, instead of the key's; null without. */
  readonly dateShiftFixedOffsetInDays: number | null;
  readonly enablePartialAgesForRedact: boolean;
  readonly enablePartialDatesForRedact: boolean;
  readonly enablePartialZipCodesForRedact: boolean;
  readonly restrictedZipCodeTabulationAreas: readonly string[];
  /** Whether a partial postal code is kept of US ZIP codes only, whatever blanks and leading zeros they have or lack. */
  readonly strictZipCodes: boolean;
  /** Whether a year is over the age limit when whoever was born in it is, or will be before it ends. */
  readonly ageLimitByYear: boolean;
  readonly cryptoHashFunction: HashFunction;
  /** Hex digits that hashes are cut to; null for all. */
  readonly truncate: number | null;
  /** What `cryptoHash` makes of the server's address and the version in a reference: kept, or a pseudonym and nothing. */
  readonly referenceServers: 'keep' | 'hash';
  /** What happens to an element that no rule reaches. */
  readonly unmatched: 'keep' | 'redact';
  /** What a condition in the path of a redacting rule counts as where it cannot be decided: not met, or met. */
  readonly undecidedConditions: 'ignore' | 'apply';
  /** Whether an identifying element that no rule reaches is an error. */
  readonly requireCoverage: boolean;
}

const NAMES = [
  'dateShiftKey', 'cryptoHashKey', 'encryptKey', 'dateShiftScope', 'dateShiftFixedOffsetInDays',
  'enablePartialAgesForRedact', 'enablePartialDatesForRedact', 'enablePartialZipCodesForRedact',
  'restrictedZipCodeTabulationAreas', 'strictZipCodes', 'ageLimitByYear', 'cryptoHashFunction', 'truncate',
  'referenceServers', 'unmatched', 'undecidedConditions', 'requireCoverage',
]; // prettier-ignore

const SCOPES = ['resource', 'file', 'folder', 'patient'] as const;
/** Fewest hex digits of a hash: 128 bits, so that two ids do not meet. */
const LEAST_DIGITS = 32;
const MOST_DAYS = 3_650_000;

/** Bytes AES takes as a key. */
export function isEncryptKeyLength(text: string): boolean {
  return [16, 24, 32].includes(Buffer.byteLength(text, 'utf8'));
}

/** Reads `parameters`, adding what is wrong to the issues; absent settings get their defaults. */
export function readParameters(value: JsonValue | undefined, issues: IssueList): Parameters {
  if (value !== undefined && value !== null && !isJsonObject(value))
    issues.error('parameters', 'Must be an object');
  const json = isJsonObject(value) ? value : {};
  for (const key of Object.keys(json)) {
    if (NAMES.some((name) => name.toLowerCase() === key.toLowerCase())) continue;
    const meant = issues.isLong ? undefined : nearest(key, NAMES);
    issues.warn(
      `parameters.${key}`,
      `Unknown parameter, ignored${meant === undefined ? '' : `; did you mean '${meant}'?`}`,
    );
  }
  const reader = new Reader(caseInsensitive(json, NAMES, 'parameters.', issues), issues);
  const encryptKey = reader.key('encryptKey');
  if (encryptKey.kind === 'text' && !isEncryptKeyLength(encryptKey.text)) {
    issues.error(
      'parameters.encryptKey',
      'Must be 16, 24 or 32 bytes long in UTF-8 (or empty, for a key of the job)',
    );
  }
  const cryptoHashFunction = reader.choice('cryptoHashFunction', HASH_FUNCTIONS, 'sha256');
  return {
    dateShiftKey: reader.key('dateShiftKey'),
    cryptoHashKey: reader.key('cryptoHashKey'),
    encryptKey,
    dateShiftScope: reader.scope(),
    dateShiftFixedOffsetInDays: reader.offset(),
    enablePartialAgesForRedact: reader.flag('enablePartialAgesForRedact'),
    enablePartialDatesForRedact: reader.flag('enablePartialDatesForRedact'),
    enablePartialZipCodesForRedact: reader.flag('enablePartialZipCodesForRedact'),
    restrictedZipCodeTabulationAreas: reader.zipCodes(),
    strictZipCodes: reader.flag('strictZipCodes'),
    ageLimitByYear: reader.flag('ageLimitByYear'),
    cryptoHashFunction,
    truncate: reader.truncate(cryptoHashFunction),
    referenceServers: reader.choice('referenceServers', ['keep', 'hash'] as const, 'keep'),
    unmatched: reader.choice('unmatched', ['keep', 'redact'] as const, 'keep'),
    undecidedConditions: reader.choice('undecidedConditions', ['ignore', 'apply'] as const, 'ignore'),
    requireCoverage: reader.flag('requireCoverage'),
  };
}

class Reader {
  private readonly json: JsonObject;
  private readonly issues: IssueList;
  constructor(json: JsonObject, issues: IssueList) {
    this.json = json;
    this.issues = issues;
  }

  private error(name: string, message: string): void {
    this.issues.error(`parameters.${name}`, message);
  }

  key(name: string): Key {
    const value = this.json[name];
    if (value === undefined || value === null || value === '') return { kind: 'job' };
    if (typeof value === 'string') return { kind: 'text', text: value };
    if (isJsonObject(value)) {
      const secretName = value['secretName'];
      if (typeof secretName === 'string' && secretName !== '' && Object.keys(value).length === 1) {
        return { kind: 'secret', secretName };
      }
    }
    this.error(name, 'Must be a text, empty for a key of the job, or {"secretName": "…"}');
    return { kind: 'job' };
  }

  choice<T extends string>(name: string, choices: readonly T[], absent: T): T {
    const value = this.json[name];
    if (value === undefined || value === null) return absent;
    const choice = choices.find((known) => typeof value === 'string' && value.toLowerCase() === known);
    if (choice === undefined) this.error(name, `Must be one of ${choices.join(', ')}`);
    return choice ?? absent;
  }

  scope(): DateShiftScope {
    const value = this.json['dateShiftScope'];
    // The reference also reads the places of its names: 0, 1, 2.
    const named = typeof value === 'number' && value < 3 ? SCOPES[value] : undefined;
    if (named === undefined) return this.choice('dateShiftScope', SCOPES, 'resource');
    this.issues.warn('parameters.dateShiftScope', `Read as '${named}': write the name`);
    return named;
  }

  offset(): number | null {
    const name = 'dateShiftFixedOffsetInDays';
    const value = this.json[name];
    if (value === undefined || value === null) return null;
    const number =
      typeof value === 'string' && value.trim() !== ''
        ? Number(value)
        : value instanceof JsonNumber
          ? Number(value.text)
          : value;
    if (typeof number !== 'number' || !Number.isFinite(number) || Math.abs(number) > MOST_DAYS) {
      this.error(name, 'Must be a whole number of days');
      return null;
    }
    if (Number.isInteger(number)) return number;
    const floor = Math.floor(number);
    const nearer = number - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(number);
    this.issues.warn(`parameters.${name}`, `Rounded to ${nearer}: days are whole numbers`);
    return nearer;
  }

  flag(name: string): boolean {
    const value = this.json[name];
    if (value === undefined || value === null) return false;
    if (typeof value === 'boolean') return value;
    if (value === 1 || value === 0) return value === 1;
    const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
    if (text !== 'true' && text !== 'false') this.error(name, 'Must be true or false');
    return text === 'true';
  }

  zipCodes(): string[] {
    const name = 'restrictedZipCodeTabulationAreas';
    const value = this.json[name];
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.error(name, 'Must be an array of texts such as "036"');
      return [];
    }
    const codes: string[] = [];
    value.forEach((code, index) => {
      if (typeof code === 'string' && code !== '') codes.push(code);
      else if (typeof code === 'number' || code instanceof JsonNumber) {
        codes.push(numberText(code));
        this.issues.warn(`parameters.${name}[${index}]`, 'Write it as a text: a number has no leading zeros');
      } else this.error(`${name}[${index}]`, 'Must be a text such as "036"');
    });
    return codes;
  }

  truncate(hashFunction: HashFunction): number | null {
    const value = this.json['truncate'];
    const digits = Number(hashFunction.slice(-3)) / 4;
    if (value === undefined || value === null) {
      if (digits > 64) {
        this.issues.warn(
          'parameters.cryptoHashFunction',
          `Hashes of ${digits} digits are no valid ids: set truncate to 64`,
        );
      }
      return null;
    }
    if (typeof value !== 'number' || !Number.isInteger(value) || value < LEAST_DIGITS || value > digits) {
      this.error('truncate', `Must be a whole number of hex digits from ${LEAST_DIGITS} to ${digits}`);
      return null;
    }
    return value;
  }
}
