import { afterEach, describe, expect, it, vi } from 'vitest';
import { Desk, type OpenSignIn } from '../../../console/exports/desk.js';
import { EMPTY_FORM } from '../../../console/exports/jobs.js';
import { RememberedJobs } from '../../../console/exports/rememberedJobs.js';

const ID = '0123456789abcdef0123456789abcdef';
const HERE = 'https://app.example.org/console/';
const STATUS = `https://app.example.org/fhir/_operations/export/${ID}`;

/** A storage of a browser, in memory. */
function storage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, text: string) => void items.set(name, text),
    removeItem: (name: string) => void items.delete(name),
  } as unknown as Storage;
}

/** A desk whose app answers a request once the test says so. */
async function deskOf(description: object, openSignIn: OpenSignIn = () => Promise.reject(new Error('none'))) {
  const asked = new Map<string, Array<(answer: Response) => void>>();
  const authorizations: Array<string | undefined> = [];
  vi.stubGlobal('fetch', (url: string | URL, options?: { headers?: Record<string, string> }) => {
    authorizations.push(options?.headers?.['authorization']);
    const { pathname } = new URL(url);
    if (pathname === '/console/app.json')
      return Promise.resolve(Response.json({ base: '../fhir', ...description }));
    return new Promise<Response>((resolve) => asked.set(pathname, [...(asked.get(pathname) ?? []), resolve]));
  });
  const remembered = new RememberedJobs('https://app.example.org/fhir', storage(), storage());
  const desk = new Desk(() => remembered, openSignIn);
  await desk.start(HERE);
  const answer = (path: string, response: Response): void => asked.get(`/fhir${path}`)?.shift()?.(response);
  return { desk, remembered, answer, authorizations };
}

/** Waits until something holds: only a page that never gets there is a failure. */
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 5 });

const LIST = '/_operations/export';
const listOf = (...ids: string[]): Response =>
  Response.json({ exports: ids.map((id) => ({ url: STATUS.replace(ID, id), state: 'completed' })) });
const started = (): Response => new Response('{}', { status: 202, headers: { 'content-location': STATUS } });

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('what an app answers after the sign-in that asked has ended', () => {
  const TOKENS = { signIn: 'token', listsExports: true };
  const KEYS = { signIn: 'function-key', listsExports: false };

  it('a list is not shown', async () => {
    const { desk, answer } = await deskOf(TOKENS);
    const first = desk.signIn({ kind: 'token', value: 'first' });
    desk.signOut();
    answer(LIST, listOf(ID));
    await first;
    expect(desk.store.state.jobs).toEqual([]);
  });

  it('a list is not shown to the next one', async () => {
    const { desk, answer } = await deskOf(TOKENS);
    const first = desk.signIn({ kind: 'token', value: 'first' });
    desk.signOut();
    const second = desk.signIn({ kind: 'token', value: 'second' });
    answer(LIST, listOf(ID));
    answer(LIST, listOf('f'.repeat(32)));
    await Promise.all([first, second]);
    expect(desk.store.state.jobs.map(({ id }) => id)).toEqual(['f'.repeat(32)]);
  });

  it('an export that was started is not shown, and its id is not lost', async () => {
    const { desk, remembered, answer } = await deskOf(KEYS);
    await desk.signIn({ kind: 'function-key', value: 'first' });
    const start = desk.startExport(EMPTY_FORM);
    desk.signOut();
    answer('/$export', started());
    expect(await start).toBe(false);
    expect(desk.store.state).toMatchObject({ jobs: [], isStarting: false, isSignedIn: false });
    expect(desk.store.state.shown).toBeUndefined();
    expect(remembered.list().map(({ id }) => id)).toEqual([ID]);
  });
});

