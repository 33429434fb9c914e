import type { HttpRequest } from '@azure/functions';
import { isLoopback } from '../../common/loopback.js';
import type { Authentication, AuthorizationSettings } from '../../settings/authorizationSettings.js';
import { RequestError } from '../respond.js';
import type { Caller } from './caller.js';

/** Whose exports are listed. */
type ListRule =
  /** Those that the caller has started. */
  | 'own'
  /** Those that this machine has started, for requests of this machine. */
  | 'of this machine'
  /** Nobody's: why. */
  | { refusal: string };

/** Whose exports are listed, by how callers authenticate themselves. */
const RULES: Readonly<Record<Authentication['method'], ListRule>> = {
  entra: 'own',
  smart: 'own',
  none: 'of this machine',
  'function-keys': {
    refusal:
      'Exports are not listed with function keys (AUTHENTICATION=function-keys), which do not distinguish callers: the id of an export is what lets a caller see it, and a list would give all of them to everybody who has a key. Keep the status URL that each kick-off answers with.',
  },
};

/** @throws RequestError 403 where the caller's exports are not listed */
export function permitExportList(
  caller: Caller,
  { url }: Pick<HttpRequest, 'url'>,
  { authentication, servesLoopback }: Pick<AuthorizationSettings, 'authentication' | 'servesLoopback'>,
): void {
  const rule = RULES[authentication.method];
  if (typeof rule === 'object') throw new RequestError(403, rule.refusal);
  if (rule === 'own' && caller.kind === 'known') return;
  if (rule === 'of this machine' && servesLoopback && isLoopback(new URL(url))) return;
  throw new RequestError(
    403,
    'Exports are listed for callers who show who they are, or on this machine itself. Keep the status URL that each kick-off answers with.',
  );
}
