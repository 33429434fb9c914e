import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingRows } from '../../functions/settings/schema.js';
import { type BicepFile, type BicepResource, readBicep, stringContent } from '../../infra/tools/bicepFile.js';
import { generatedFiles, templateSettings } from '../../infra/tools/generated.js';
import { roleName } from '../../infra/tools/tables.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { PLATFORM_SETTINGS, REFUSED_BY_FLEX_CONSUMPTION, RESOURCE_TYPES, ROLE_IDS } from './facts.js';

const INFRA = join(PROJECT_ROOT, 'infra');
const paths = readdirSync(INFRA, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.bicep(param)?$/.test(path))
  .map((path) => path.replaceAll('\\', '/'))
  .sort();
const files = new Map<string, BicepFile>(
  await Promise.all(paths.map(async (path) => [path, await readBicep(join(INFRA, path))] as const)),
);
const file = (path: string): BicepFile => {
  const found = files.get(path);
  if (found === undefined) throw new Error(`infra/${path} is not there.`);
  return found;
};
const resources = [...files].flatMap(([path, { resources: declared }]) =>
  declared.map((resource) => ({ ...resource, path })),
);
/** The resources of a type that the templates make. */
const made = (type: string): BicepResource[] =>
  resources.filter((resource) => resource.type === type && !resource.isExisting);
const squeezed = (markdown: string): string => markdown.replaceAll(/ {2,}|(?<=\| )-+(?= \|)/g, ' ');

