import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN_CALLER } from '../../../functions/http/authorization/caller.js';
import { consoleRoute } from '../../../functions/http/console/console.js';
import type { HttpDependencies } from '../../../functions/http/dependencies.js';
import { routes } from '../../../functions/http/routes.js';
import { readSettings } from '../../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../../environment.js';
import { SMART } from '../answers.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fhir-console-'));
  mkdirSync(join(folder, 'exports'));
  writeFileSync(join(folder, 'exports/index.html'), 'exports');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ask(url: string, environment: Record<string, string> = {}): Promise<HttpResponseInit> {
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  return consoleRoute(folder, settings)(
    { url, method: 'GET', headers: new Headers() } as unknown as HttpRequest,
    {} as DurableClient,
    {} as InvocationContext,
    UNKNOWN_CALLER,
  );
}

const HERE = { WEBSITE_HOSTNAME: 'localhost:7071' };
const ENTRA = {
  AUTHENTICATION: 'entra',
  ENTRA_TENANT_ID: '6f3f8a52-5a60-4a2e-9b9c-1d2e3f405162',
  WEBSITE_AUTH_ENABLED: 'true',
};

const CLIENT = {
  ENTRA_CONSOLE_CLIENT_ID: '0f3f8a52-5a60-4a2e-9b9c-1d2e3f405162',
  ENTRA_CONSOLE_SCOPE: 'api://export/user_impersonation',
};

describe('the console of the app', () => {
  it.each([
    ['http://host/console/', 200],
    ['http://host/console/?r5', 200],
    ['http://host/prefix/console/', 200],
    ['http://host/console', 308],
  ])('is at %s: %i', async (url, status) => {
    expect((await ask(url)).status).toBe(status);
  });

  it.each<[string, Record<string, string>, object]>([
    ['smart', SMART, { signIn: 'token', tokensOf: 'smart', listsExports: true }],
    ['entra', ENTRA, { signIn: 'token', tokensOf: 'entra', listsExports: true }],
    [
      'entra and a client of the console',
      { ...ENTRA, ...CLIENT, ENTRA_AUTHORITY: 'https://login.microsoftonline.us/' },
      {
        signIn: 'token',
        tokensOf: 'entra',
        signInAt: {
          authority: `https://login.microsoftonline.us/${ENTRA.ENTRA_TENANT_ID}`,
          clientId: CLIENT.ENTRA_CONSOLE_CLIENT_ID,
          scope: CLIENT.ENTRA_CONSOLE_SCOPE,
        },
        listsExports: true,
      },
    ],
    ['function-keys', {}, { signIn: 'function-key', listsExports: false }],
    ['function-keys on this machine', HERE, { signIn: 'nothing', listsExports: false }],
    ['none', { AUTHENTICATION: 'none', ...HERE }, { signIn: 'nothing', listsExports: true }],
  ])(
    'says how callers sign in with %s, and no value of a setting but those that a sign-in shows',
    async (_method, environment, described) => {
      const { body } = await ask('http://host/console/app.json', environment);
      expect(JSON.parse(String(body))).toEqual({ base: '../fhir', ...described });
    },
  );

  it('can be turned off', async () => {
    await expect(ask('http://host/console/', { CONSOLE: 'off' })).rejects.toMatchObject({
      status: 404,
      issues: [{ diagnostics: 'The console is off here (CONSOLE).' }],
    });
  });

  it('takes no key, as metadata does, while all data takes one', () => {
    const settings = readSettings(REQUIRED_SETTINGS);
    const open = routes({ settings } as HttpDependencies).filter(({ access }) => access === 'open');
    expect(open.map(({ route }) => route).sort()).toEqual([
      'console/{*path}',
      'fhir/$de-identify',
      'fhir/.well-known/smart-configuration',
      'fhir/metadata',
      'healthz',
      '{*path}',
    ]);
  });
});
