import { createServer as createTcpServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationImages } from '../../../functions/adapters/configurationImages.js';
import type { ManagedIdentity } from '../../../functions/adapters/managedIdentity.js';
import type { ExportError } from '../../../functions/common/errors.js';
import { readOciReference } from '../../../functions/export/request/ociReference.js';
import type { RegistrySettings } from '../../../functions/settings/registrySettings.js';
import { type Entry, tarGzOf, tarHeader, tarOf } from './archives.js';
import {
  digestOf,
  type Fault,
  INDEX,
  MANIFEST,
  TAR_GZ,
  testCertificate,
  TestRegistry,
} from './testRegistry.js';

const TITLE = 'org.opencontainers.image.title';
const REPOSITORY = 'team/anonymization/configs';
const USER = { username: 'reader', password: 'hunter2-password' };
const ENTRA_TOKEN = 'entra-token-of-the-app';
const IDENTITY: ManagedIdentity = {
  credential: {
    getToken: async () => ({ token: ENTRA_TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }),
  },
  name: "the app's managed identity",
};

let registry: TestRegistry;
/** Storage behind the registry, on another host. */
let storage: TestRegistry;

beforeAll(async () => {
  // One certificate: what is tested is where requests go and what they carry.
  const certificate = testCertificate();
  registry = await TestRegistry.start(undefined, certificate);
  storage = await TestRegistry.start(undefined, certificate);
});
afterAll(() => {
  registry.stop();
  storage.stop();
});
beforeEach(() => {
  registry.reset();
  storage.reset();
});

function images(settings: Partial<RegistrySettings> = {}, identity?: ManagedIdentity): ConfigurationImages {
  return new ConfigurationImages(
    {
      hosts: new Set([registry.host]),
      repositories: new Set(),
      credentials: new Map(),
      clientId: undefined,
      ca: registry.ca,
      ...settings,
    },
    () => identity,
  );
}

const withUser = (): Partial<RegistrySettings> => ({ credentials: new Map([[registry.host, USER]]) });

function read(
  version: string,
  path = 'a.json',
  from: ConfigurationImages = images(),
  host = registry.host,
): Promise<{ text: string; digest: string }> {
  const parsed = readOciReference(`${host}/${REPOSITORY}${version}`);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return from.read(parsed.reference, path);
}

async function failureOf(promise: Promise<unknown>): Promise<ExportError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: ExportError) => error,
  );
}

/** Puts an image of archives, lowest first; returns its digest. */
async function putLayers(...layers: Entry[][]): Promise<string> {
  const packed = await Promise.all(layers.map(tarGzOf));
  return registry.putImage(
    REPOSITORY,
    'v1',
    packed.map((bytes) => registry.putBlob(bytes)),
  );
}

/** Puts an artifact of plain files, as `oras push` makes it. */
function putFiles(files: Array<[string, string | Buffer]>, mediaType = 'application/json'): string {
  return registry.putImage(
    REPOSITORY,
    'v1',
    files.map(([name, text]) => registry.putBlob(Buffer.from(text), mediaType, { [TITLE]: name })),
  );
}

function putBytes(bytes: Buffer): void {
  registry.putImage(REPOSITORY, 'v1', [registry.putBlob(bytes)]);
}

/** The same with its last bit turned. */
function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

function indexEntry(digest: string, os: string, architecture: string): object {
  return { mediaType: MANIFEST, digest, size: 1, platform: { os, architecture } };
}

