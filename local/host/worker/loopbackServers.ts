import http from 'node:http';

/**
 * Runs `open` and sees to the HTTP servers it makes: they listen on the loopback interface only, and do not
 * keep the process alive. The programming model's proxy for streamed requests would be open to the network.
 */
export async function onLoopback<T>(open: () => Promise<T>): Promise<T> {
  const { createServer } = http;
  http.createServer = (...parameters: unknown[]) => {
    const server: http.Server = Reflect.apply(createServer, http, parameters);
    const listen = server.listen.bind(server);
    server.listen = (...given: unknown[]) => {
      const callback = given.find((parameter) => typeof parameter === 'function');
      return listen(0, '127.0.0.1', () => callback?.()).unref();
    };
    return server;
  };
  try {
    return await open();
  } finally {
    http.createServer = createServer;
  }
}
