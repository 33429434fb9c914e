import { createHash } from 'node:crypto';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import type { OciReference } from '../../../functions/export/request/ociReference.js';
import type { OutcomeIssue } from '../../../functions/fhir/operationOutcome.js';
import { type Caller, ownerOf, UNKNOWN_CALLER } from '../../../functions/http/authorization/caller.js';
import { ConfigurationCache } from '../../../functions/http/configurationCache.js';
import { candidatesAt, placeOf } from '../../../functions/http/configurations/candidates.js';
import { configurationList } from '../../../functions/http/configurations/configurationList.js';
import type { HttpDependencies } from '../../../functions/http/dependencies.js';
import { RequestError } from '../../../functions/http/respond.js';
import { readSettings } from '../../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../../environment.js';
import { randomly } from '../../random.js';
import { SMART } from '../answers.js';

const HERE = { AUTHENTICATION: 'none', WEBSITE_HOSTNAME: 'localhost:7071' };
const ENTRA = {
  AUTHENTICATION: 'entra',
  ENTRA_TENANT_ID: '6f3f8a52-5a60-4a2e-9b9c-1d2e3f405162',
  WEBSITE_AUTH_ENABLED: 'true',
};
const RAW = { ALLOW_RAW_EXPORT: 'true' };
const APP = 'https://app.example.org';
/** Its coverage is complete. */
const SAFE = JSON.stringify({
  extends: 'hipaa-safe-harbor-r4@1',
  parameters: { dateShiftKey: 'secret-key' },
});
const LEAVES = JSON.stringify({
  fhirVersion: 'R4',
  fhirPathRules: [{ path: 'Patient.name', method: 'redact' }],
});
/** Of all tests: what is found of a text takes long. */
const CHECKED = new ConfigurationCache('R4', 'warning', false);
const WRONG = '{"fhirPathRules":[{"path":"secret-path"}]}';

function known(raw = false): Caller {
  return {
    kind: 'known',
    owner: ownerOf('me'),
    permissions: { raw, types: 'all' },
    rawPermission: undefined,
  };
}

interface Given {
  environment?: Record<string, string>;
  caller?: Caller;
  host?: string;
  query?: string;
  /** Texts by the names of blobs; what is thrown in place of the list. */
  blobs?: Record<string, string> | ExportError;
  /** By registry or registry/repository, texts of the file a.json by tag. */
  images?: Record<string, Record<string, string | ExportError> | ExportError>;
  /** By tags that refer to other images once their images are listed, the texts in these. */
  moved?: Record<string, string>;
}

interface List {
  configurations: Array<Record<string, unknown>>;
  unnamed: object;
  issue?: OutcomeIssue[];
  link?: Array<{ url: string }>;
}

/** Of the image that a tag refers to at first. */
function digestOf(tag: string): string {
  return `sha256:${createHash('sha256').update(tag).digest('hex')}`;
}

