import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings, settingDefinitions, SettingsError } from '../functions/settings.js';

const complete = {
  FHIR_SERVER_URL: 'https://fhir.example.org/r4/',
  EXPORT_STORAGE: 'UseDevelopmentStorage=true',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

describe('settings', () => {
  it('have defaults for all but where the source and the storage are', () => {
    expect(readSettings(complete)).toMatchObject({
      fhirServerUrl: 'https://fhir.example.org/r4',
      fhirVersion: 'R4',
      allowRawExport: false,
      requireCoverage: false,
      pageSize: 500,
    });
  });

  it('take a storage account by identity', () => {
    const settings = readSettings({
      FHIR_SERVER_URL: complete.FHIR_SERVER_URL,
      EXPORT_STORAGE__blobServiceUri: 'https://exports.blob.core.windows.net',
      AzureWebJobsStorage__accountName: 'runtime',
    });
    expect(settings.exportStorage).toEqual({ blobServiceUri: 'https://exports.blob.core.windows.net' });
    expect(settings.runtimeStorage).toEqual({ blobServiceUri: 'https://runtime.blob.core.windows.net' });
  });

  it('tell all problems at once, and never a value', () => {
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
    } catch (thrown) {
      message = thrown instanceof Error ? thrown.message : '';
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

  it('stand in the README as the code has them', () => {
    const rows = settingDefinitions.map(
      ({ name, unit, default: initial, bounds, meaning }) =>
        `| \`${name}\` | ${unit} | ${initial} | ${bounds} | ${meaning} |`,
    );
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8').replaceAll(/ {2,}/g, ' ');
    for (const row of rows) expect(readme).toContain(row.replaceAll(/ {2,}/g, ' '));
  });
});
