import { describe, expect, it } from 'vitest';
import type { Caller } from '../../functions/http/authorization/caller.js';
import { UNKNOWN_CALLER } from '../../functions/http/authorization/caller.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { groupList } from '../../functions/http/groupList.js';
import { RequestError } from '../../functions/http/respond.js';
import { ExportError } from '../../functions/common/errors.js';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { answerOf } from './answers.js';

const BASE = 'https://app.example.org/fhir';
const ENTRA = {
  AUTHENTICATION: 'entra',
  ENTRA_TENANT_ID: '6f3f8a52-5a60-4a2e-9b9c-1d2e3f405162',
  WEBSITE_AUTH_ENABLED: 'true',
};
const RAW = { ALLOW_RAW_EXPORT: 'true' };

const group = (id: string, more: object = {}): object => ({
  resourceType: 'Group',
  id,
  meta: { lastUpdated: '2026-01-01T00:00:00Z', profile: ['https://secret.internal/x'] },
  identifier: [{ value: 'secret' }],
  type: 'person',
  actual: true,
  name: `secret ${id}`,
  member: [{ entity: { reference: 'Patient/secret' } }],
  ...more,
});

interface Page {
  groups: object[];
  next?: string;
}

/** A source that gives pages in turn, or refuses; what it was asked for is kept. */
function sourceOf(pages: Array<Page | ExportError>): { asked: string[]; source: object } {
  const asked: string[] = [];
  const answer = async (question: string): Promise<object> => {
    asked.push(question);
    const page = pages.shift();
    if (page === undefined || page instanceof ExportError) throw page ?? new Error('no page more');
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      link: page.next === undefined ? [] : [{ relation: 'next', url: page.next }],
      entry: page.groups.map((resource) => ({ resource, search: { mode: 'match' } })),
    };
    return { body: Buffer.from(JSON.stringify(bundle)), date: undefined };
  };
  return {
    asked,
    source: {
      search: (type: string, parameters: string[][]) =>
        answer(`${type}?${parameters.map((each) => each.join('=')).join('&')}`),
      follow: answer,
    },
  };
}

interface Bundle {
  total?: number;
  link: object[];
  entry?: Array<{ fullUrl?: string; resource: { resourceType: string; id: string; name?: string } }>;
}

async function listOf(
  pages: Array<Page | ExportError>,
  { environment = {}, caller = UNKNOWN_CALLER, query = '', now = () => 0 }: { environment?: Record<string, string>; caller?: Caller; query?: string; now?: () => number } = {}, // prettier-ignore
): Promise<{ bundle: Bundle; asked: string[] }> {
  const { asked, source } = sourceOf([...pages]);
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const handler = groupList({ settings, sourceOf: () => source, now } as unknown as HttpDependencies);
  const bundle = await answerOf(handler, { url: `${BASE}/Group${query}`, caller });
  return { bundle: bundle as Bundle, asked };
}

function known(raw: boolean, types: 'all' | string[] = 'all', rawPermission?: string): Caller {
  return {
    kind: 'known',
    owner: 'me',
    permissions: { types: types === 'all' ? types : new Set(types), raw },
    rawPermission,
  };
}

/** The status and words of a refusal. */
async function refusalOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RequestError)) throw error ?? new Error('it was not refused');
  return `${error.status} ${error.issues.map(({ diagnostics }) => diagnostics).join(' ')}`;
}

const PAGE: Page = { groups: [group('b'), group('a')] };

