import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigurationBlobs } from '../../functions/adapters/configurationBlobs.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import type { ExportError } from '../../functions/common/errors.js';
import type { StorageAccount } from '../../functions/settings/storageSettings.js';

const KEY = Buffer.from('secret key').toString('base64');
const IDENTITY: StorageAccount = { blobServiceUri: 'https://x', clientId: '1234' };
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A reader of an account that answers as given. */
async function blobsOf(answer: Answer, account?: StorageAccount): Promise<ConfigurationBlobs> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=exports;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:${port}/exports;`;
  return new ConfigurationBlobs(openStorage({ connectionString }), account ?? { connectionString });
}

const blob =
  (content: Buffer | string): Answer =>
  (_request, response) => {
    const length = Buffer.byteLength(content);
    response.writeHead(206, {
      etag: '"0x8D1"',
      'content-length': length,
      'content-range': `bytes 0-${length - 1}/${length}`,
    });
    response.end(content);
  };
const refuse =
  (status: number, code: string): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'x-ms-error-code': code, 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>10.1.2.3</Message></Error>`);
  };

/** What Azurite answers to a version of the API that is newer than it. */
const refuseVersion: Answer = (_request, response) => {
  response.writeHead(400, { 'x-ms-error-code': 'InvalidHeaderValue', 'content-type': 'application/xml' });
  response.end(
    '<?xml version="1.0"?><Error><Code>InvalidHeaderValue</Code><Message>The API version 2026-04-06 is not supported by Azurite.</Message></Error>',
  );
};

describe('a configuration in blob storage', () => {
  it('of a storage emulator that is older than the SDK: that is said, not that the name is wrong', async () => {
    const blobs = await blobsOf(refuseVersion);
    await expect(blobs.read('a.json', undefined)).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: expect.stringMatching(/EXPORT_STORAGE answered 400 .*--skipApiVersionCheck/),
      retryable: false,
    });
  });

  it.each([
    ['without quotes', '0x8D1', '"0x8D1"'],
    ['with quotes', '"0x8D1"', '"0x8D1"'],
    ['that would match every version', '*', '"*"'],
    ['that is not given', undefined, undefined],
  ])('is asked for on the condition of an ETag %s', async (_name, etag, sent) => {
    let seen: string | undefined;
    const blobs = await blobsOf((request, response) => {
      seen = request.headers['if-match'];
      blob('{}')(request, response);
    });
    await expect(blobs.read('a.json', etag)).resolves.toEqual({ text: '{}', etag: '"0x8D1"' });
    expect(seen).toBe(sent);
  });

  it.each([
    ['folder/a.json', '/exports/anonymization/folder%2Fa.json'],
    ['a?comp=list&x=1#y', '/exports/anonymization/a%3Fcomp%3Dlist%26x%3D1%23y'],
    ['%2e%2e/x', '/exports/anonymization/%252e%252e%2Fx'],
  ])('named %s stays in its container', async (name, path) => {
    let seen = '';
    const blobs = await blobsOf((request, response) => {
      seen = request.url ?? '';
      blob('{}')(request, response);
    });
    await blobs.read(name, undefined);
    expect(decodeURIComponent(seen.split('?')[0] ?? '')).toBe(decodeURIComponent(path));
  });

  it.each([
    ['not there', refuse(404, 'BlobNotFound'), undefined, 'configuration-not-found', /no blob of this name/],
    [
      'without container',
      refuse(404, 'ContainerNotFound'),
      undefined,
      'configuration-not-found',
      /storage account of EXPORT_STORAGE has no container anonymization.*Create it/,
    ],
    [
      'of another version',
      refuse(412, 'ConditionNotMet'),
      undefined,
      'configuration-not-found',
      /another ETag/,
    ],
    ['empty', refuse(416, 'InvalidRange'), undefined, 'configuration-invalid', /is empty/],
    [
      'too large',
      blob(Buffer.alloc(1_048_577, ' ')),
      undefined,
      'configuration-invalid',
      /larger than 1 MiB/,
    ],
    ['not text', blob(Buffer.from([0xff, 0xfe])), undefined, 'configuration-invalid', /not UTF-8/],
    [
      'without role',
      refuse(403, 'AuthorizationPermissionMismatch'),
      IDENTITY,
      'storage-denied',
      /storage account of EXPORT_STORAGE .*managed identity with the client id 1234 the role Storage Blob Data Reader/,
    ],
    ['behind a firewall', refuse(403, 'AuthorizationFailure'), IDENTITY, 'storage-denied', /firewall/],
    [
      'with a wrong key',
      refuse(403, 'AuthenticationFailed'),
      undefined,
      'storage-denied',
      /connection string/,
    ],
  ] satisfies Array<[string, Answer, StorageAccount | undefined, string, RegExp]>)(
    'that is %s is reported, with what to do',
    async (_name, answer, account, code, words) => {
      const failure = await (await blobsOf(answer, account)).read('a.json', '0x1').then(
        () => Promise.reject(new Error('it did not fail')),
        (error: ExportError) => error,
      );
      expect(failure.code).toBe(code);
      expect(failure.message).toMatch(words);
      expect(failure.message).not.toMatch(new RegExp(`10\\.1\\.2\\.3|${KEY}|exports`));
    },
  );
});

describe('the list of configurations in blob storage', () => {
  const blobXml = ([name, bytes]: readonly [string, number]): string =>
    `<Blob><Name>${name}</Name><Properties><Etag>0x8D1</Etag><Content-Length>${bytes}</Content-Length></Properties></Blob>`;
  const listing =
    (items: ReadonlyArray<readonly [string, number]>, marker: string, seen: string[] = []): Answer =>
    (request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0"?><EnumerationResults ContainerName="anonymization"><Blobs>${items.map(blobXml).join('')}</Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`,
      );
    };

  it('has the blobs of a page whose names and sizes are those of configurations, and goes on behind them', async () => {
    const seen: string[] = [];
    const items = [
      ['a.json', 10],
      ['folder/b.yaml', 1_048_576],
      ['empty', 0],
      ['large', 1_048_577],
      ['../c.json', 10],
    ] as const;
    const blobs = await blobsOf(listing(items, 'next', seen));
    await expect(blobs.list('before', 5)).resolves.toEqual({
      blobs: [
        { name: 'a.json', etag: '0x8D1' },
        { name: 'folder/b.yaml', etag: '0x8D1' },
      ],
      cursor: 'next',
    });
    const [url = ''] = seen;
    expect(Object.fromEntries(new URL(url, 'http://host').searchParams)).toMatchObject({
      comp: 'list',
      marker: 'before',
      maxresults: '5',
    });
  });

  it('ends with its last page', async () => {
    await expect((await blobsOf(listing([], ''))).list(undefined, 5)).resolves.toEqual({ blobs: [] });
  });

  it('does not begin where no page has ended', async () => {
    const blobs = await blobsOf(refuse(400, 'OutOfRangeInput'));
    await expect(blobs.list('x', 5)).resolves.toBeUndefined();
  });

  it.each([
    ['without container', refuse(404, 'ContainerNotFound'), 'configuration-not-found', /Create it/],
    ['without role', refuse(403, 'AuthorizationPermissionMismatch'), 'storage-denied', /storage account/],
  ] satisfies Array<[string, Answer, string, RegExp]>)(
    'of an account %s is refused, with what to do',
    async (_name, answer, code, message) => {
      const blobs = await blobsOf(answer);
      await expect(blobs.list(undefined, 5)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    },
  );
});