function dependenciesOf({ environment = SMART, blobs = {}, images = {}, moved = {} }: Given): {
  dependencies: HttpDependencies;
  reads: string[];
} {
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const reads: string[] = [];
  const names = Object.keys(blobs).sort();
  const textOf = (collection: OciReference): string => {
    const at = images[`${collection.registry}/${collection.repository}`];
    const { version } = collection;
    const tag = Object.keys(at ?? {}).find((one) => one === version || digestOf(one) === version) ?? '';
    const text = at instanceof ExportError ? at : at?.[tag];
    if (typeof text !== 'string') throw text ?? new Error('nothing');
    return text;
  };
  const dependencies = {
    settings,
    checkedConfigurations: CHECKED,
    resolveSecret: async () => null,
    configurationBlobs: {
      list: async (cursor: string | undefined, most: number) => {
        if (blobs instanceof ExportError) throw blobs;
        const from = cursor === undefined ? 0 : names.indexOf(cursor);
        if (from < 0) return undefined;
        const next = names[from + most];
        const page = names.slice(from, from + most).map((name) => ({ name, etag: '0x1' }));
        return { blobs: page, ...(next === undefined ? {} : { cursor: next }) };
      },
      read: async (name: string, etag: string) => {
        reads.push(name);
        return { text: (blobs as Record<string, string>)[name] ?? '', etag };
      },
    },
    configurationImages: {
      places: Object.keys(images).map((place) => {
        const [registry = '', ...rest] = place.split('/');
        return { registry, ...(rest.length === 0 ? {} : { repository: rest.join('/') }) };
      }),
      repositoryAfter: async (registry: string, last?: string) => {
        const at = images[registry];
        if (at instanceof ExportError) throw at;
        const all = Object.keys(at ?? {});
        const repository = all[last === undefined ? 0 : all.indexOf(last) + 1];
        return { ...(repository === undefined ? {} : { repository }), passedOver: 0 };
      },
      tagsAfter: async (
        registry: string,
        repository: string,
        { last, most }: { last: string | undefined; most: number },
      ) => {
        const at = images[`${registry}/${repository}`] ?? images[registry]?.[repository as never];
        if (at instanceof ExportError) throw at;
        const all = Object.keys(at ?? {});
        const rest = last === undefined ? all : all.slice(all.indexOf(last) + 1);
        const references = rest.slice(0, most).map((version) => ({ text: `${registry}/${repository}:${version}`, registry, repository, version })); // prettier-ignore
        return { references, isMore: rest.length > most, passedOver: 0 };
      },
      open: async (collection: OciReference) => {
        textOf(collection);
        return {
          digest: digestOf(collection.version),
          quickList: async () => ({
            names: ['./a.json', 'README.md', '../b.json', 'a.json'],
            isWhole: true,
          }),
        };
      },
      read: async (collection: OciReference) => {
        const { version } = collection;
        if (moved[version] !== undefined) return { text: moved[version], digest: digestOf('moved') };
        return { text: textOf(collection), digest: version };
      },
    },
  };
  return { dependencies: dependencies as unknown as HttpDependencies, reads };
}

async function ask(
  dependencies: HttpDependencies,
  { caller = known(), host = APP, query = '' }: Given,
): Promise<{ list: List; text: string }> {
  const answer = await configurationList(dependencies)(
    {
      url: `${host}/fhir/_operations/configurations${query}`,
      method: 'GET',
      headers: new Headers(),
    } as unknown as HttpRequest,
    {} as DurableClient,
    {} as InvocationContext,
    caller,
  );
  expect(new Headers(answer.headers).get('cache-control')).toBe('private, no-store');
  const text = String(answer.body);
  return { list: JSON.parse(text) as List, text };
}

const listOf = (given: Given): Promise<{ list: List; text: string }> =>
  ask(dependenciesOf(given).dependencies, given);

/** All pages, by the links from one to the next. */
async function allOf(given: Given): Promise<List[]> {
  const { dependencies } = dependenciesOf(given);
  const lists: List[] = [];
  for (let query = ''; ;) {
    const { list } = await ask(dependencies, { ...given, query });
    lists.push(list);
    const next = list.link?.[0]?.url;
    if (next === undefined) return lists;
    expect(next).toMatch(/^https:\/\/app\.example\.org\/fhir\/_operations\/configurations\?cursor=[\w-]+$/);
    query = new URL(next).search;
    expect(lists.length).toBeLessThan(50);
  }
}

const namesIn = (lists: readonly List[]): unknown[] =>
  lists.flatMap(
    ({ configurations }) =>
    configurations.map(({ configuration, collectionReference = '' }) => `${String(collectionReference)} ${String(configuration)}`.trim()), // prettier-ignore
  );
const issuesIn = (lists: readonly List[]): string =>
  lists.flatMap(({ issue = [] }) => issue.map(({ diagnostics }) => diagnostics)).join('\n');

async function refusalOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RequestError)) throw error ?? new Error('it was not refused');
  return `${error.status} ${error.issues.map(({ diagnostics }) => diagnostics).join(' ')}`;
}