describe('the list of groups', () => {
  it('has ids, and nothing that shows who is in a group', async () => {
    const { bundle, asked } = await listOf([PAGE]);
    const described = (id: string): object => ({
      fullUrl: `${BASE}/Group/${id}`,
      resource: {
        resourceType: 'Group',
        id,
        meta: {
          tag: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }],
        },
        type: 'person',
        actual: true,
      },
      search: { mode: 'match' },
    });
    expect(bundle).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 2,
      link: [{ relation: 'self', url: `${BASE}/Group` }],
      entry: [described('a'), described('b')],
    });
    expect(asked).toEqual(['Group?_elements=type,actual,membership&_count=500']);
  });

  it.each<[string, Record<string, string>, Caller, boolean]>([
    ['with the raw permission', { ...ENTRA, ...RAW }, known(true), true],
    ['with the raw permission where raw exports are off', ENTRA, known(true), false],
    ['with the raw permission for Group by name', { ...ENTRA, ...RAW }, known(true, ['Group']), true],
    ['with the raw permission for other types', { ...ENTRA, ...RAW }, known(true, ['Observation']), false],
    ['with a permission for Group by name alone', { ...ENTRA, ...RAW }, known(false, ['Group']), false],
    ['who is not distinguished, where raw exports are allowed', RAW, UNKNOWN_CALLER, true],
    ['who is not distinguished, where they are not', {}, UNKNOWN_CALLER, false],
  ])('for a caller %s has names or not', async (_name, environment, caller, hasNames) => {
    const { bundle, asked } = await listOf([PAGE], { environment, caller });
    const names = bundle.entry?.map(({ resource }) => resource.name);
    expect(names).toEqual(hasNames ? ['secret a', 'secret b'] : [undefined, undefined]);
    expect(asked.join().includes('name')).toBe(hasNames);
    if (!hasNames) expect(JSON.stringify(bundle)).not.toContain('secret');
  });

  it.each<[string, Record<string, string>, Caller, RegExp]>([
    ['with permissions for all types', ENTRA, known(false, 'all', 'the app role Export.Raw'), /^403 .*Export\.Raw, or a token that names Group/],
    ['with permissions for other types', ENTRA, known(false, ['Patient']), /^403 .*who have a token that names Group \(system\/Group\.rs\)/],
    ['who is not distinguished, where MIN_PATIENTS limits all', { MIN_PATIENTS: '5' }, UNKNOWN_CALLER, /^403 .*MIN_PATIENTS/],
    ['who is not distinguished, where TYPE_FILTER_PARAMETERS limits all', { TYPE_FILTER_PARAMETERS: 'code' }, UNKNOWN_CALLER, /^403 /],
  ])('is not for a caller %s, and the source is not asked', async (_name, environment, caller, words) => {
    expect(await refusalOf(listOf([], { environment, caller }))).toMatch(words);
  }); // prettier-ignore

  it.each(['?name=a', '?_id=a', '?member=Patient/1', '?_count=1', '?_has:Group=1'])(
    'takes no parameters: %s',
    async (query) => {
      expect(await refusalOf(listOf([PAGE], { query }))).toMatch(/^400 .*no parameters/);
    },
  );

  it('takes what says how the answer is to be written', async () => {
    const { bundle } = await listOf([PAGE], { query: '?_format=json&code=key' });
    expect(bundle.link).toEqual([{ relation: 'self', url: `${BASE}/Group` }]);
  });

  it.each<[string, string, object, boolean]>([
    ['of persons', 'R4', {}, true],
    ['of animals', 'R4', { type: 'animal' }, true],
    ['of devices', 'R4', { type: 'device' }, false],
    ['that only says what its members would be', 'R4', { actual: false }, false],
    ['of R5', 'R5', { actual: undefined, membership: 'enumerated' }, true],
    ['of R5 that only says what its members would be', 'R5', { membership: 'definitional' }, false],
    ['with an id that no URL takes', 'R4', { id: 'a/../b' }, false],
  ])('has a group %s or not', async (_name, version, more, isListed) => {
    const { bundle } = await listOf([{ groups: [group('a', more)] }], {
      environment: { FHIR_VERSION: version },
    });
    expect(bundle.entry?.length ?? 0).toBe(isListed ? 1 : 0);
    expect(bundle.total).toBe(isListed ? 1 : 0);
  });

  it('goes on with the next pages, each group once', async () => {
    const { bundle } = await listOf([{ groups: [group('a')], next: 'two' }, PAGE]);
    expect(bundle.entry?.map(({ resource }) => resource.id)).toEqual(['a', 'b']);
  });

  it.each<[string, () => number]>([
    ['where there are more than a thousand', () => 0],
    ['where the source is slow', (() => { let time = 0; return () => (time += 31_000); })()],
  ])('is cut %s, and says so', async (_name, now) => {
    const many = Array.from({ length: 1000 }, (_, index) => group(`g${index}`));
    const { bundle } = await listOf([{ groups: many, next: 'two' }], { now });
    expect(bundle.entry).toHaveLength(1001);
    expect(bundle.total).toBeUndefined();
    expect(JSON.stringify(bundle.entry?.at(-1))).toMatch(/OperationOutcome.*not all groups/);
  }); // prettier-ignore

  const refused = new ExportError('source-refused', 'no');

  it('is read with members of a source that cannot leave them out', async () => {
    const { bundle, asked } = await listOf([refused, PAGE]);
    expect([asked[1], bundle.total]).toEqual(['Group?_count=500', 2]);
    expect(JSON.stringify(bundle)).not.toContain('secret');
  });

  it('is not there where the source answers no search for groups, or is not searched', async () => {
    expect(await refusalOf(listOf([refused, refused]))).toMatch(/^404 .*answers no search/);
    const bulk = { environment: { SOURCE_MODE: 'bulk' } };
    expect(await refusalOf(listOf([], bulk))).toMatch(/^404 .*SOURCE_MODE=bulk/);
  });

  it('fails with the source', async () => {
    await expect(listOf([new ExportError('source-busy', 'busy')])).rejects.toThrow('busy');
    const loop = { groups: [], next: 'two' };
    await expect(listOf([loop, loop, loop, loop])).rejects.toThrow(/lead back/);
  });
});
