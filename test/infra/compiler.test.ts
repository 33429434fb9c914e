import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingRows } from '../../functions/settings/schema.js';
import { templateSettings } from '../../infra/tools/generated.js';
import { PROJECT_ROOT } from '../../local/paths.js';

const compiler = process.env['BICEP'] ?? '';
const hasCompiler = compiler !== '';
if (!hasCompiler) console.log('skipped: no Bicep compiler (BICEP, as .ci/infra finds it)');

interface PredictedResource {
  type: string;
  name: string;
  properties: Record<string, unknown>;
}

describe.skipIf(!hasCompiler)('the Bicep compiler', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-infra-'));
  const infra = join(directory, 'infra');
  beforeAll(() => cpSync(join(PROJECT_ROOT, 'infra'), infra, { recursive: true }));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Standard output; an error where the compiler fails or finds anything to say. */
  function bicep(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync(compiler, args, { cwd: infra, encoding: 'utf8' });
    if (status !== 0 || stderr.trim() !== '') throw new Error(`bicep ${args.join(' ')}\n${stderr}${stdout}`);
    return stdout;
  }

  /** The resources that a deployment with these parameters makes, as far as they are known beforehand. */
  function predicted(name: string, parameters: string): PredictedResource[] {
    writeFileSync(join(infra, `${name}.bicepparam`), `using 'main.bicep'\n\n${parameters}\n`);
    bicep(
      'snapshot',
      `${name}.bicepparam`,
      '--mode=overwrite',
      '--subscription-id=00000000-0000-0000-0000-000000000001',
      '--tenant-id=00000000-0000-0000-0000-000000000002',
      '--resource-group=exports',
      '--location=westeurope',
    );
    const snapshot = JSON.parse(readFileSync(join(infra, `${name}.snapshot.json`), 'utf8')) as {
      predictedResources: PredictedResource[];
    };
    return snapshot.predictedResources;
  }

  const only = (resources: readonly PredictedResource[], type: string): PredictedResource[] =>
    resources.filter((resource) => resource.type === type);

  it('has nothing to say of the templates: types, names of properties, API versions, lint', () => {
    const template = JSON.parse(bicep('build', 'main.bicep', '--stdout')) as { parameters: object };
    expect(Object.keys(template.parameters)).toContain('settings');
    bicep('lint', 'main.bicep');
  });

  it('has nothing to say of the example of parameters', () => {
    expect(bicep('build-params', 'main.bicepparam', '--stdout')).toContain('FHIR_SERVER_URL');
  });

  it('would format the files as they are', () => {
    for (const pattern of ['**/*.bicep', '**/*.bicepparam']) bicep('format', `--pattern=${pattern}`);
    const paths = readdirSync(join(PROJECT_ROOT, 'infra'), { recursive: true, encoding: 'utf8' });
    for (const path of paths.filter((name) => /\.bicep(param)?$/.test(name))) {
      const there = readFileSync(join(PROJECT_ROOT, 'infra', path), 'utf8');
      expect(readFileSync(join(infra, path), 'utf8') === there, `${path}: run bicep format`).toBe(true);
    }
  });

  describe('with every setting given', () => {
    let resources: PredictedResource[];
    let settings: ReadonlyMap<string, string>;

    beforeAll(() => {
      const types = readFileSync(join(infra, 'modules/settings.bicep'), 'utf8');
      const [plain = '', secret = ''] = types.split('type KeyVaultSettings');
      const given = [...plain.matchAll(/^ {2}(\w+): (\w+|'[^']*'|\(')/gm)].map(([, name = '', type = '']) => {
        const definition = settingRows.find((setting) => setting.name === name);
        const kind = definition?.kind;
        const text = definition?.default ?? (kind?.is === 'integer' ? String(kind.min) : '');
        return `  ${name}: ${type === 'int' ? text : `'${text || 'true'}'`}`;
      });
      const secrets = [...secret.matchAll(/^ {2}(\w+): /gm)].map(([, name = '']) => `  ${name}: 'a-secret'`);
      const choices = given.map((line) =>
        line.replace(/^( {2}\w+): 'true'$/, (all, name: string) => {
          const definition = settingRows.find((setting) => setting.name === name.trim());
          return definition?.kind.is === 'choice' ? `${name}: '${definition.kind.of[0]}'` : all;
        }),
      );
      resources = predicted(
        'every-setting',
        [
          `param settings = {\n${choices.join('\n')}\n}`,
          `param keyVaultSettings = {\n${secrets.join('\n')}\n}`,
          `param anonymizationKeyNames = {\n  research: 'anonymization-research'\n}`,
          'param containerRegistry = true',
          'param hierarchicalNamespace = true',
          'param publicApp = false',
          'param alwaysReadyDurable = 1',
          `param alertEmailAddress = 'operators@example.org'`,
          `param configurationAuthors = [\n  {\n    id: '00000000-0000-0000-0000-000000000003'\n    type: 'Group'\n  }\n]`,
          `param entraAuthentication = {\n  clientId: '00000000-0000-0000-0000-000000000004'\n}`,
          `param fhirServiceId = '/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups/clinic/providers/Microsoft.HealthcareApis/workspaces/hospital/fhirservices/ehr'`,
          `param sourceStorageId = '/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups/clinic/providers/Microsoft.Storage/storageAccounts/hospitalfiles'`,
        ].join('\n\n'),
      );
      const app = only(resources, 'Microsoft.Web/sites')[0]?.properties as {
        siteConfig: { appSettings: Array<{ name: string; value: string }> };
      };
      settings = new Map(app.siteConfig.appSettings.map(({ name, value }) => [name, value]));
    });

    it('the app gets each setting that it reads, once', async () => {
      const { ownSettings } = await templateSettings(PROJECT_ROOT);
      const names = settingRows.map(({ name }) => name);
      const missing = names.filter(
        (name) =>
          !settings.has(name.replace('<name>', 'research')) &&
          ![...ownSettings.keys()].some((own) => own === name || own.startsWith(`${name}__`)),
      );
      expect(missing).toEqual([]);
      expect(settings.get('PAGE_SIZE')).toBe('500');
    });

    it('secrets are references', () => {
      for (const name of ['ANONYMIZATION_SECRET_research', 'ANONYMIZATION_REGISTRY_CREDENTIALS']) {
        expect(settings.get(name)).toContain('@Microsoft.KeyVault(SecretUri=');
      }
    });

    it.each([
      [
        'the FHIR service',
        '4c8d0bbc-75d3-4935-991f-5f3c56d81508',
        'Microsoft.HealthcareApis/workspaces/hospital/fhirservices/ehr',
      ],
      [
        'the account of the files',
        '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
        'Microsoft.Storage/storageAccounts/hospitalfiles',
      ],
    ])('%s gets its role where it is', (_, role, name) => {
      const scopes = resources
        .filter(({ type }) => type === 'Microsoft.Authorization/roleAssignments')
        .map((assignment) => JSON.stringify(assignment));
      const given = scopes.filter((text) => text.includes(role));
      expect(given).toHaveLength(1);
      expect(given[0]).toContain(
        `/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups/clinic/providers/${name}`,
      );
    });

    it('everything that holds data is reached from the network alone', () => {
      const endpoints = only(resources, 'Microsoft.Network/privateEndpoints');
      expect(endpoints).toHaveLength(8);
      for (const type of [
        'Microsoft.Storage/storageAccounts',
        'Microsoft.KeyVault/vaults',
        'Microsoft.ContainerRegistry/registries',
        'Microsoft.Web/sites',
      ]) {
        const found = only(resources, type);
        expect(found.length, type).toBeGreaterThan(0);
        for (const { name, properties } of found)
          expect(properties['publicNetworkAccess'], name).toBe('Disabled');
      }
    });
  });

  it('without a virtual network makes no endpoint, and still takes no key', () => {
    const resources = predicted(
      'public-network',
      `param settings = {\n  FHIR_SERVER_URL: 'https://fhir.example.org/r4'\n  JOB_RETENTION_HOURS: 720\n}\n\nparam privateNetwork = false`,
    );
    expect(resources.filter(({ type }) => type.startsWith('Microsoft.Network/'))).toEqual([]);
    const accounts = only(resources, 'Microsoft.Storage/storageAccounts');
    expect(accounts).toHaveLength(2);
    for (const { properties } of accounts) {
      expect(properties).toMatchObject({ allowSharedKeyAccess: false, allowBlobPublicAccess: false });
    }
    // Thirty days of retention, and three: the rule never comes before the app.
    const [policy] = only(resources, 'Microsoft.Storage/storageAccounts/managementPolicies');
    expect(JSON.stringify(policy)).toContain('"daysAfterModificationGreaterThan":33');
  });

  it('refuses a setting that the app does not know, and one out of bounds', () => {
    const setting = (line: string) => (): unknown =>
      predicted(
        'wrong',
        `param settings = {\n  FHIR_SERVER_URL: 'https://fhir.example.org/r4'\n  ${line}\n}`,
      );
    expect(setting('PAGE_SIZES: 5')).toThrow('PAGE_SIZES');
    expect(setting('PAGE_SIZE: 0')).toThrow('BCP');
  });
});