describe('the templates', () => {
  it.each(paths)('%s is understood by the grammar', (path) => {
    expect(file(path).errors).toEqual([]);
  });

  it('are what the settings, parameters and roles make of them', async () => {
    for (const [path, text] of await generatedFiles(PROJECT_ROOT)) {
      const there = readFileSync(join(PROJECT_ROOT, path), 'utf8');
      const isSame = path.endsWith('.md') ? squeezed(there) === squeezed(text) : there === text;
      expect(isSame, `${path} is not up to date: run npm run generate, and look at what changes`).toBe(true);
    }
  });

  it('use resource types and versions that exist', () => {
    for (const { type, apiVersion, path } of resources) {
      if (type.includes('/'))
        expect(`${path}: ${type}@${apiVersion}`).toBe(`${path}: ${type}@${RESOURCE_TYPES[type]}`);
    }
    expect(resources.length).toBeGreaterThan(25);
  });

  it('say of every parameter what it is, with bounds and a default', () => {
    const { parameters } = file('main.bicep');
    expect(parameters.length).toBeGreaterThan(20);
    for (const { name, type, description, decorators, initial } of parameters) {
      expect(description, name).not.toBe('');
      expect(
        initial !== undefined || type.endsWith('?') || name === 'settings',
        `${name} has no default`,
      ).toBe(true);
      const isBounded = ['allowed', 'maxValue', 'maxLength'].some((bound) => decorators.has(bound));
      if (type === 'int') expect(isBounded, `${name} has no bounds`).toBe(true);
    }
    for (const [path, { parameters: all, outputs }] of files) {
      for (const { name, description } of [...all, ...outputs])
        expect(description, `${path}: ${name}`).not.toBe('');
    }
  });

  it('give an example with parameters that there are', () => {
    const names = file('main.bicep').parameters.map(({ name }) => name);
    const given = file('main.bicepparam').variables.map(({ name }) => name);
    expect(given).toContain('settings');
    expect(names).toEqual(expect.arrayContaining(given));
  });

  it('read no key and put out no secret', () => {
    for (const [path, { text }] of files) {
      expect(text, path).not.toMatch(/\.?list(?:Keys|Secrets|AccountSas|ServiceSas|\w*Credentials)\w*\s*\(/i);
      expect(text, path).not.toMatch(/AccountKey=|SharedAccessSignature|publishingPassword/i);
    }
    for (const { name, node } of file('main.bicep').outputs) {
      expect(`${name} ${node.text}`).not.toMatch(/secret|password|connectionString|\bkeys?\b|accountKey/i);
    }
  });
});

describe('app settings', () => {
  const names = new Set(settingRows.map(({ name }) => name));
  const family = (name: string): string | undefined => /^(\w+_)<\w+>$/.exec(name)?.[1];

  it('that the code reads are all set, or can be', async () => {
    const { ownSettings, defaultSettings } = await templateSettings(PROJECT_ROOT);
    const template = file('modules/functionApp.bicep').text;
    const types = file('modules/settings.bicep').text;
    for (const name of names) {
      const prefix = family(name);
      const isSet =
        prefix === undefined
          ? new RegExp(`^  ${name}: `, 'm').test(types) ||
            [...ownSettings.keys(), ...defaultSettings.keys()].some(
              (own) => own === name || own.startsWith(`${name}__`),
            )
          : template.includes(`'${prefix}\${`);
      expect(
        isSet,
        `${name} is read by the app and cannot be set with the template: ${
          prefix === undefined
            ? 'run npm run generate'
            : 'give infra/modules/functionApp.bicep a parameter with the names of its secrets, as anonymizationKeyNames is'
        }`,
      ).toBe(true);
    }
  });

  it('that the template sets are all read, and none is refused', async () => {
    const { ownSettings, defaultSettings, smallSettings } = await templateSettings(PROJECT_ROOT);
    for (const name of [...ownSettings.keys(), ...defaultSettings.keys(), ...smallSettings.keys()]) {
      const account = /^(\w+?)__(?:accountName|blobServiceUri|clientId)$/.exec(name)?.[1] ?? name;
      expect(
        names.has(name) || names.has(account) || name in PLATFORM_SETTINGS,
        `${name} is set in infra/modules/functionApp.bicep and never read: remove it, or say who reads it in test/infra/facts.ts`,
      ).toBe(true);
      expect(name).not.toMatch(REFUSED_BY_FLEX_CONSUMPTION);
    }
  });

  it('that are secrets are references to the Key Vault, and never parameters', () => {
    const [plain = '', secrets = ''] = file('modules/settings.bicep').text.split('type KeyVaultSettings');
    expect(secrets).toContain('ANONYMIZATION_REGISTRY_CREDENTIALS: string?');
    expect(plain).not.toMatch(/^ {2}\w*(?:SECRET|CREDENTIALS|PASSWORD|PRIVATE_KEY|HEADER_VALUE)\w*: /m);
    expect(file('modules/functionApp.bicep').text).toContain('@Microsoft.KeyVault(SecretUri=');
  });
});

describe('roles', () => {
  const assignments = made('Microsoft.Authorization/roleAssignments');
  const roles = [...files.values()].flatMap(({ variables }) =>
    variables
      .map(({ name, node }) => [name, stringContent(node.namedChildren[1])] as const)
      .filter(([, id]) => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)),
  );

  it('have the ids that Azure gave them', () => {
    expect(Object.fromEntries(roles.map(([name, id]) => [roleName(name), id]))).toEqual(ROLE_IDS);
  });

  it('are assigned on one resource each, with a reason', () => {
    expect(assignments.length).toBeGreaterThanOrEqual(roles.length);
    for (const { name, description, properties } of assignments) {
      expect(description, name).not.toBe('');
      expect(properties.get('scope'), name).toBeDefined();
    }
  });
});

