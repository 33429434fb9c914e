/** What a document may load and do, by the directives of its policy that are not `'none'`. */
export type Policy = Readonly<Record<string, string>>;

interface Page {
  /** Below the folder of the built console. */
  readonly document: string;
  readonly policy: Policy;
}

const OWN_FILES = {
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
} as const;

/** All requests that a document makes are for its own scripts and styles: what is opened in it goes nowhere. */
const ISOLATED: Policy = { ...OWN_FILES, 'worker-src': "'self'" };

/** The pages of the console, by their addresses below it. Links in their documents are relative to its folder. */
export const PAGES: Readonly<Record<string, Page>> = {
  '': { document: 'exports/index.html', policy: { ...OWN_FILES, 'connect-src': "'self'" } },
  preview: { document: 'preview/index.html', policy: ISOLATED },
  // Where a sign-in in a window of its own ends: it gives the answer to the exports page, which asks for the token.
  'signed-in': { document: 'exports/signedIn.html', policy: OWN_FILES },
};

/** Of all other files: a worker goes by the policy that its own script comes with. */
export const POLICY_OF_FILES = ISOLATED;

/** Neither is governed by `default-src`. */
const CLOSED = { 'form-action': "'none'", 'base-uri': "'none'", 'frame-ancestors': "'none'" } as const;

/**
 * The header `Content-Security-Policy`.
 * @param others origins that a page which may make requests speaks to beside its own: those of `originsOf`
 */
export function policyText(policy: Policy, others: readonly string[] = []): string {
  const { 'connect-src': connect = "'none'", ...rest } = policy;
  const reached = connect === "'none'" ? connect : [connect, ...others].join(' ');
  const all = { 'default-src': "'none'", ...rest, 'connect-src': reached, ...CLOSED };
  return Object.entries(all)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
}

/** Media types by the endings of the files that there may be: a file of another one is not served. */
export const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** What the script of the exports page asks for first: see `AppDescription`. */
export const APP_FILE = 'app.json';

/** The app that the exports page is for, as its script has to know it. */
export interface AppDescription {
  /** FHIR base, absolute or relative to the console; `undefined`: there is none. */
  readonly base: string | undefined;
  /** What a caller has to bring; `undefined`: the page cannot know. */
  readonly signIn: 'nothing' | 'function-key' | 'token' | undefined;
  /** Who gives tokens, in words of the settings. */
  readonly tokensOf?: 'entra' | 'smart';
  /** Where the page can sign users in, by authorization code with PKCE; absent: tokens are pasted. */
  readonly signInAt?: SignInAt;
  /** Whether the app lists exports of a caller. */
  readonly listsExports: boolean;
}

/** A server that signs users in, and the public client that the page is there. */
export interface SignInAt {
  /** URL below which the metadata of the server are (`/v2.0/.well-known/openid-configuration`). */
  readonly authority: string;
  readonly clientId: string;
  /** What a token is asked for. */
  readonly scope: string;
}

/** The origins that the exports page of an app speaks to beside its own. */
export function originsOf({ base, signInAt }: AppDescription): string[] {
  const urls = [base, signInAt?.authority].filter((url) => url !== undefined && URL.canParse(url));
  return [...new Set(urls.map((url) => new URL(url as string).origin))];
}
