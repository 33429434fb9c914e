import type { HttpRequest } from '@azure/functions';
import type { Dispatchers } from '../../adapters/dispatchers.js';
import type { AuthorizationSettings } from '../../settings/authorizationSettings.js';
import { isLoopback } from '../../common/loopback.js';
import { RequestError } from '../respond.js';
import type { Authorize } from './authorize.js';
import { type Caller, UNKNOWN_CALLER } from './caller.js';
import { entra } from './entra.js';
import { smartBackendServices } from './smartBackendServices.js';

/** The way that the settings choose. @param dispatcherFor how an authorization server is reached */
export function openAuthorization(
  { authentication, servesLoopback }: AuthorizationSettings,
  dispatcherFor: Dispatchers,
  isResourceType: (name: string) => boolean,
): Authorize {
  switch (authentication.method) {
    case 'entra':
      return entra(authentication.tenantId);
    case 'smart':
      return smartBackendServices(authentication, dispatcherFor, isResourceType);
    case 'function-keys':
    case 'none':
      return servesLoopback ? thisMachineOnly : anyCaller;
  }
}

/** Whom the host's keys have let in. */
async function anyCaller(): Promise<Caller> {
  return UNKNOWN_CALLER;
}

/** No key is checked here: a web page that a browser of this machine shows must not get in by a name of its own. */
async function thisMachineOnly(request: HttpRequest): Promise<Caller> {
  if (isLoopback(new URL(request.url))) return UNKNOWN_CALLER;
  throw new RequestError(
    403,
    'This app runs on localhost without authentication and answers there only: use http://localhost, or set AUTHENTICATION to entra or smart.',
  );
}
