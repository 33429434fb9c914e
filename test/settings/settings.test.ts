import { BlobServiceClient } from '@azure/storage-blob';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AuthorizationSettings } from '../../functions/settings/authorizationSettings.js';
import {
  CROSS_CHECKS,
  FUNCTION_TIMEOUT_SECONDS,
  settingsWarnings,
} from '../../functions/settings/crossChecks.js';
import { readSettings, SettingsError } from '../../functions/settings/settings.js';
import { settingRows } from '../../functions/settings/schema.js';
import { RELEASED, VERSION } from '../../functions/common/version.js';
import { REQUIRED_SETTINGS } from '../environment.js';

describe('settings', () => {
  it('have defaults for all but where the source and the storage are', () => {
    expect(readSettings(REQUIRED_SETTINGS)).toMatchObject({
      fhirServerUrl: 'https://fhir.example.org/r4',
      fhirVersion: 'R4',
      allowRawExport: false,
      requireCoverage: false,
      validateOutput: 'report',
      pageSize: 500,
    });
  });

  it('take a storage account by identity', () => {
    const settings = readSettings({
      FHIR_SERVER_URL: REQUIRED_SETTINGS.FHIR_SERVER_URL,
      EXPORT_STORAGE__blobServiceUri: 'https://exports.blob.core.windows.net',
      AzureWebJobsStorage__accountName: 'runtime',
    });
    expect(settings.exportStorage).toEqual({ blobServiceUri: 'https://exports.blob.core.windows.net' });
    expect(settings.runtimeStorage).toEqual({ blobServiceUri: 'https://runtime.blob.core.windows.net' });
  });

  it.each([
    ['CORS_ORIGINS', 'https://app.example.org/', /without path or closing slash/],
    ['CORS_ORIGINS', 'app.example.org', /origins/],
    ['DOWNLOAD_LINKS', 'direct', /app or sas/],
    ['SAS_LIFETIME_MINUTES', '1441', /5 to 1440/],
    ['DEFAULT_ANONYMIZATION_CONFIG', '../secret', /name of a configuration file/],
    ['DEFAULT_ANONYMIZATION_CONFIG_REFERENCE', 'r.example.org/a:1', /needs DEFAULT_ANONYMIZATION_CONFIG/],
    ['ALLOW_MIXED_CONTAINERS', 'yes', /true or false/],
    ['VALIDATE_OUTPUT', 'true', /one of off, report, refuse/],
  ])('refuse %s=%s', (name, value, words) => {
    expect(() => readSettings({ ...REQUIRED_SETTINGS, [name]: value })).toThrow(words);
  });

  it('refuse a default configuration in a registry that is not registered', () => {
    const image = {
      ...REQUIRED_SETTINGS,
      DEFAULT_ANONYMIZATION_CONFIG: 'a.json',
      DEFAULT_ANONYMIZATION_CONFIG_REFERENCE: 'r.example.org/a:1',
    };
    expect(() => readSettings(image)).toThrow(/ANONYMIZATION_REGISTRIES does not name/);
    const registered = readSettings({ ...image, ANONYMIZATION_REGISTRIES: 'r.example.org' });
    expect(registered.defaultConfiguration).toMatchObject({
      name: 'a.json',
      collection: { registry: 'r.example.org', version: '1' },
    });
  });

  it('refuse signed links where there is nothing to sign with', () => {
    const account =
      'BlobEndpoint=https://exports.blob.core.windows.net;SharedAccessSignature=sv=1&sig=hunter2';
    const read = (): unknown =>
      readSettings({ ...REQUIRED_SETTINGS, EXPORT_STORAGE: account, DOWNLOAD_LINKS: 'sas' });
    expect(read).toThrow(/no AccountKey/);
    expect(read).not.toThrow(/hunter2/);
  });

  it('report all problems at once, and never a value', () => {
    const read = (): unknown =>
      readSettings({
        FHIR_SERVER_URL: 'https://user:hunter2@fhir.example.org',
        FHIR_VERSION: 'hunter2',
        ALLOW_RAW_EXPORT: 'hunter2',
        REQUIRE_COVERAGE: 'hunter2',
        PAGE_SIZE: 'hunter2',
        SLICE_MAX_SECONDS: '0',
      });
    expect(read).toThrow(SettingsError);
    let message = '';
    try {
      read();
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }
    for (const name of [
      'FHIR_SERVER_URL',
      'FHIR_VERSION',
      'EXPORT_STORAGE',
      'AzureWebJobsStorage',
      'ALLOW_RAW_EXPORT',
      'REQUIRE_COVERAGE',
      'PAGE_SIZE',
      'SLICE_MAX_SECONDS',
    ]) {
      expect(message).toContain(name);
    }
    expect(message).not.toContain('hunter2');
  });

  it('that are wrong are one entry of the log, which the alert finds', () => {
    let caught: unknown;
    try {
      readSettings({ FHIR_VERSION: 'x', PAGE_SIZE: 'x' });
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof SettingsError)) throw new Error('unreachable');
    // The host makes an entry of every line.
    for (const text of [caught.message, caught.stack]) expect(text).not.toMatch(/[\n\r]/);
    for (const problem of caught.problems) expect(caught.message).toContain(problem);
    const alerts = readFileSync(new URL('../../infra/modules/alerts.bicep', import.meta.url), 'utf8');
    const wanted = /text has "([^"]+)"/.exec(alerts)?.[1] ?? 'no such alert';
    expect(caught.message).toContain(wanted);
  });

  it.each([
    ['function keys, since no preflight has one', 'https://app.example.org', 'function-keys', 1],
    ['tokens', 'https://app.example.org', 'smart', 0],
    ['function keys alone', '', 'function-keys', 0],
  ])('warn of CORS with %s', (_name, origins, method, warnings) => {
    const set = new Set(origins === '' ? [] : [origins]);
    expect(settingsWarnings(set, { method } as AuthorizationSettings['authentication'])).toHaveLength(
      warnings,
    );
  });

  it('take no Key Vault reference that was not resolved for a key', () => {
    const reference = '@Microsoft.KeyVault(SecretUri=https://vault.example.org/secrets/hunter2)';
    const read = (): unknown =>
      readSettings({ ...REQUIRED_SETTINGS, ANONYMIZATION_SECRET_pseudonyms: reference });
    expect(read).toThrow(/ANONYMIZATION_SECRET_pseudonyms .*Key Vault Secrets User/);
    expect(read).not.toThrow(/hunter2/);
  });

  it.each([
    'hunter2',
    'https://exports.blob.core.windows.net/?sig=hunter2',
    'DefaultEndpointsProtocol=https;AccountName=hunter2;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=https;AccountName=one;AccountKey=hunter2',
    'BlobEndpoint=hunter2;SharedAccessSignature=sv=1&sig=hunter2',
    'BlobEndpoint=https://exports.blob.core.windows.net;AccountKey=hunter2',
  ])('refuse what is no connection string, as the SDK does, in words of our own: %s', (account) => {
    expect(() => BlobServiceClient.fromConnectionString(account)).toThrow();
    for (const name of ['EXPORT_STORAGE', 'AzureWebJobsStorage']) {
      const read = (): unknown => readSettings({ ...REQUIRED_SETTINGS, [name]: account });
      expect(read).toThrow(`${name} must be a connection string`);
      expect(read).toThrow(`${name}__blobServiceUri instead`);
      expect(read).not.toThrow(/hunter2/);
    }
  });

  it('keep exports and the private state of the jobs in two accounts', () => {
    const account =
      'DefaultEndpointsProtocol=https;AccountName=one;AccountKey=hunter2;EndpointSuffix=core.windows.net';
    const read = (): unknown =>
      readSettings({ ...REQUIRED_SETTINGS, EXPORT_STORAGE: account, AzureWebJobsStorage: account });
    expect(read).toThrow(/same storage account/);
    expect(read).not.toThrow(/hunter2/);
  });

  it('know the time that the host gives a call', () => {
    const host = JSON.parse(readFileSync(new URL('../../host.json', import.meta.url), 'utf8')) as {
      functionTimeout: string;
    };
    const [hours = 0, minutes = 0, seconds = 0] = host.functionTimeout.split(':').map(Number);
    expect(FUNCTION_TIMEOUT_SECONDS).toBe((hours * 60 + minutes) * 60 + seconds);
  });

  // Of 1,800 s; between attempts, a source may make the app wait for a minute each time.
  it.each([
    { attempts: 6, timeout: 230, slice: 120, longest: 1800 },
    { attempts: 6, timeout: 230, slice: 121, longest: 1801 },
    { attempts: 6, timeout: 231, slice: 120, longest: 1806 },
    { attempts: 20, timeout: 27, slice: 120, longest: 1800 },
    { attempts: 20, timeout: 28, slice: 120, longest: 1820 },
    { attempts: 1, timeout: 600, slice: 1200, longest: 1800 },
    { attempts: 2, timeout: 600, slice: 1200, longest: 2460 },
    { attempts: 20, timeout: 600, slice: 1200, longest: 14_340 },
  ])(
    'give a slice no more time than the host does: $slice s, $attempts × $timeout s',
    ({ attempts, timeout, slice, longest }) => {
      const read = (): unknown =>
        readSettings({
          ...REQUIRED_SETTINGS,
          SOURCE_MAX_ATTEMPTS: `${attempts}`,
          SOURCE_TIMEOUT_SECONDS: `${timeout}`,
          SLICE_MAX_SECONDS: `${slice}`,
        });
      if (longest <= FUNCTION_TIMEOUT_SECONDS) expect(read).not.toThrow();
      else {
        const words = `SLICE_MAX_SECONDS.*SOURCE_MAX_ATTEMPTS.*SOURCE_TIMEOUT_SECONDS.* ${longest} s.*lower one`;
        expect(read).toThrow(new RegExp(words));
      }
    },
  );

  it('that are no numbers are reported as such alone, not by what would follow from them', () => {
    const read = (): unknown => readSettings({ ...REQUIRED_SETTINGS, SOURCE_MAX_ATTEMPTS: 'x' });
    expect(read).toThrow(/SOURCE_MAX_ATTEMPTS must be a whole number/);
    expect(read).not.toThrow(/functionTimeout/);
  });

  it('are in the documentation, each in one row with its form, default and meaning', () => {
    const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8').split('\n');
    for (const { name, description, default: initial = '' } of settingRows) {
      const found = page.filter((line) => line.startsWith(`| \`${name}\` `));
      expect(found, name).toHaveLength(1);
      expect(found[0]).toContain(` ${description} `);
      expect(found[0]).toContain(` ${initial} `);
    }
  });

  it('are rows of distinct names, whose defaults and samples are values that they take', () => {
    expect(new Set(settingRows.map(({ name }) => name)).size).toBe(settingRows.length);
    for (const { name, parse, default: initial, sample } of settingRows) {
      for (const text of [initial, sample])
        if (text !== undefined) expect([name, parse(text)]).not.toEqual([name, undefined]);
    }
  });

  it('that are secrets take no Key Vault reference that was not resolved, whichever applies', () => {
    const reference = '@Microsoft.KeyVault(SecretUri=https://vault.example.org/secrets/hunter2)';
    const secrets = settingRows.filter(({ isSecret }) => isSecret);
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    for (const { name, appliesWith } of secrets) {
      const variable = name.replace('<name>', 'key');
      const method = appliesWith?.values[0]?.replace(' (required)', '') ?? '';
      const choice = appliesWith === undefined ? {} : { [appliesWith.name]: method };
      const read = (): unknown => readSettings({ ...REQUIRED_SETTINGS, ...choice, [variable]: reference });
      expect(read, name).toThrow(new RegExp(`${variable} is a Key Vault reference that was not resolved`));
      expect(read, name).not.toThrow(/hunter2/);
    }
  });

  it('that are not of their form never show their value, whichever it is', () => {
    for (const { name, appliesWith } of settingRows) {
      const method = appliesWith?.values[0]?.replace(' (required)', '') ?? '';
      const choice = appliesWith === undefined ? {} : { [appliesWith.name]: method };
      const read = (): unknown =>
        readSettings({ ...REQUIRED_SETTINGS, ...choice, [name]: 'hunter2\n{"hunter2":@hunter2}' });
      expect(read, name).not.toThrow(/hunter2/);
    }
  });

  it('are checked against each other only where each is right by itself', () => {
    for (const { of } of CROSS_CHECKS) expect(of.length).toBeGreaterThan(0);
    const wrong = { ...REQUIRED_SETTINGS, DOWNLOAD_LINKS: 'sas', EXPORT_STORAGE: '' };
    expect(() => readSettings(wrong)).not.toThrow(/AccountKey/);
  });
});

describe('the version', () => {
  const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

  it('is that of the package', () => {
    expect(VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version);
  });

  it('has a date of its own, which the CapabilityStatement gives: a new version has a new one', () => {
    expect([VERSION, RELEASED]).toEqual(['0.1.0', '2026-11-25']);
  });
});