describe('a configuration is read', () => {
  it('by tag and by digest, from an archive, with the digest of the tag', async () => {
    const digest = await putLayers([['a.json', '{"a":1}']]);
    await expect(read(':v1')).resolves.toEqual({ text: '{"a":1}', digest });
    await expect(read(`@${digest}`)).resolves.toEqual({ text: '{"a":1}', digest });
  });

  it('from plain files with a title', async () => {
    putFiles([
      ['b.json', 'other'],
      ['a.json', '{"a":2}'],
    ]);
    await expect(read(':v1')).resolves.toMatchObject({ text: '{"a":2}' });
    // The other file was not even asked for.
    expect(registry.requests.filter(({ url }) => url.includes('/blobs/'))).toHaveLength(1);
  });

  it('from a plain file that its tool has marked as an archive', async () => {
    putFiles([['a.json', '{"a":3}']], 'application/vnd.oci.image.layer.v1.tar');
    await expect(read(':v1')).resolves.toMatchObject({ text: '{"a":3}' });
  });

  it.each([
    ['an archive with a title', { [TITLE]: 'layer1.tar.gz' }, 'application/vnd.oci.image.layer.v1.tar'],
    ['a folder as oras archives it', { [TITLE]: 'configs', 'io.deis.oras.content.unpack': 'true' }, TAR_GZ],
    ['a layer of Docker', undefined, 'application/vnd.docker.image.rootfs.diff.tar.gzip'],
  ])('from %s', async (_name, annotations, mediaType) => {
    const bytes = await tarGzOf([['./configs/a.json', 'x']]);
    registry.putImage(REPOSITORY, 'v1', [registry.putBlob(bytes, mediaType, annotations)]);
    await expect(read(':v1', 'configs/a.json')).resolves.toMatchObject({ text: 'x' });
  });

  it('from an archive without compression', async () => {
    const bytes = await tarOf([['a.json', 'plain']]);
    const layer = registry.putBlob(bytes, 'application/vnd.oci.image.layer.v1.tar');
    registry.putImage(REPOSITORY, 'v1', [layer]);
    await expect(read(':v1')).resolves.toMatchObject({ text: 'plain' });
  });

  it('through an index, identified by the digest of the index', async () => {
    const image = await putLayers([['a.json', 'amd']]);
    const other = `sha256:${'0'.repeat(64)}`;
    const digest = registry.putManifest(
      REPOSITORY,
      'multi',
      {
        schemaVersion: 2,
        mediaType: INDEX,
        manifests: [
          indexEntry(other, 'linux', 'arm64'),
          indexEntry(other, 'unknown', 'unknown'),
          indexEntry(image, 'linux', 'amd64'),
        ],
      },
      INDEX,
    );
    await expect(read(':multi')).resolves.toEqual({ text: 'amd', digest });
  });

  it('with a byte order mark, whose digest stays that of the file', async () => {
    putFiles([['a.json', '\ufeff{}']]);
    const { text } = await read(':v1');
    expect(digestOf(text)).toBe(digestOf('\ufeff{}'));
  });
});

describe('the layer that lies on top wins', () => {
  const LINK: Entry = { name: 'a.json', type: 'symlink', linkname: 'b.json' };
  it.each([
    ['the last of two', [[['a.json', 'old']], [['a.json', 'new']]], 'a.json', 'new'],
    ['a lower one, where the last has none', [[['a.json', 'old']], [['b.json', 'new']]], 'a.json', 'old'],
    [
      'the last of a name in one archive',
      [
        [
          ['a.json', 'old'],
          ['a.json', 'new'],
        ],
      ],
      'a.json',
      'new',
    ],
    [
      'a file beside its own whiteout',
      [
        [['a.json', 'old']],
        [
          ['.wh.a.json', ''],
          ['a.json', 'new'],
        ],
      ],
      'a.json',
      'new',
    ],
    [
      'a file beside an opaque mark',
      [
        [['d/a.json', 'old']],
        [
          ['d/a.json', 'new'],
          ['d/.wh..wh..opq', ''],
        ],
      ],
      'd/a.json',
      'new',
    ],
    ['a whiteout', [[['a.json', 'old']], [['.wh.a.json', '']]], 'a.json', /no file of this name/],
    [
      'a whiteout of a folder',
      [[['d/e/a.json', 'old']], [['d/.wh.e', '']]],
      'd/e/a.json',
      /no file of this name/,
    ],
    [
      'an opaque folder',
      [[['d/e/a.json', 'old']], [['d/.wh..wh..opq', '']]],
      'd/e/a.json',
      /no file of this name/,
    ],
    [
      'a whiteout of another file',
      [
        [['a.json', 'old']],
        [
          ['.wh.a.jso', ''],
          ['d/.wh.a.json', ''],
        ],
      ],
      'a.json',
      'old',
    ],
    [
      'a file in the place of the folder',
      [[['d/a.json', 'old']], [['d', 'new']]],
      'd/a.json',
      /no file of this name/,
    ],
    [
      'a link in the place of the folder',
      [
        [
          ['d/a.json', 'old'],
          ['e/a.json', 'other'],
        ],
        [{ name: 'd', type: 'symlink', linkname: 'e' }],
      ],
      'd/a.json',
      /no file of this name/,
    ],
    [
      'a folder in the place of the file',
      [[['a.json', 'old']], [{ name: 'a.json', type: 'directory' }]],
      'a.json',
      /no file of this name/,
    ],
    [
      'a link, which is not followed',
      [
        [
          ['a.json', 'old'],
          ['b.json', 'secret'],
        ],
        [LINK],
      ],
      'a.json',
      /a link or a device, not a file/,
    ],
    [
      'a hard link, which is not followed',
      [[['b.json', 'secret'], { name: 'a.json', type: 'link', linkname: 'b.json' }]],
      'a.json',
      /a link or a device, not a file/,
    ],
    ['no absolute name', [[['/a.json', 'x']]], 'a.json', /no file of this name/],
    [
      'no name that leads out',
      [
        [
          ['d/../a.json', 'x'],
          ['../a.json', 'x'],
        ],
      ],
      'a.json',
      /no file of this name/,
    ],
    ['nothing at all', [[]], 'a.json', /no file of this name/],
  ] satisfies Array<[string, Entry[][], string, string | RegExp]>)(
    '%s',
    async (_name, layers, path, expected) => {
      await putLayers(...layers);
      if (typeof expected === 'string')
        await expect(read(':v1', path)).resolves.toMatchObject({ text: expected });
      else await expect(read(':v1', path)).rejects.toThrow(expected);
    },
  );

  it('also of files with a title', async () => {
    putFiles([
      ['a.json', 'old'],
      ['a.json', 'new'],
    ]);
    await expect(read(':v1')).resolves.toMatchObject({ text: 'new' });
  });
});

