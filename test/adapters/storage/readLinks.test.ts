import { globalAgent } from 'node:https';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { generate } from 'selfsigned';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReadLinks } from '../../../functions/adapters/storage/readLinks.js';
import { DEVELOPMENT_KEY } from '../../../local/developmentStorage.js';
import { type Emulator, startEmulator } from '../azurite.js';

const HOUR_MS = 3_600_000;
const CONTAINER = 'research';
const NAME = '20260101-job/Patient-0 ü.ndjson';

let emulator: Emulator;
let withKey: BlobServiceClient;
let withToken: BlobServiceClient;
let dispatcher: Agent;

beforeAll(async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  emulator = await startEmulator({ cert, key });
  dispatcher = new Agent({ connect: { ca: cert } });
  const url = `https://127.0.0.1:${emulator.port}/${emulator.account}`;
  // The SDK takes no certificate of its own; without connections kept alive it uses this agent.
  const options = { keepAliveOptions: { enable: false } };
  globalAgent.options.ca = cert;
  const sharedKey = new StorageSharedKeyCredential(emulator.account, DEVELOPMENT_KEY);
  withKey = new BlobServiceClient(url, sharedKey, options);
  const token = { token: unsignedToken(), expiresOnTimestamp: Date.now() + HOUR_MS };
  withToken = new BlobServiceClient(url, { getToken: async () => token }, options);
  const container = withKey.getContainerClient(CONTAINER);
  await container.create();
  for (const name of [NAME, 'other']) await container.getBlockBlobClient(name).upload('{}\n', 3);
});
afterAll(async () => {
  delete globalAgent.options.ca;
  await dispatcher.close();
  await emulator.stop();
});

/** What the emulator takes for a token of Microsoft Entra ID. */
function unsignedToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tenant = 'ab1f708d-50f6-404c-a006-d71b2ac7a606';
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    iat: now,
    nbf: now,
    exp: now + 3600,
    oid: '23657296-5cd5-45b0-a809-d972a7f4dfe1',
    tid: tenant,
  };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.AAAA`;
}

async function status(url: string, method = 'GET'): Promise<number> {
  const response = await fetch(url, { method, dispatcher, ...(method === 'PUT' ? { body: 'x' } : {}) });
  await response.text();
  return response.status;
}

describe.each([
  ['the account key', (): BlobServiceClient => withKey, ''],
  ['an identity', (): BlobServiceClient => withToken, 'skoid'],
])('a link signed with %s', (_name, service, mark) => {
  const link = async (lifetimeMs: number): Promise<(name: string) => string> =>
    new ReadLinks(service()).linksTo(
      service().getContainerClient(CONTAINER),
      new Date(Date.now() + lifetimeMs),
      Date.now(),
    );

  it('reads its file, without anything else', async () => {
    const url = (await link(HOUR_MS))(NAME);
    const response = await fetch(url, { dispatcher });
    expect(await response.text()).toBe('{}\n');
    const query = new URL(url).searchParams;
    expect(query.get('sp')).toBe('r');
    expect(query.get('sr')).toBe('b');
    expect(query.get('spr')).toBe('https');
    expect(query.has('skoid')).toBe(mark !== '');
  });

  it('reads no other file, lists, writes and deletes nothing', async () => {
    const url = (await link(HOUR_MS))(NAME);
    const other = url.replace(encodeURI(NAME.split('/')[1] ?? ''), 'other').replace('20260101-job/', '');
    expect(await status(other)).toBe(403);
    const list = url.replace(/\/20260101.*\?/, '?comp=list&restype=container&');
    expect(await status(list)).toBe(403);
    expect(await status(url, 'DELETE')).toBe(403);
    expect(await status(url, 'PUT')).not.toBe(201);
    expect(await status(url)).toBe(200);
  });

  it('is of no use when its time is over', async () => {
    expect(await status((await link(-60_000))(NAME))).toBe(403);
  });
});

it('the key of an identity is asked for once, and anew shortly before it expires', async () => {
  const links = new ReadLinks(withToken);
  const container = withToken.getContainerClient(CONTAINER);
  const now = Date.now();
  const asked = vi.spyOn(withToken, 'getUserDelegationKey');
  await links.linksTo(container, new Date(now + HOUR_MS), now);
  await links.linksTo(container, new Date(now + 24 * HOUR_MS), now);
  await links.linksTo(container, new Date(now + 140 * HOUR_MS), now);
  expect(asked).toHaveBeenCalledTimes(1);
  await links.linksTo(container, new Date(now + 144 * HOUR_MS), now + HOUR_MS);
  expect(asked).toHaveBeenCalledTimes(2);
});

it('an account that is reached with neither is reported', async () => {
  const anonymous = new BlobServiceClient(`https://127.0.0.1:${emulator.port}/${emulator.account}`);
  const links = new ReadLinks(anonymous).linksTo(anonymous.getContainerClient(CONTAINER), new Date(), 0);
  await expect(links).rejects.toThrow(/AccountKey/);
});
