const { app, HttpResponse } = require('@azure/functions');

const anonymous = { authLevel: 'anonymous' };

app.http('echo', {
  ...anonymous,
  methods: ['POST'],
  route: 'echo/{id}',
  handler: async (request) => {
    let length = 0;
    for await (const chunk of request.body) length += chunk.length;
    const { params, url } = request;
    return new HttpResponse({ jsonBody: { length, params, url, type: request.headers.get('x-type') } });
  },
});

app.http('throws', {
  ...anonymous,
  methods: ['POST'],
  handler: () => {
    throw new Error('no answer');
  },
});

app.http('nothing', { ...anonymous, handler: () => undefined });