describe('a sign-in in a window of its own', () => {
  const AT = { authority: 'https://login.example.org/t', clientId: 'c', scope: 's' };
  const ENTRA = { signIn: 'token', tokensOf: 'entra', signInAt: AT, listsExports: true };
  const failing = (name: string, message: string) => async () => {
    throw Object.assign(new Error(message), { name });
  };

  it('gives each request the token that there is then', async () => {
    let value: string | undefined = 'first';
    const { desk, answer, authorizations } = await deskOf(ENTRA, async () => ({
      signIn: async () => 'zero',
      token: async () => value,
    }));
    const signedIn = desk.signInByWindow();
    await eventually(() =>
      expect(authorizations.filter((token) => token === 'Bearer first')).toHaveLength(2),
    );
    answer(LIST, listOf(ID));
    await signedIn;
    expect(desk.store.state.jobs).toHaveLength(1);
    value = 'second';
    void desk.list();
    await eventually(() => expect(authorizations.at(-1)).toBe('Bearer second'));
    // What cannot be renewed is sent as it is: the app says that it takes another sign-in.
    value = undefined;
    const before = authorizations.length;
    void desk.list();
    await eventually(() => expect(authorizations).toHaveLength(before + 1));
    expect(authorizations.at(-1)).toBe('Bearer second');
  });

  it('that ends while its token is renewed starts no export as the next caller', async () => {
    let renew: ((token: string) => void) | undefined;
    let isSlow = false;
    const { desk, answer, authorizations } = await deskOf(ENTRA, async () => ({
      signIn: async () => 'first',
      token: () => (isSlow ? new Promise((resolve) => (renew = resolve)) : Promise.resolve('first')),
    }));
    const signedIn = desk.signInByWindow();
    await eventually(() => expect(authorizations.filter((token) => token === 'Bearer first')).toHaveLength(2)); // prettier-ignore
    answer(LIST, listOf(ID));
    await signedIn;
    isSlow = true;
    const starting = desk.startExport(EMPTY_FORM);
    await eventually(() => expect(renew).toBeDefined());
    desk.signOut();
    void desk.signIn({ kind: 'token', value: 'pasted' });
    await eventually(() => expect(authorizations.filter((token) => token === 'Bearer pasted')).toHaveLength(2)); // prettier-ignore
    renew?.('renewed');
    expect(await starting).toBe(false);
    expect(authorizations.slice(-2)).toEqual(['Bearer pasted', 'Bearer pasted']);
    expect(authorizations).not.toContain('Bearer renewed');
  });

  it.each<[string, OpenSignIn, RegExp]>([
    ['cannot be loaded', failing('TypeError', 'secret'), /could not be loaded/],
    [
      'is declined',
      async () => ({ signIn: failing('SignInError', 'access_denied'), token: async () => undefined }),
      /declined/,
    ],
    [
      'fails',
      async () => ({ signIn: failing('SignInError', 'invalid_grant'), token: async () => undefined }),
      /\(invalid_grant\).*ENTRA_CONSOLE_SCOPE/,
    ],
    [
      'throws anything else',
      async () => ({ signIn: failing('Error', 'secret'), token: async () => undefined }),
      /could not be loaded/,
    ],
  ])('that %s is said in words, and can be tried again', async (_name, openSignIn, words) => {
    const open = vi.fn(openSignIn);
    const { desk } = await deskOf(ENTRA, open);
    await desk.signInByWindow();
    expect(desk.store.state).toMatchObject({ isSigningIn: false, isSignedIn: false });
    expect(desk.store.state.faults.join()).toMatch(words);
    expect(desk.store.state.faults.join()).not.toContain('secret');
    await desk.signInByWindow();
    expect(open).toHaveBeenCalledTimes(2);
  });

  it('that ends after a token was pasted changes nothing', async () => {
    let end: (token: string) => void = () => undefined;
    const signIn = (): Promise<string> => new Promise((resolve) => (end = resolve));
    const { desk, authorizations } = await deskOf(ENTRA, async () => ({ signIn, token: async () => 'late' }));
    const late = desk.signInByWindow();
    await eventually(() => expect(desk.store.state.isSigningIn).toBe(true));
    void desk.signIn({ kind: 'token', value: 'pasted' });
    end('late');
    await late;
    await eventually(() => expect(authorizations).toContain('Bearer pasted'));
    expect(authorizations).not.toContain('Bearer late');
  });
});

describe('the list of configurations', () => {
  const PATH = '/_operations/configurations';
  const page = (name: string, more: boolean): Response =>
    Response.json({
      configurations: [{ configuration: name }],
      ...(more ? { link: [{ relation: 'next', url: `https://x${PATH}?cursor=c` }] } : {}),
    });
  const names = (desk: Desk): string[] | undefined =>
    desk.store.state.configurations?.listed.map(({ name }) => name);

  it('is read page by page, and goes on where that is asked for', async () => {
    const { desk, answer } = await deskOf({ signIn: 'nothing', listsExports: false });
    for (let at = 1; at <= 5; at++) {
      await eventually(() => expect(names(desk)?.length ?? 0).toBe(at - 1));
      answer(PATH, page(`${at}`, true));
    }
    await eventually(() => expect(names(desk)).toEqual(['1', '2', '3', '4', '5']));
    const more = desk.listConfigurations(desk.store.state.configurations?.cursor);
    answer(PATH, page('6', false));
    await more;
    expect(names(desk)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(desk.store.state.configurations?.cursor).toBeUndefined();
  });

  it('that is refused leaves what there is to be named, and says why', async () => {
    const { desk, answer } = await deskOf({ signIn: 'token', listsExports: false });
    await desk.signIn({ kind: 'token', value: 'x' });
    answer(PATH, Response.json({ issue: [{ diagnostics: 'not for you' }] }, { status: 403 }));
    await eventually(() => expect(desk.store.state.unlisted).toEqual(['not for you']));
    expect(desk.store.state.configurations).toBeUndefined();
  });

  it('of one caller is not shown to the next', async () => {
    const { desk, answer } = await deskOf({ signIn: 'token', listsExports: false });
    await desk.signIn({ kind: 'token', value: 'first' });
    desk.signOut();
    answer(PATH, page('1', false));
    await desk.signIn({ kind: 'token', value: 'second' });
    answer(PATH, page('2', false));
    await eventually(() => expect(names(desk)).toEqual(['2']));
  });
});

it('the exports that were started at one app are not listed at another one of the same origin', () => {
  const [tab, computer] = [storage(), storage()];
  const of = (base: string): RememberedJobs => new RememberedJobs(base, tab, computer);
  of('http://localhost/a').add({ id: ID, state: 'running', level: 'system' });
  expect(of('http://localhost/b').list()).toEqual([]);
  expect(
    of('http://localhost/a')
      .list()
      .map(({ id }) => id),
  ).toEqual([ID]);
  of('http://localhost/a').keep(true);
  expect(of('http://localhost/b').isKept).toBe(false);
});
