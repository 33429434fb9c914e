import type { HttpRequest } from '@azure/functions';
import { isLoopback } from '../../common/loopback.js';
import type { Authentication, AuthorizationSettings } from '../../settings/authorizationSettings.js';
import { RequestError } from '../respond.js';
import type { Caller } from './caller.js';

/** For whom configurations are listed, by how callers authenticate themselves: for those who may start exports. */
const RULES: Readonly<Record<Authentication['method'], 'known callers' | 'who has a key' | 'this machine'>> =
  {
    entra: 'known callers',
    smart: 'known callers',
    'function-keys': 'who has a key',
    none: 'this machine',
  };

/** @throws RequestError 403 where configurations are not listed for a caller */
export function permitConfigurationList(
  caller: Caller,
  { url }: Pick<HttpRequest, 'url'>,
  { authentication, servesLoopback }: Pick<AuthorizationSettings, 'authentication' | 'servesLoopback'>,
): void {
  const rule = RULES[authentication.method];
  // The host, or this machine, has let the caller in before.
  if (rule === 'who has a key') return;
  if (rule === 'known callers' && caller.kind === 'known') return;
  if (rule === 'this machine' && servesLoopback && isLoopback(new URL(url))) return;
  throw new RequestError(
    403,
    'Configurations are listed for callers who show who they are, or on this machine itself. A configuration whose name you know can be used all the same.',
  );
}