describe('the list of configurations', () => {
  it.each<[string, Record<string, string>, Caller, string, 200 | RegExp]>([
    ['smart: a caller', SMART, known(), APP, 200],
    ['smart: nobody without a token', SMART, UNKNOWN_CALLER, APP, /^403 .*show who they are/],
    ['entra: a caller', ENTRA, known(), APP, 200],
    ['entra: nobody without a principal', ENTRA, UNKNOWN_CALLER, APP, /^403/],
    ['none: this machine', HERE, UNKNOWN_CALLER, 'http://localhost:7071', 200],
    ['none: by another name', HERE, UNKNOWN_CALLER, 'http://evil.example.org', /^403/],
    ['function-keys: who has a key', {}, UNKNOWN_CALLER, APP, 200],
  ])('is for %s', async (_whose, environment, caller, host, expected) => {
    const answer = listOf({ environment, caller, host });
    if (expected === 200)
      expect((await answer).list).toEqual({ configurations: [], unnamed: { exports: 'nothing' } });
    else expect(await refusalOf(answer)).toMatch(expected);
  });

  it('has how a kick-off names a configuration, digest and approval, and nothing of its text', async () => {
    const { list, text } = await listOf({ blobs: { 'folder/safe.json': SAFE } });
    expect(list).toEqual({
      configurations: [
        {
          origin: 'container',
          configuration: 'folder/safe.json',
          configurationEtag: '0x1',
          configurationDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
          configurationExtends: 'hipaa-safe-harbor-r4@1',
          configurationApproval: 'coverage',
          deidentified: true,
        },
      ],
      unnamed: { exports: 'nothing' },
    });
    expect(text).not.toMatch(/secret|keysDigest|parameters|fhirPathRules/);
  });

  it.each<[string, Given, Record<string, string>]>([
    ['nobody who may not have raw data', { caller: known() }, { safe: 'coverage' }],
    ['nobody where raw export is off', { caller: known(true) }, { safe: 'coverage' }],
    [
      'who may have raw data',
      { caller: known(true), environment: { ...SMART, ...RAW } },
      { leaves: 'none', safe: 'coverage' },
    ],
    [
      'everybody where all are alike and raw export is on',
      { caller: UNKNOWN_CALLER, environment: { ...RAW, CONFIGURATION_APPROVAL: 'coverage' } },
      { leaves: 'none', safe: 'coverage' },
    ],
    [
      'everybody where the container approves',
      { caller: UNKNOWN_CALLER, environment: {} },
      { leaves: 'container', safe: 'coverage' },
    ],
  ])('has one that exports raw data for %s', async (_whose, given, approvals) => {
    const { list } = await listOf({ blobs: { leaves: LEAVES, safe: SAFE }, ...given });
    const found = list.configurations.map((entry) => [
      entry['configuration'],
      entry['configurationApproval'],
    ]);
    expect(Object.fromEntries(found)).toEqual(approvals);
    expect(list.configurations.map((entry) => entry['deidentified'])).toEqual(
      found.map(([, approval]) => approval === 'coverage'),
    );
    const isWhole = found.length === 2;
    expect(issuesIn([list])).toMatch(isWhole ? /^$/ : /^Not listed: 1 that do not count.*raw data/);
  });

  it.each<[string, Given, object]>([
    ['nothing', {}, { exports: 'nothing' }],
    ['nothing, where raw export is off', { caller: known(true) }, { exports: 'nothing' }],
    ['nothing, without the permission', { environment: { ...SMART, ...RAW } }, { exports: 'nothing' }],
    ['raw data', { environment: { ...SMART, ...RAW }, caller: known(true) }, { exports: 'raw' }],
    ['raw data, where all are alike', { environment: RAW, caller: UNKNOWN_CALLER }, { exports: 'raw' }],
    [
      'that of the default',
      { environment: { ...SMART, ...RAW, DEFAULT_ANONYMIZATION_CONFIG: 'a.json' }, caller: known(true) },
      { exports: 'default', configuration: 'a.json' },
    ],
    [
      'that of the default in an image',
      {
        environment: {
          ...SMART,
          ANONYMIZATION_REGISTRIES: 'r.example.org',
          DEFAULT_ANONYMIZATION_CONFIG: 'a.json',
          DEFAULT_ANONYMIZATION_CONFIG_REFERENCE: 'r.example.org/a:1',
        },
      },
      { exports: 'default', configuration: 'a.json', collectionReference: 'r.example.org/a:1' },
    ],
  ])('says what an export without a configuration has: %s', async (_what, given, expected) => {
    expect((await listOf(given)).list).toMatchObject({ unnamed: expected });
  });

  it('says how many cannot be used, without their names and texts', async () => {
    const { list, text } = await listOf({ blobs: { 'secret-name.json': WRONG, x: 'secret {', y: SAFE } });
    expect(namesIn([list])).toEqual(['y']);
    expect(issuesIn([list])).toMatch(/^Not listed: 2 that cannot be used.*fhir-deid validate/);
    expect(text).not.toContain('secret');
  });

  it('reads a text once for each version of it, and comes in pages', async () => {
    const blobs = Object.fromEntries(Array.from({ length: 25 }, (_, at) => [`${at + 100}.json`, SAFE]));
    const { dependencies, reads } = dependenciesOf({ blobs });
    const handler = configurationList(dependencies);
    const page = (query: string): Promise<List> =>
      Promise.resolve(
        handler(
          { url: `${APP}/fhir/_operations/configurations${query}`, method: 'GET', headers: new Headers() } as unknown as HttpRequest, // prettier-ignore
          {} as DurableClient,
          {} as InvocationContext,
          known(),
        ),
      ).then(({ body }) => JSON.parse(String(body)) as List);
    const first = await page('');
    await page('');
    expect(first.configurations).toHaveLength(10);
    expect(reads).toHaveLength(10);
    expect(namesIn(await allOf({ blobs }))).toEqual(Object.keys(blobs).sort());
  });
});

