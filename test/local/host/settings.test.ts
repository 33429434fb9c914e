import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startHost } from '../../../local/host/host.js';
import { readHostSettings } from '../../../local/host/hostJson.js';
import { applyLocalSettings } from '../../../local/host/localSettings.js';

const root = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
function folder(files: Record<string, string>): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

describe('an app that cannot be started says why', () => {
  const library = JSON.stringify(createRequire(import.meta.url).resolve('@azure/functions'));
  const code = (text: string): Record<string, string> => ({
    'host.json': '{}',
    'package.json': '{"main":"index.js"}',
    'index.js': `const { app } = require(${library});\n${text}`,
  });
  const http = "{ handler: () => ({}), authLevel: 'anonymous' }";

  test.each<[string, Record<string, string>, RegExp]>([
    ['no host.json', { 'package.json': '{}' }, /host\.json does not exist/],
    ['no package.json', { 'host.json': '{}' }, /Cannot read .*package\.json/],
    ['no entry point', { 'host.json': '{}', 'package.json': '{}' }, /has no "main"/],
    ['not built', { 'host.json': '{}', 'package.json': '{"main":"x.js"}' }, /x\.js does not exist\. Build/],
    ['throws', code("throw new Error('at load');"), /unable to load entry point ".*index\.js": at load/],
    ['no functions', code(''), /registered no functions/],
    [
      'a name twice',
      code(`app.http('a', ${http}); app.http('a', ${http});`),
      /"a" has already been registered/,
    ],
    [
      'a queue',
      code("app.storageQueue('q', { queueName: 'x', connection: '', handler() {} });"),
      /'queueTrigger'/,
    ],
    [
      'a route',
      code("app.http('r', { route: 'a/{b:regex(x)}', handler() {} });"),
      /does not know '\{b:regex\(x\)\}'/,
    ],
    [
      'a schedule',
      code("app.timer('t', { schedule: 'daily', handler() {} });"),
      /'t': its schedule 'daily' cannot/,
    ],
    [
      'a setting',
      code("app.timer('t', { schedule: '%NOT_SET%', handler() {} });"),
      /setting 'NOT_SET' .* is not set/,
    ],
  ])('%s', async (_name, files, message) => {
    const started = startHost({
      scriptRoot: folder(files),
      port: 0,
      dataDirectory: join(root, 'data'),
      log: { write: () => {} },
    });
    await expect(started).rejects.toThrow(message);
  });
});

function read(json: unknown, environment = {}): ReturnType<typeof readHostSettings> {
  return readHostSettings(folder({ 'host.json': JSON.stringify(json) }), environment);
}

describe('host.json', () => {
  test('has the defaults of the real host', () => {
    expect(read({ version: '2.0' })).toMatchObject({
      routePrefix: 'api',
      hubName: 'TestHubName',
      functionTimeoutMs: 1_800_000,
      workItemVisibilityMs: 300_000,
      controlVisibilityMs: 300_000,
      logLevels: {},
    });
  });

  test('is read', () => {
    const durableTask = { hubName: 'A%B%', maxConcurrentActivityFunctions: 3 };
    const json = {
      functionTimeout: '1.00:10:01',
      logging: { logLevel: { default: 'Warning', Function: 'nonsense' } },
      extensions: { http: { routePrefix: '' }, durableTask },
    };
    expect(read(json, { B: 'hub' })).toMatchObject({
      routePrefix: '',
      hubName: 'Ahub',
      functionTimeoutMs: 87_001_000,
      maxConcurrentActivityFunctions: 3,
      logLevels: { default: 'warning' },
    });
    expect(read({ functionTimeout: '-1' }).functionTimeoutMs).toBe(Infinity);
  });

  test.each([
    [{ functionTimeout: '10 minutes' }, /functionTimeout must be a time/],
    [{ functionTimeout: '00:00:00' }, /functionTimeout must be a time/],
    [{ extensions: { http: { routePrefix: 1 } } }, /http\.routePrefix must be a string/],
    [
      { extensions: { durableTask: { maxConcurrentActivityFunctions: 0 } } },
      /must be a whole number above 0/,
    ],
    [
      { extensions: { durableTask: { storageProvider: { workItemQueueVisibilityTimeout: '00:00:59' } } } },
      /workItemQueueVisibilityTimeout must be a time from "00:01:00"/,
    ],
    [
      { extensions: { durableTask: { storageProvider: { controlQueueVisibilityTimeout: '01:00:01' } } } },
      /controlQueueVisibilityTimeout must be a time from "00:01:00"/,
    ],
    [{ extensions: { durableTask: { hubName: '%HUB%' } } }, /setting 'HUB' .* is not set/],
  ])('%j is refused', (json, message) => {
    expect(() => read(json)).toThrow(message);
  });
});

describe('local.settings.json', () => {
  test('sets what is not set', () => {
    const environment = { A: 'set' };
    const settings = { IsEncrypted: false, Values: { A: 'file', B: 'file', C: 1 } };
    applyLocalSettings(folder({ 'local.settings.json': JSON.stringify(settings) }), environment);
    expect(environment).toEqual({ A: 'set', B: 'file', C: '1' });
  });

  test('may be missing, but not broken; what is in it is not shown', () => {
    expect(() => applyLocalSettings(folder({}), {})).not.toThrow();
    const broken = folder({ 'local.settings.json': '{"Values":{"KEY":"secret' });
    expect(() => applyLocalSettings(broken, {})).toThrow(/local\.settings\.json is not valid JSON\.$/);
    expect(() => applyLocalSettings(broken, {})).not.toThrow(/secret/);
  });
});
