import type { Handler } from '../handler.js';
import { RequestError } from '../respond.js';
import type { AuthorizationSettings } from '../../settings/authorizationSettings.js';
import type { Settings } from '../../settings/settings.js';
import { ConsoleFiles } from './consoleFiles.js';
import type { AppDescription } from './pages.js';

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
    case 'entra':
    case 'smart':
      return { base, signIn: 'token', tokensOf: authentication.method, listsExports: true };
    case 'function-keys':
      // A host of this machine checks none.
      return { base, signIn: servesLoopback ? 'nothing' : 'function-key', listsExports: false };
    case 'none':
      return { base, signIn: 'nothing', listsExports: true };
  }
}