describe('configurations of registries', () => {
  const image = { v1: SAFE };

  it('come after those of the container, by the images that there are', async () => {
    const lists = await allOf({
      blobs: { 'b.json': SAFE },
      images: {
        'r.example/team/configs': Object.fromEntries(
          ['1', '2', '3', '4', '5', '6'].map((tag) => [tag, SAFE]),
        ),
        // Of a registry that names none, each repository: what the fake has of it.
        'q.example': { one: image, two: image } as never,
        'q.example/one': image,
        'q.example/two': image,
      },
    });
    const names = namesIn(lists);
    expect(names[0]).toBe('b.json');
    expect(names.slice(1, 7)).toEqual(['1', '2', '3', '4', '5', '6'].map((tag) => `r.example/team/configs:${tag} a.json`)); // prettier-ignore
    expect(names.slice(7, 9)).toEqual(['q.example/one:v1 a.json', 'q.example/two:v1 a.json']);
    expect(lists[1]?.configurations[0]).toMatchObject({
      origin: 'registry',
      collectionReference: 'r.example/team/configs:1',
      collectionDigest: digestOf('1'),
      configurationApproval: 'coverage',
    });
  });

  it('are those of the image that was listed, where its tag is moved meanwhile', async () => {
    const { list } = await listOf({
      images: { 'r.example/x': { v1: LEAVES } },
      query: `?cursor=${Buffer.from('[1,null,null]').toString('base64url')}`,
      caller: known(true),
      environment: { ...SMART, ...RAW },
      moved: { v1: SAFE },
    });
    expect(list.configurations).toEqual([
      expect.objectContaining({ collectionDigest: digestOf('v1'), configurationApproval: 'none' }),
    ]);
  });

  it('that does not answer, an issue says so, and all others are listed', async () => {
    const gone = new ExportError(
      'registry-unavailable',
      'The registry gone.example cannot be reached.',
      true,
    );
    const lists = await allOf({
      blobs: { 'b.json': SAFE },
      images: { 'gone.example/x': gone, 'gone.example': gone, 'r.example/x': { v1: gone, v2: SAFE } },
    });
    expect(namesIn(lists)).toEqual(['b.json', 'r.example/x:v2 a.json']);
    expect(
      issuesIn(lists).match(/^Not listed: The registry gone\.example cannot be reached\.$/gm),
    ).toHaveLength(3);
  });

  it('whose names are not legal are passed over, and it is said how many', async () => {
    const { dependencies } = dependenciesOf({
      images: { 'r.example': { x: image }, 'r.example/x': image } as never,
    });
    const own = dependencies.configurationImages;
    type Asked = typeof own;
    const images = {
      places: own.places,
      open: (...asked: Parameters<Asked['open']>) => own.open(...asked),
      repositoryAfter: async (...asked: Parameters<Asked['repositoryAfter']>) => ({
        ...(await own.repositoryAfter(...asked)),
        passedOver: 2,
      }),
      tagsAfter: async (...asked: Parameters<Asked['tagsAfter']>) => ({
        ...(await own.tagsAfter(...asked)),
        passedOver: 1,
      }),
    };
    const places = { ...dependencies, configurationImages: images } as unknown as HttpDependencies;
    const page = await candidatesAt(places, { at: 1 });
    const words = (what: string): string =>
      `Not listed: ${what} whose names are not legal, so no reference can name them.`;
    expect(page?.candidates).toHaveLength(1);
    expect(page?.issues.map(({ diagnostics }) => diagnostics)).toEqual([
      words('2 repositories of the registry r.example'),
      words('1 tags of r.example/x'),
    ]);
    const last = await candidatesAt(places, { at: 1, repository: 'x' });
    expect(last?.issues.map(({ diagnostics }) => diagnostics)).toEqual([
      words('2 repositories of the registry r.example'),
    ]);
    expect(last?.next).toEqual({ at: 2 });
  });

  it('are listed where the container cannot be', async () => {
    const denied = new ExportError('storage-denied', 'Reading the configuration was refused (403).');
    const lists = await allOf({ blobs: denied, images: { 'r.example/x': image } });
    expect(namesIn(lists)).toEqual(['r.example/x:v1 a.json']);
    expect(issuesIn(lists)).toBe('Not listed: Reading the configuration was refused (403).');
  });

  it('are asked for no longer than there is time', async () => {
    const { dependencies } = dependenciesOf({ images: { 'slow.example/x': {} } });
    const tagsAfter = (_1: unknown, _2: unknown, _3: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        const late = new ExportError('registry-unavailable', 'It took too long.', true);
        signal.addEventListener('abort', () => reject(late));
      });
    const slow = {
      ...dependencies,
      configurationImages: { places: dependencies.configurationImages.places, tagsAfter },
    };
    const page = await candidatesAt(slow as unknown as HttpDependencies, { at: 1 }, 20);
    expect(page?.issues[0]?.diagnostics).toBe('Not listed: It took too long.');
    expect(page?.next).toBeUndefined();
  });
});

