import type { HttpResponseInit } from '@azure/functions';
import { ExportError } from '../../common/errors.js';
import type { DeIdentifyLimits } from '../../settings/deIdentifySettings.js';
import type { Caller } from '../authorization/caller.js';
import type { HttpDependencies } from '../dependencies.js';
import type { Handler } from '../handler.js';
import { readBody } from '../requestBody.js';
import { RequestError } from '../respond.js';
import { CallerLimiter } from './callerLimiter.js';
import { outcomeHeader } from './outcome.js';
import type { DeIdentifyAnswer } from './task.js';

/** The OperationOutcome of a result. */
const OUTCOME_HEADER = 'x-operationoutcome';

/** Where the operation is off: its path is there, so that the answer says why. */
export const operationIsOff: Handler = async () => {
  throw new RequestError(404, 'The operation $de-identify is off here (DE_IDENTIFY is not on).');
};

/**
 * Answers with the de-identified form of the resource that is sent, and stores and logs nothing of either.
 * The caller has the permission for it: `routes` sees to that.
 */
export function deIdentify(
  { runDeIdentify, now }: Pick<HttpDependencies, 'runDeIdentify' | 'now'>,
  limits: DeIdentifyLimits,
): Handler {
  const limiter = new CallerLimiter(limits);
  return async (request, _client, _context, caller) => {
    const entered = limiter.enter(nameOf(caller), now());
    if (typeof entered !== 'function') {
      throw new RequestError(429, `${entered.why}. Wait as long as Retry-After says.`, {
        'retry-after': String(entered.retryAfter),
      });
    }
    try {
      const body = await readBody(request, limits.maxMebibytes, 'a FHIR resource');
      return responseOf(await runDeIdentify({ body, search: new URL(request.url).search }));
    } finally {
      entered();
    }
  };
}

/** Callers that are not distinguished have one name. */
function nameOf(caller: Caller): string {
  return caller.kind === 'known' ? caller.owner : '';
}

function responseOf(answer: DeIdentifyAnswer): HttpResponseInit {
  if ('failure' in answer) {
    const { code, message, retryable } = answer.failure;
    throw new ExportError(code, message, retryable);
  }
  if ('status' in answer) throw new RequestError(answer.status, answer.issues);
  const outcome = outcomeHeader(answer.issues);
  return {
    status: 200,
    headers: {
      'content-type': 'application/fhir+json; charset=utf-8',
      'cache-control': 'no-store',
      ...(outcome === undefined ? {} : { [OUTCOME_HEADER]: outcome }),
    },
    body: answer.body,
  };
}
