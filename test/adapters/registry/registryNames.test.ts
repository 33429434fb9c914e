import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationImages } from '../../../functions/adapters/configurationImages.js';
import type { ManagedIdentity } from '../../../functions/adapters/managedIdentity.js';
import { namesAfter } from '../../../functions/adapters/registry/registryNames.js';
import type { RegistrySettings } from '../../../functions/settings/registrySettings.js';
import { tarGzOf } from './archives.js';
import { TestRegistry } from './testRegistry.js';

const TITLE = 'org.opencontainers.image.title';
const USER = { username: 'reader', password: 'hunter2-password' };
const ENTRA_TOKEN = 'entra-token-of-the-app';
const IDENTITY: ManagedIdentity = {
  credential: {
    getToken: async () => ({ token: ENTRA_TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }),
  },
  name: "the app's managed identity",
};
const signal = new AbortController().signal;

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.stop());
beforeEach(() => {
  registry.reset();
  const layer = registry.putBlob(Buffer.from('{}'), 'application/json', { [TITLE]: 'a.json' });
  for (const tag of ['1', '2', 'B', 'a']) registry.putImage('team/configs', tag, [layer]);
  for (const repository of ['other', 'x/y/z']) registry.putImage(repository, 'v1', [layer]);
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

/** All repositories, each asked for by the one before. */
async function repositories(from: ConfigurationImages): Promise<string[]> {
  const found: string[] = [];
  for (let last: string | undefined; ;) {
    last = (await from.repositoryAfter(registry.host, last, signal)).repository;
    if (last === undefined) return found;
    found.push(last);
  }
}

/** All tags, some at a time. */
async function tags(from: ConfigurationImages, most: number): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const asked = { last: found.at(-1), most };
    const { references, isMore } = await from.tagsAfter(registry.host, 'team/configs', asked, signal);
    expect(references.length).toBeLessThanOrEqual(most);
    found.push(...references.map(({ version }) => version));
    if (!isMore) return found;
  }
}

describe.each([
  ['anonymously', { kind: 'anonymous' }, () => images()],
  [
    'with a user and password',
    { kind: 'bearer', ...USER },
    () => images({ credentials: new Map([[registry.host, USER]]) }),
  ],
  ['with the identity of the app', { kind: 'azure', entraToken: ENTRA_TOKEN }, () => images({}, IDENTITY)],
] as const)('names of a registry that is read %s', (_access, authentication, open) => {
  beforeEach(() => {
    registry.authentication = authentication;
  });

  it.each([false, true])('are listed one after the other, whole lists: %s', async (ignoresPages) => {
    registry.ignoresPages = ignoresPages;
    await expect(repositories(open())).resolves.toEqual(['other', 'team/configs', 'x/y/z']);
    for (const most of [1, 3, 4, 9]) await expect(tags(open(), most)).resolves.toEqual(['1', '2', 'B', 'a']);
  });

  it('that lists none, it is said what can be done', async () => {
    registry.fault = ({ url = '' }, response) => {
      if (!url.includes('_catalog')) return false;
      response.writeHead(404).end('{}');
      return true;
    };
    await expect(open().repositoryAfter(registry.host, undefined, signal)).rejects.toMatchObject({
      code: 'registry-unavailable',
      retryable: false,
      message: expect.stringMatching(/does not list its repositories.*ANONYMIZATION_REGISTRIES/),
    });
  });
});