const withIdentity = (): ConfigurationImages => images({}, IDENTITY);

describe.each([
  ['with a user and password', () => images(withUser()), { kind: 'basic', ...USER }],
  ['with a token of the registry', () => images(withUser()), { kind: 'bearer', ...USER }],
  ['with the identity of the app', withIdentity, { kind: 'azure', entraToken: ENTRA_TOKEN }],
] as const)('a registry that is read %s', (access, open, authentication) => {
  beforeEach(() => {
    registry.authentication = authentication;
  });

  it('gives archive and plain file', async () => {
    const digest = await putLayers([['a.json', 'x']]);
    await expect(read(':v1', 'a.json', open())).resolves.toEqual({ text: 'x', digest });
    putFiles([['a.json', 'y']]);
    await expect(read(':v1', 'a.json', open())).resolves.toMatchObject({ text: 'y' });
  });

  it('gets no credentials where a redirect leads to another host', async () => {
    await putLayers([['a.json', 'x']]);
    for (const [digest, bytes] of registry.blobs) storage.blobs.set(digest, bytes);
    registry.fault = redirectBlobs(() => `https://${storage.host}`);
    await expect(read(':v1', 'a.json', open())).resolves.toMatchObject({ text: 'x' });
    expect(storage.requests).toHaveLength(1);
    expect(storage.requests[0]?.authorization).toBeUndefined();
  });

  it('gets none there either where that host asks for them', async () => {
    await putLayers([['a.json', 'x']]);
    registry.fault = redirectBlobs(() => `https://${storage.host}`);
    storage.authentication = authentication;
    await expect(read(':v1', 'a.json', open())).rejects.toThrow(/storage of the registry .* answered 401/);
    expect(storage.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('reports of a refusal what is missing, where and for whom', async () => {
    await putLayers([['a.json', 'x']]);
    registry.authentication =
      authentication.kind === 'azure'
        ? { kind: 'azure', entraToken: 'another' }
        : { ...authentication, password: 'another' };
    const failure = await failureOf(read(':v1', 'a.json', open()));
    expect(failure).toMatchObject({ code: 'registry-denied' });
    expect(failure.message).toContain(registry.host);
    expect(failure.message).toMatch(
      access.includes('identity')
        ? /answered 401 .*Give the app's managed identity the role AcrPull on the registry/
        : /answered 401 .*ANONYMIZATION_REGISTRY_CREDENTIALS/,
    );
    expect(failure.message).not.toMatch(/hunter2|entra-token/);
  });

  it('reports an authorization that does not suffice', async () => {
    registry.fault = (request, response) => {
      if (!(request.url ?? '').includes('/manifests/') || request.headers.authorization === undefined)
        return false;
      response
        .writeHead(403)
        .end('{"errors":[{"code":"DENIED","message":"client 10.1.2.3 is not allowed"}]}');
      return true;
    };
    const failure = await failureOf(read(':v1', 'a.json', open()));
    expect(failure).toMatchObject({ code: 'registry-denied' });
    expect(failure.message).toContain('answered 403');
    expect(failure.message).not.toContain('10.1.2.3');
  });

  describe('reports what is wrong with what was sent, and uses nothing of it', () => {
    it.each([
      ['a layer with another digest', 'blobs', damaged, {}, /another digest/],
      ['a layer that is too short', 'blobs', (bytes) => bytes.subarray(0, -4), {}, /another digest/],
      ['a layer that is empty', 'blobs', () => Buffer.alloc(0), {}, /another digest/],
      [
        'a layer that is cut',
        'blobs',
        (bytes) => bytes.subarray(0, -4),
        { cut: true },
        /did not send all|another digest/,
      ],
      [
        'a layer that is too long',
        'blobs',
        (bytes) => Buffer.concat([bytes, Buffer.from('x')]),
        {},
        /another (size|digest)/,
      ],
      ['an image with another digest', 'manifests', damaged, {}, /another digest/],
    ] satisfies Array<[string, string, (bytes: Buffer) => Buffer, object, RegExp]>)(
      '%s',
      async (_case, kind, change, more, words) => {
        const cut = 'cut' in more;
        const digest = await putLayers([['a.json', 'x'.repeat(1000)]]);
        registry.fault = (request, response) => {
          const path = decodeURIComponent(request.url ?? '');
          const [, name = ''] = new RegExp(`/${kind}/(sha256:[0-9a-f]+)$`).exec(path) ?? [];
          const sent =
            kind === 'blobs'
              ? registry.blobs.get(name)
              : registry.manifests.get(`${REPOSITORY}/${name}`)?.bytes;
          if (
            sent === undefined ||
            (authentication.kind !== 'basic' && request.headers.authorization === undefined)
          ) {
            return false;
          }
          const bytes = change(sent);
          response.writeHead(200, {
            'content-type': MANIFEST,
            'docker-content-digest': digest,
            'content-length': cut ? sent.length : bytes.length,
          });
          if (cut) response.write(bytes, () => setTimeout(() => response.destroy(), 50));
          else response.end(bytes);
          return true;
        };
        await expect(read(`@${digest}`, 'a.json', open())).rejects.toThrow(words);
      },
    );
  });

  it('is asked again where it is busy', async () => {
    await putLayers([['a.json', 'x']]);
    let answers = 0;
    registry.fault = (_request, response) => {
      answers++;
      // Every other request, so that those of the token are met, too.
      if (answers % 2 === 0) return false;
      response.writeHead(answers === 1 ? 503 : 429, { 'retry-after': '0' }).end();
      return true;
    };
    await expect(read(':v1', 'a.json', open())).resolves.toMatchObject({ text: 'x' });
  });
});

function redirectBlobs(target: () => string): Fault {
  return (request, response) => {
    if (!(request.url ?? '').includes('/blobs/')) return false;
    response.writeHead(307, { location: `${target()}${request.url}` }).end();
    return true;
  };
}

describe('nothing else is contacted', () => {
  it.each([
    ['a registry that is not registered', (host: string) => host.replace('localhost', '127.0.0.1')],
    ['a registry on another port', (host: string) => `${host}0`.replace(/:\d+/, ':5000')],
    [
      'a registry whose name only begins so',
      (host: string) => host.replace('localhost', 'localhost.example.org'),
    ],
  ])('%s', async (_name, change) => {
    const failure = await failureOf(read(':v1', 'a.json', images(), change(registry.host)));
    expect(failure).toMatchObject({ code: 'invalid-request' });
    expect(failure.message).toContain('ANONYMIZATION_REGISTRIES');
    expect(registry.requests).toEqual([]);
  });

  it('no token service that is not registered', async () => {
    registry.authentication = { kind: 'bearer', ...USER, realm: `https://${storage.host}/token` };
    await expect(read(':v1', 'a.json', images(withUser()))).rejects.toThrow(
      new RegExp(`wants a token of ${storage.host}.*ANONYMIZATION_REGISTRIES`),
    );
    expect(storage.requests).toEqual([]);
  });

  it('but a token service that is registered', async () => {
    await putLayers([['a.json', 'x']]);
    const realm = `https://${registry.host}/token`;
    registry.authentication = { kind: 'bearer', ...USER, realm };
    await expect(read(':v1', 'a.json', images(withUser()))).resolves.toMatchObject({ text: 'x' });
  });

  it.each([
    ['no address without TLS', () => `http://${storage.host}`],
    ['no redirect after the third', () => `https://${registry.host}`],
  ])('%s', async (_name, target) => {
    await putLayers([['a.json', 'x']]);
    registry.fault = redirectBlobs(target);
    await expect(read(':v1')).rejects.toThrow(/leads to a place that is not followed/);
    expect(storage.requests).toEqual([]);
    expect(registry.requests.length).toBeLessThan(8);
  });

  it('no redirect of a manifest', async () => {
    registry.fault = (request, response) => {
      response.writeHead(307, { location: `https://${storage.host}${request.url}` }).end();
      return true;
    };
    await expect(read(':v1')).rejects.toThrow(/answered 307/);
    expect(storage.requests).toEqual([]);
  });
});

describe('limits hold', () => {
  it('for a file in an archive', async () => {
    await putLayers([['a.json', 'x'.repeat(1_048_577)]]);
    await expect(read(':v1')).rejects.toThrow(/larger than 1 MiB/);
    await putLayers([['a.json', 'x'.repeat(1_048_576)]]);
    expect((await read(':v1')).text).toHaveLength(1_048_576);
  });

  it('for a plain file, before it is asked for', async () => {
    putFiles([['a.json', 'x'.repeat(1_048_577)]]);
    await expect(read(':v1')).rejects.toThrow(/larger than 1 MiB/);
    expect(registry.requests.filter(({ url }) => url.includes('/blobs/'))).toEqual([]);
  });

  it('for a layer, by what the manifest says', async () => {
    const layer = { mediaType: TAR_GZ, digest: digestOf('x'), size: 100 * 1_048_576 + 1 };
    registry.putImage(REPOSITORY, 'v1', [layer]);
    await expect(read(':v1')).rejects.toThrow(/larger than 100 MiB/);
  });

  it('for a layer that never ends, whatever the manifest says', async () => {
    const layer = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestOf('x'),
      size: 1_000_000,
    };
    registry.putImage(REPOSITORY, 'v1', [layer]);
    let sent = 0;
    registry.fault = (request, response) => {
      if (!(request.url ?? '').includes('/blobs/')) return false;
      const block = Buffer.alloc(65_536);
      const more = (): void => {
        while (!response.destroyed && response.write(block)) sent += block.length;
        sent += block.length;
      };
      response.on('drain', more);
      more();
      return true;
    };
    await expect(read(':v1')).rejects.toThrow(/another size|not a whole tar archive/);
    expect(sent).toBeLessThan(50_000_000);
  });

  it('for what an archive unpacks to, with flat memory', async () => {
    // 700 MiB of zeros in one entry: some hundred KiB in gzip.
    const header = tarHeader('zeros', '0', 700 * 1_048_576);
    const member = gzipSync(Buffer.alloc(10 * 1_048_576));
    const members = Array.from({ length: 70 }, () => member);
    registry.putImage(REPOSITORY, 'v1', [registry.putBlob(Buffer.concat([gzipSync(header), ...members]))]);
    const before = process.memoryUsage.rss();
    await expect(read(':v1')).rejects.toThrow(/unpacks to more than 512 MiB/);
    // Less than it would be if all were kept; how much is garbage depends on the machine.
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1_048_576);
  });

  it('for the header of an archive', async () => {
    const bytes = Buffer.concat([tarHeader('long', 'L', 400 * 1_048_576), Buffer.alloc(8 * 1_048_576, 'x')]);
    registry.putImage(REPOSITORY, 'v1', [registry.putBlob(gzipSync(bytes))]);
    await expect(read(':v1')).rejects.toThrow(/not a whole tar archive/);
  });
});

describe('what is not an image of configurations is reported', () => {
  it.each([
    [
      'no image of this tag',
      () => undefined,
      ':none',
      /no image localhost:\d+\/team\/anonymization\/configs:none/,
    ],
    [
      'an archive that is none',
      () => putBytes(gzipSync('no archive'.repeat(200))),
      ':v1',
      /not a whole tar archive/,
    ],
    [
      'an archive that ends too early',
      async () => putBytes(gzipSync((await tarOf([['a.json', 'x'.repeat(2000)]])).subarray(0, 1500))),
      ':v1',
      /not a whole tar archive/,
    ],
    [
      'gzip with more behind its end',
      async () => putBytes(Buffer.concat([await tarGzOf([['a.json', 'x']]), Buffer.alloc(3_000_000, 'z')])),
      ':v1',
      /not a whole tar archive/,
    ],
    [
      'gzip that ends too early',
      async () => putBytes((await tarGzOf([['a.json', 'x']])).subarray(0, -20)),
      ':v1',
      /not a whole tar archive/,
    ],
    ['zstd', () => putBytes(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0])), ':v1', /zstd/],
    ['an empty file', () => putFiles([['a.json', '']]), ':v1', /is empty/],
    [
      'a file that is not text',
      () => putFiles([['a.json', Buffer.from([0xff, 0xfe, 0x7b])]]),
      ':v1',
      /not UTF-8/,
    ],
    [
      'an old manifest',
      () => registry.putManifest(REPOSITORY, 'v1', { schemaVersion: 1 }),
      ':v1',
      /schemaVersion/,
    ],
    [
      'a manifest that is two things',
      () => registry.putManifest(REPOSITORY, 'v1', { schemaVersion: 2, layers: [], manifests: [] }),
      ':v1',
      /at once/,
    ],
    [
      'a manifest of another kind than it says',
      () => registry.putManifest(REPOSITORY, 'v1', { schemaVersion: 2, mediaType: INDEX, layers: [] }),
      ':v1',
      /another media type/,
    ],
    [
      'a digest of another algorithm',
      () =>
        registry.putManifest(REPOSITORY, 'v1', {
          schemaVersion: 2,
          layers: [{ mediaType: TAR_GZ, size: 1, digest: `sha512:${'0'.repeat(128)}` }],
        }),
      ':v1',
      /not SHA-256/,
    ],
    [
      'an index of several images',
      () =>
        registry.putManifest(
          REPOSITORY,
          'v1',
          { schemaVersion: 2, manifests: [{ digest: digestOf('a') }, { digest: digestOf('b') }] },
          INDEX,
        ),
      ':v1',
      /several images/,
    ],
    [
      'a layer that the registry has lost',
      async () => {
        await putLayers([['a.json', 'x']]);
        registry.blobs.clear();
      },
      ':v1',
      /answered 404/,
    ],
  ] satisfies Array<[string, () => unknown, string, RegExp]>)('%s', async (_name, put, version, words) => {
    await Promise.resolve(put());
    await expect(read(version)).rejects.toThrow(words);
  });
});

