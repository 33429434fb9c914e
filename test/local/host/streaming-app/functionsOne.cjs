const { app } = require('@azure/functions');

app.setup({ enableHttpStream: true });
const anonymous = { authLevel: 'anonymous' };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What the stream that nobody reads has produced so far.
const produced = { chunks: 0 };
app.http('produced', { ...anonymous, handler: () => ({ jsonBody: produced }) });

app.http('unread', {
  ...anonymous,
  handler: () => ({
    body: new ReadableStream(
      {
        pull(controller) {
          controller.enqueue(new Uint8Array(64 * 1024));
          if (++produced.chunks === 512) controller.close();
        },
      },
      { highWaterMark: 0 },
    ),
  }),
});

app.http('large', {
  ...anonymous,
  handler: () => ({
    headers: { 'content-type': 'application/fhir+ndjson' },
    cookies: [{ name: 'a', value: '1' }],
    status: 203,
    body: (async function* () {
      for (let index = 0; index < 640; index++) yield new Uint8Array(64 * 1024).fill(index % 251);
    })(),
  }),
});

// Goes on when it is told that its first part has arrived.
let release;
app.http('release', { ...anonymous, handler: () => release() });

app.http('slow', {
  ...anonymous,
  handler: () => ({
    body: new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('first '));
        await new Promise((resolve) => (release = resolve));
        controller.enqueue(new TextEncoder().encode('second'));
        controller.close();
      },
    }),
  }),
});

app.http('breaks', {
  ...anonymous,
  handler: () => ({
    body: (async function* () {
      yield new Uint8Array(1000);
      await sleep(100);
      throw new Error('broken');
    })(),
  }),
});

app.http('stops', {
  ...anonymous,
  methods: ['POST'],
  handler: async (request) => {
    for await (const chunk of request.body) return { status: 413, body: String(chunk.length) };
  },
});