describe('names that are not legal', () => {
  const listing = (names: readonly string[], member: 'repositories' | 'tags'): void => {
    registry.fault = ({ url = '' }, response) => {
      const { searchParams } = new URL(url, 'https://host');
      const rest = names.slice(names.indexOf(searchParams.get('last') ?? '') + 1);
      const page = rest.slice(0, Number(searchParams.get('n')));
      const link = { link: '</v2/>; rel="next"' };
      response.writeHead(200, rest.length > page.length ? link : {}).end(JSON.stringify({ [member]: page }));
      return true;
    };
  };

  it('of repositories end no list: those behind them come, and it is said how many there are', async () => {
    listing(['A', 'a', '../b', '<i>', 'c', 'D'], 'repositories');
    await expect(repositories(images())).resolves.toEqual(['a', 'c']);
    const counts = ['', 'a', 'c'].map(
      async (last) => (await images().repositoryAfter(registry.host, last, signal)).passedOver,
    );
    await expect(Promise.all(counts)).resolves.toEqual([1, 2, 1]);
  });

  it('of tags end no list, either', async () => {
    listing(['.1', '.2', '.3', 'v1', '.4', 'v2', '.5'], 'tags');
    for (const most of [1, 2, 3, 9]) await expect(tags(images(), most)).resolves.toEqual(['v1', 'v2']);
    const all = await images().tagsAfter(registry.host, 'team/configs', { last: undefined, most: 9 }, signal);
    expect(all).toMatchObject({ isMore: false, passedOver: 5 });
  });

  it('are asked for so often, and no longer', async () => {
    listing([...Array.from({ length: 60 }, (_, at) => `.${at}`), 'a'], 'repositories');
    await expect(images().repositoryAfter(registry.host, undefined, signal)).rejects.toThrow(
      /lists more than 49 names one after another that are not legal/,
    );
    expect(registry.requests.length).toBeLessThanOrEqual(50);
  });
});

describe('what is listed of a registry', () => {
  it('are the repositories of the settings, where they name some, and no others', async () => {
    const named = images({ repositories: new Set([`${registry.host}/team/configs`]) });
    expect(named.places).toEqual([{ registry: registry.host, repository: 'team/configs' }]);
    expect(images().places).toEqual([{ registry: registry.host }]);
    await expect(
      named.tagsAfter(registry.host, 'other', { last: undefined, most: 1 }, signal),
    ).rejects.toThrow(/not among those of the setting/);
    expect(registry.requests).toEqual([]);
  });

  it.each([
    ['no JSON', '<html>', /no list of names/],
    ['another member', '{"tags":7}', /no list of names/],
  ])('of an answer with %s is nothing', async (_name, text, message) => {
    registry.fault = (_request, response) => {
      response.end(text);
      return true;
    };
    const asked = { last: undefined, most: 1 };
    await expect(images().tagsAfter(registry.host, 'other', asked, signal)).rejects.toThrow(message);
  });

  it('ends when its time is over', async () => {
    registry.fault = () => true;
    const asked = { last: undefined, most: 1 };
    await expect(
      images().tagsAfter(registry.host, 'other', asked, AbortSignal.timeout(50)),
    ).rejects.toMatchObject({ code: 'registry-unavailable', retryable: true });
  });

  it('of an image are the files of its manifest and of small archives, and it is said where there may be others', async () => {
    const bytes = await tarGzOf([['b.yaml', '{}']]);
    registry.putImage('team/configs', 'v3', [
      registry.putBlob(Buffer.from('{}'), 'application/json', { [TITLE]: './a.json' }),
      registry.putBlob(bytes),
    ]);
    const { references } = await images().tagsAfter(registry.host, 'team/configs', { last: 'a', most: 1 }, signal); // prettier-ignore
    const artifact = await images().open(references[0] as (typeof references)[number], signal);
    await expect(artifact.quickList(1000)).resolves.toEqual({ names: ['./a.json', 'b.yaml'], isWhole: true });
    await expect(artifact.quickList(10)).resolves.toEqual({ names: ['./a.json'], isWhole: false });
  });

  it('ends with the last name, whatever the registry says of others', () => {
    expect(namesAfter(['a'], { last: 'a', most: 5 }, true)).toEqual({ names: [], isMore: false });
    expect(namesAfter(['b', 'a'], { last: 'b', most: 5 }, true)).toEqual({ names: ['a'], isMore: true });
  });
});