describe('what holds data', () => {
  it.each([
    ['Microsoft.Storage/storageAccounts', 'allowSharedKeyAccess: false'],
    ['Microsoft.Storage/storageAccounts', 'allowBlobPublicAccess: false'],
    ['Microsoft.Storage/storageAccounts', "minimumTlsVersion: 'TLS1_2'"],
    ['Microsoft.Storage/storageAccounts', 'supportsHttpsTrafficOnly: true'],
    ['Microsoft.Storage/storageAccounts', 'allowCrossTenantReplication: false'],
    ['Microsoft.Storage/storageAccounts', "bypass: 'None'"],
    ['Microsoft.Storage/storageAccounts/blobServices', 'isVersioningEnabled: false'],
    ['Microsoft.Storage/storageAccounts/blobServices/containers', "publicAccess: 'None'"],
    ['Microsoft.KeyVault/vaults', 'enableRbacAuthorization: true'],
    ['Microsoft.KeyVault/vaults', "bypass: 'None'"],
    ['Microsoft.ContainerRegistry/registries', 'adminUserEnabled: false'],
    ['Microsoft.ContainerRegistry/registries', 'anonymousPullEnabled: false'],
    ['Microsoft.Insights/components', 'DisableLocalAuth: true'],
    ['Microsoft.OperationalInsights/workspaces', 'disableLocalAuth: true'],
    ['Microsoft.Web/sites', 'httpsOnly: true'],
    ['Microsoft.Web/sites', "ftpsState: 'Disabled'"],
    ['Microsoft.Web/sites', "minTlsVersion: '1.2'"],
    ['Microsoft.Web/sites/basicPublishingCredentialsPolicies', 'allow: false'],
  ])('%s: %s', (type, property) => {
    const found = made(type);
    expect(found.length).toBeGreaterThan(0);
    for (const { name, node } of found) expect(node.text, name).toContain(property);
  });

  it('is kept by no soft delete unless asked for, and the lifecycle rule spares configurations', () => {
    const { parameters, resources: all, text } = file('modules/exportStorage.bicep');
    expect(file('main.bicep').parameters.find(({ name }) => name === 'exportSoftDeleteDays')?.initial).toBe(
      '0',
    );
    expect(parameters.map(({ name }) => name)).toContain('softDeleteDays');
    const rule = all.find(({ type }) => type.endsWith('/managementPolicies'))?.node.text ?? '';
    expect(rule).toContain('prefixMatch: map(exportContainers');
    expect(rule).not.toContain('configurationContainer');
    expect(text).toContain("var configurationContainer = 'anonymization'");
  });
});

describe('alerts', () => {
  const { text } = file('modules/alerts.bicep');
  const alerts = [...text.matchAll(/name: '([\w-]+)'\n {4}description: '[^']+'\n {4}query: '([^']+)'/g)];
  const page = readFileSync(join(PROJECT_ROOT, 'docs/operations.md'), 'utf8');

  it('ask what the operations page explains', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(4);
    for (const [, name, query = ''] of alerts) {
      expect(page, `the alert ${name} is not explained`).toContain(`| \`${name}\``);
      expect(page, `the query of ${name} is not shown`).toContain(query);
    }
  });

  it('look for fields that log lines have', () => {
    const logged = readFileSync(join(PROJECT_ROOT, 'functions/activities/activity.ts'), 'utf8');
    const failure = readFileSync(join(PROJECT_ROOT, 'functions/common/errors.ts'), 'utf8');
    const fields = [...page.matchAll(/\bline\.(\w+)/g)].map(([, field = '']) => field);
    expect(fields.length).toBeGreaterThan(3);
    for (const field of fields) expect(`${logged}${failure}`).toMatch(new RegExp(`\\b${field}\\b`));
  });
});

