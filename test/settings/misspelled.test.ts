import { describe, expect, it } from 'vitest';
import { misspelledSettings } from '../../functions/settings/misspelled.js';
import { settingRows } from '../../functions/settings/schema.js';

describe('a variable that nearly has the name of a setting', () => {
  it.each([
    ['CONFIGURATION_APROVAL', 'CONFIGURATION_APPROVAL'],
    ['MIN_PATIENT', 'MIN_PATIENTS'],
    ['PARALEL_PARTITIONS', 'PARALLEL_PARTITIONS'],
    ['DEFAULT_ANONYMISATION_CONFIG', 'DEFAULT_ANONYMIZATION_CONFIG'],
  ])('%s is said to have no effect, without its value', (name, meant) => {
    expect(misspelledSettings({ [name]: 'secret', PATH: '/bin' })).toEqual([
      `Warning: ${name} is no setting, and has no effect. Did you mean ${meant}?`,
    ]);
  });

  it('is no concern of ours where that setting is there, too, or where it is short', () => {
    expect(misspelledSettings({ MIN_PATIENT: '5', MIN_PATIENTS: '5', PAGE_SIZ: '1', PORT: '1' })).toEqual([
      'Warning: PAGE_SIZ is no setting, and has no effect. Did you mean PAGE_SIZE?',
    ]);
  });

  it('is none of those that the platform, Node and other tools set', () => {
    const names = [
      'ALL_PROXY', 'no_proxy', 'http_proxy', 'HTTP_PROXY', 'APPLICATIONINSIGHTS_CONNECTION_STRING', 'AZURE_CLIENT_ID',
      'AZURE_CLIENT_SECRET', 'AZURE_TENANT_ID', 'AzureWebJobsScriptRoot', 'AzureWebJobsStorage', 'FUNCTIONS_WORKER_RUNTIME',
      'IDENTITY_ENDPOINT', 'IDENTITY_HEADER', 'LOCAL_DATA', 'MALLOC_ARENA_MAX', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS',
      'NODE_TLS_REJECT_UNAUTHORIZED', 'SAMPLE_DATA', 'SOURCE_BEHAVIOURS', 'SOURCE_BULK', 'SOURCE_FAULTS', 'SOURCE_PORT',
      'UV_THREADPOOL_SIZE', 'WEBSITE_AUTH_ENABLED', 'WEBSITE_HOSTNAME', 'WEBSITE_SITE_NAME', 'ANONYMIZATION_SECRET_KEY',
      'CALLER_CLIENT_ID', 'CALLER_CLIENT_SECRET', 'CALLER_PRIVATE_KEY', 'CALLER_KEY_ID', 'CALLER_TOKEN_URL', 'CALLER_SCOPE',
      'CALLER_CA', 'CALLER_AUTHENTICATION', 'CALLER_FUNCTION_KEY', 'CALLER_BEARER_TOKEN',
    ]; // prettier-ignore
    const rows = settingRows.map(({ name }) => name);
    expect(misspelledSettings(Object.fromEntries([...names, ...rows].map((name) => [name, 'x'])))).toEqual(
      [],
    );
    for (const name of names) expect(misspelledSettings({ [name]: 'x' })).toEqual([]);
  });
});
