import { describe, expect, it } from 'vitest';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';

const KEY = '0123456789abcdef0123456789abcdef';
const GPAS = { PSEUDONYM_SERVICE: 'gpas', PSEUDONYM_URL: 'https://gpas.example.org/fhir/gpas/' };

function pseudonyms(more: Record<string, string>) {
  return readSettings({ ...REQUIRED_SETTINGS, ...more }).pseudonyms;
}

describe('the settings of the pseudonym service', () => {
  it('are of none without any', () => {
    expect(pseudonyms({})).toMatchObject({ service: undefined, authentication: { method: 'none' } });
  });

  it.each<[Record<string, string>, object]>([
    [GPAS, { method: 'gpas', url: 'https://gpas.example.org/fhir/gpas', version: '1.10.3' }],
    [
      { ...GPAS, PSEUDONYM_GPAS_VERSION: '1.10.2' },
      { method: 'gpas', version: '1.10.2' },
    ],
    [
      { ...GPAS, PSEUDONYM_SERVICE: 'Vfps' },
      { method: 'vfps', url: 'https://gpas.example.org/fhir/gpas' },
    ],
    [{ ...GPAS, PSEUDONYM_SERVICE: 'entici' }, { method: 'entici' }],
    [
      { PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: KEY },
      { method: 'local', key: KEY },
    ],
  ])('%j', (given, service) => {
    expect(pseudonyms(given).service).toMatchObject(service);
  });

  it('give a managed identity the scope of the service', () => {
    expect(
      pseudonyms({ ...GPAS, PSEUDONYM_AUTHENTICATION: 'managed-identity' }).authentication,
    ).toMatchObject({
      scope: 'https://gpas.example.org/.default',
    });
  });

  it('are told apart by what makes other pseudonyms', () => {
    const identities = [
      GPAS,
      { ...GPAS, PSEUDONYM_SERVICE: 'vfps' },
      { ...GPAS, PSEUDONYM_URL: 'https://other.example.org' },
      { PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: KEY },
      { PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: `${KEY}0` },
    ].map((given) => pseudonyms(given).identity);
    expect(new Set(identities).size).toBe(identities.length);
    expect(pseudonyms({ ...GPAS, PSEUDONYM_MAX_REQUESTS: '2' }).identity).toBe(identities[0]);
  });

  it.each([
    'http://gpas.example.org',
    'https://user:secret@gpas.example.org',
    'gpas.example.org',
    'https://gpas.example.org/#x',
  ])('values go by https only, or stay on this machine: %s is refused', (url) => {
    expect(() => pseudonyms({ ...GPAS, PSEUDONYM_URL: url })).toThrow(/PSEUDONYM_URL must be an https URL/);
  });

  it('may be of this machine', () => {
    expect(pseudonyms({ ...GPAS, PSEUDONYM_URL: 'http://127.0.0.1:8080' }).service).toMatchObject({
      method: 'gpas',
    });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ PSEUDONYM_SERVICE: 'gpas' }, /PSEUDONYM_URL is missing: PSEUDONYM_SERVICE=gpas needs it/],
    [{ PSEUDONYM_SERVICE: 'local' }, /PSEUDONYM_KEY is missing/],
    [{ PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: 'secret' }, /PSEUDONYM_KEY must be text of 32 characters or more/],
    [{ PSEUDONYM_SERVICE: 'local', PSEUDONYM_KEY: '@Microsoft.KeyVault(SecretUri=https://v/secrets/pseudonyms)' }, /PSEUDONYM_KEY is a Key Vault reference that was not resolved/],
    [{ PSEUDONYM_SERVICE: 'other' }, /PSEUDONYM_SERVICE must be one of none, local, gpas, vfps, entici/],
    [{ ...GPAS, PSEUDONYM_AUTHENTICATION: 'header' }, /PSEUDONYM_HEADER_VALUE is missing/],
    [{ ...GPAS, PSEUDONYM_TIMEOUT_SECONDS: '600' }, /PSEUDONYM_MAX_ATTEMPTS of PSEUDONYM_TIMEOUT_SECONDS .* lower one of the five/],
  ])('%j is refused', (given, problem) => {
    expect(() => pseudonyms(given)).toThrow(problem);
  }); // prettier-ignore

  it('list the prefixes that callers may name', () => {
    expect(pseudonyms({}).domainPrefixes).toEqual(new Set());
    expect(pseudonyms({ PSEUDONYM_DOMAIN_PREFIXES: 'a-, b-' }).domainPrefixes).toEqual(new Set(['a-', 'b-']));
  });
});
