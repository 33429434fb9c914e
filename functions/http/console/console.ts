import type { Handler } from '../handler.js';
import { RequestError } from '../respond.js';
import type { Authentication, AuthorizationSettings } from '../../settings/authorizationSettings.js';
import type { Settings } from '../../settings/settings.js';
import { ConsoleFiles } from './consoleFiles.js';
import type { AppDescription, SignInAt } from './pages.js';

/** The path of the console, whatever the host or a gateway puts before it. */
const PATH = /^.*?\/console(?<below>\/.*)?$/i;

/** Serves the static files of the console, without any data: they are for everybody. @param folder of the built console */
export function consoleRoute(
  folder: string,
  { console: isServed, authorization }: Pick<Settings, 'console' | 'authorization'>,
): Handler {
  const files = new ConsoleFiles(folder, descriptionOf(authorization));
  return async ({ url, headers }) => {
    if (isServed === 'off') throw new RequestError(404, 'The console is off here (CONSOLE).');
    const {
      status,
      headers: own,
      body,
    } = await files.answer({
      path: PATH.exec(new URL(url).pathname)?.groups?.['below'] ?? '',
      acceptEncoding: headers.get('accept-encoding'),
      ifNoneMatch: headers.get('if-none-match'),
    });
    return { status, headers: { ...own }, ...(body === undefined ? {} : { body }) };
  };
}

/** What the exports page has to know of the app: the interface is beside the console. */
function descriptionOf({ authentication, servesLoopback }: AuthorizationSettings): AppDescription {
  const base = '../fhir';
  switch (authentication.method) {
    case 'entra': {
      const signInAt = signInAtEntra(authentication);
      return {
        base,
        signIn: 'token',
        tokensOf: 'entra',
        ...(signInAt === undefined ? {} : { signInAt }),
        listsExports: true,
      };
    }
    case 'smart':
      return { base, signIn: 'token', tokensOf: 'smart', listsExports: true };
    case 'function-keys':
      // A host of this machine checks none.
      return { base, signIn: servesLoopback ? 'nothing' : 'function-key', listsExports: false };
    case 'none':
      return { base, signIn: 'nothing', listsExports: true };
  }
}

/** Where users sign in; `undefined`: there is no client for that. What is in it, everybody who signs in can see. */
function signInAtEntra({
  tenantId,
  authority,
  consoleClientId: clientId,
  consoleScope: scope,
}: Extract<Authentication, { method: 'entra' }>): SignInAt | undefined {
  if (clientId === undefined || scope === undefined) return undefined;
  return { authority: `${new URL(authority).origin}/${tenantId}`, clientId, scope };
}
