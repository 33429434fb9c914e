import { app } from '@azure/functions';
import * as df from 'durable-functions';

const anonymous = { authLevel: 'anonymous' };

const describe = (route) => async (request) => ({
  jsonBody: {
    route,
    method: request.method,
    url: request.url,
    params: request.params,
    query: Object.fromEntries(request.query),
  },
});

const routes = {
  export: 'fhir/$export',
  typeExport: 'fhir/{type}/$export',
  read: 'fhir/{type}/{id}',
  number: 'numbers/{value:int}',
  files: 'files/{*rest}',
  optional: 'optional/{name?}',
  literal: 'mixed/literal',
  parameter: 'mixed/{name}',
  catchAll: 'mixed/{*rest}',
};
for (const [name, route] of Object.entries(routes)) {
  app.http(name, { ...anonymous, methods: ['GET', 'HEAD'], route, handler: describe(name) });
}

// For a method that the others do not have.
app.http('posted', {
  ...anonymous,
  methods: ['POST'],
  route: 'mixed/{name}/{*rest}',
  handler: describe('posted'),
});

app.http('throws', {
  ...anonymous,
  route: 'throws',
  handler: () => {
    throw new Error('a secret');
  },
});
app.http('empty', { ...anonymous, route: 'empty', handler: () => undefined });
app.http('big', {
  ...anonymous,
  methods: ['POST'],
  route: 'big',
  handler: async (request) => ({ body: String((await request.arrayBuffer()).byteLength) }),
});
app.http('streams', {
  ...anonymous,
  route: 'streams',
  handler: () => ({ body: new Blob(['one ', 'two']).stream(), headers: { 'content-type': 'text/x' } }),
});
app.http('cookies', {
  ...anonymous,
  route: 'cookies',
  handler: () => ({
    cookies: [
      { name: 'a', value: '1' },
      { name: 'b', value: '2', httpOnly: true },
    ],
  }),
});
app.http('forFunctionKey', { authLevel: 'function', route: 'keyed', handler: () => ({ body: 'ok' }) });
app.http('forMasterKey', { authLevel: 'admin', route: 'master', handler: () => ({ body: 'ok' }) });

app.http('logs', {
  ...anonymous,
  route: 'logs',
  handler: (_request, context) => {
    context.log('a user line', { n: 1 });
    context.debug('below the level');
    return {};
  },
});

let ticks = 0;
app.timer('tick', { schedule: '* * * * * *', runOnStartup: true, handler: () => void ticks++ });
app.http('ticks', { ...anonymous, route: 'ticks', handler: () => ({ jsonBody: ticks }) });

const revive = (_key, value) =>
  typeof value === 'string' && /^\d{4}-.*Z$/.test(value) ? new Date(value) : value;

// The operations of the durable client, by name, with their arguments as a JSON array.
df.app.client.http('client', {
  ...anonymous,
  methods: ['POST'],
  route: 'client/{operation}',
  handler: async (request, client) => {
    try {
      const value = await client[request.params.operation](...JSON.parse(await request.text(), revive));
      return { jsonBody: { value: value ?? null } };
    } catch (error) {
      return { jsonBody: { error: error.message } };
    }
  },
});
df.app.client.http('checkStatus', {
  ...anonymous,
  route: 'check/{id}',
  handler: (request, client) => client.createCheckStatusResponse(request, request.params.id),
});

app.hook.preInvocation((context) => {
  context.hookData.started = true;
});
app.hook.postInvocation((context) => {
  const { functionName } = context.invocationContext;
  if (functionName === 'empty' && context.hookData.started) context.result = { body: 'from the hook' };
});