describe('a cursor of the list of configurations', () => {
  const images = { 'r.example/team': { v1: SAFE }, 'q.example': {} };
  const code = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString('base64url');

  it.each([
    ['another parameter', '?_count=5', /^400 .*no parameters but the cursor/],
    ['two', '?cursor=a&cursor=b', /^400/],
    ['no cursor', '?cursor=x', /^400 cursor: .*Follow the links/],
    ['a marker that the storage service does not know', `?cursor=${code([0, null, 'zz'])}`, /^400 cursor:/],
    ['a place that is none', `?cursor=${code([7, null, null])}`, /^400 cursor:/],
    ['another repository', `?cursor=${code([1, 'other', 'v1'])}`, /^400 cursor:/],
    ['no repository', `?cursor=${code([2, '../x', 'v1'])}`, /^400 cursor:/],
    ['no tag', `?cursor=${code([2, 'x', '../v1'])}`, /^400 cursor:/],
  ])('that is %s is refused', async (_name, query, words) => {
    expect(await refusalOf(listOf({ images, query }))).toMatch(words);
  });

  it('leads to a place of the settings, or nowhere', () => {
    const { dependencies } = dependenciesOf({ images });
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const place = placeOf(Buffer.from(text).toString('base64url'), dependencies);
        expect(place?.at ?? 0).toBeLessThanOrEqual(2);
      }),
      randomly(300),
    );
  });
});