describe('what surrounds the templates', () => {
  const workflow = readFileSync(join(PROJECT_ROOT, '.github/workflows/deploy.yml'), 'utf8');
  const azureYaml = readFileSync(join(PROJECT_ROOT, 'azure.yaml'), 'utf8');

  it('azd finds the app that the template tags, and deploys the package as it was made', () => {
    const service = file('main.bicep').variables.find(({ name }) => name === 'SERVICE_NAME');
    expect(azureYaml).toMatch(
      new RegExp(`^services:\\n  ${stringContent(service?.node.namedChildren[1])}:`, 'm'),
    );
    expect(azureYaml).toContain('dist: dist/package\n');
    expect(azureYaml).toContain('remoteBuild: false\n');
    expect(azureYaml).toContain('run: npm ci && npm run package\n');
  });

  it.each(readdirSync(join(PROJECT_ROOT, '.github/workflows')))(
    'the workflow %s pins its actions, stores no secret and may write nothing to the repository',
    (name) => {
      const text = readFileSync(join(PROJECT_ROOT, '.github/workflows', name), 'utf8');
      const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, action = '']) => action);
      expect(uses.length).toBeGreaterThan(0);
      for (const action of uses) expect(action).toMatch(/@[\da-f]{40}$/);
      expect(text).toContain('permissions:\n  contents: read\n');
      expect(text).not.toContain('secrets.');
      expect(text).not.toMatch(/contents: write|write-all/);
    },
  );

  it('the workflow that deploys is trusted by its token', () => {
    expect(workflow).toContain('id-token: write');
  });

  it('the workflow of changes runs all checks on the oldest Node.js that the package takes', () => {
    const ci = readFileSync(join(PROJECT_ROOT, '.github/workflows/ci.yml'), 'utf8');
    const { engines } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    const oldest = /^>=(\d+)\./.exec(engines.node)?.[1];
    expect(ci).toContain(`- node: ${oldest}\n            run: bash .ci/run\n`);
  });

  it('the workflow passes on whatever the example reads', () => {
    for (const [, name] of file('main.bicepparam').text.matchAll(/readEnvironmentVariable\('(\w+)'/g)) {
      expect(workflow).toContain(`          ${name}: `);
    }
  });

  it('host.json keeps URLs with their queries, which hold keys and search values, out of what the host logs', () => {
    const { logging } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'host.json'), 'utf8')) as {
      logging: { logLevel: Record<string, string>; applicationInsights: Record<string, unknown> };
    };
    // The host hands requests on to the app by HTTP, and would log that as any other request that it makes.
    expect(logging.applicationInsights['enableDependencyTracking']).toBe(false);
    for (const category of ['Microsoft.AspNetCore', 'System.Net.Http', 'Yarp']) {
      expect(`${category} ${logging.logLevel[category]}`).toBe(`${category} Warning`);
    }
  });

  it('host.json suits Flex Consumption', () => {
    const host = JSON.parse(readFileSync(join(PROJECT_ROOT, 'host.json'), 'utf8')) as {
      functionTimeout: string;
      extensionBundle: { version: string };
      extensions: { durableTask: { storageProvider: { maxQueuePollingInterval: string } } };
    };
    const seconds = (span: string): number =>
      span.split(':').reduce((total, part) => total * 60 + Number(part), 0);
    expect(host.extensionBundle.version).toBe('[4.*, 5.0.0)');
    // An instance that is drained waits for an hour at most; slices end long before their timeout.
    expect(seconds(host.functionTimeout)).toBeLessThanOrEqual(3600);
    const slice = settingRows.find(({ name }) => name === 'SLICE_MAX_SECONDS');
    const longest = slice?.kind.is === 'integer' ? slice.kind.max : Number.NaN;
    expect(longest).toBeLessThan(seconds(host.functionTimeout));
    expect(seconds(host.extensions.durableTask.storageProvider.maxQueuePollingInterval)).toBeLessThanOrEqual(
      10,
    );
  });
});

it('the worker takes more of headers than the host, however the app is started', () => {
  const setting = /languageWorkers__node__arguments"?:\s+['"]--max-http-header-size=(\d+)(?: [^'"]*)?['"]/g;
  const read = (path: string): number[] =>
    [...readFileSync(join(PROJECT_ROOT, path), 'utf8').matchAll(setting)].map(([, bytes]) => Number(bytes));
  expect(read('infra/modules/functionApp.bicep')).toEqual([65_536, 65_536]);
  for (const path of ['local.settings.sample.json', 'local/stack.ts'])
    expect(read(path), path).toEqual([65_536]);
});

it('memory of the worker is allocated by the same rules, however the app is started', () => {
  const read = (path: string): string[] =>
    readFileSync(join(PROJECT_ROOT, path), 'utf8').match(
      /MALLOC_\w+: '\d+'|--max-semi-space-size=4 [^']*/g,
    ) ?? [];
  const [template, stack] = ['infra/modules/functionApp.bicep', 'local/stack.ts'].map(read);
  expect(template).toHaveLength(3);
  expect(stack).toEqual(template);
});
