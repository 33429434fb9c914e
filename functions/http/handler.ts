import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import type { Caller } from './authorization/caller.js';

/** What handles a request; `client` speaks to the Durable extension, `caller` is who the request was let in as. */
export type Handler = (
  request: HttpRequest,
  client: DurableClient,
  context: InvocationContext,
  caller: Caller,
) => Promise<HttpResponseInit>;