describe('the network is distinguished from the registry', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('a certificate of an unknown authority', async () => {
    const failure = await failureOf(read(':v1', 'a.json', images({ ca: undefined })));
    expect(failure).toMatchObject({ code: 'registry-unavailable' });
    expect(failure.message).toMatch(/certificate.*ANONYMIZATION_REGISTRY_CA/);
  });

  it.each([
    ['a name that cannot be resolved', 'registry.invalid', /cannot be resolved/],
    ['a port where nothing listens', '127.0.0.1:1', /nothing listens there/],
  ])('%s', async (_name, host, words) => {
    const failure = await failureOf(read(':v1', 'a.json', images({ hosts: new Set([host]) }), host));
    expect(failure).toMatchObject({ code: 'registry-unavailable', retryable: true });
    expect(failure.message).toMatch(words);
  });

  it('a port that does not speak TLS', async () => {
    server = createTcpServer((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const host = `localhost:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
    await expect(read(':v1', 'a.json', images({ hosts: new Set([host]) }), host)).rejects.toThrow(
      /does not speak TLS/,
    );
  });

  it('an app without an identity', async () => {
    const missing = Object.assign(new Error('secret details'), { name: 'CredentialUnavailableError' });
    const identity = { ...IDENTITY, credential: { getToken: () => Promise.reject(missing) } };
    registry.authentication = { kind: 'azure', entraToken: ENTRA_TOKEN };
    const failure = await failureOf(read(':v1', 'a.json', images({}, identity)));
    expect(failure.message).toMatch(/No token could be had for the app's managed identity.*AcrPull/);
    expect(failure.message).not.toContain('secret');
  });

  it('a registry that wants credentials where there are none', async () => {
    registry.authentication = { kind: 'basic', ...USER };
    await expect(read(':v1')).rejects.toThrow(
      /asked for without credentials.*ANONYMIZATION_REGISTRY_CREDENTIALS/,
    );
  });
});
