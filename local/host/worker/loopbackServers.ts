import http from 'node:http';

/**
 * Runs `open` and sees to the HTTP servers it makes: they listen on the loopback interface only, and do not
 * keep the process alive; request line and headers may have `maxHeaderBytes` together. The programming model's proxy for streamed requests would be open to the network.
 */
export async function onLoopback<T>(open: () => Promise<T>, maxHeaderBytes: number): Promise<T> {
  const { createServer } = http;
  http.createServer = (...parameters: unknown[]) => {
    const options = { maxHeaderSize: maxHeaderBytes };
    const server: http.Server = Reflect.apply(createServer, http, [options, ...parameters]);
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

/** The default of Node.js, in bytes. */
const DEFAULT_HEADER_BYTES = 16_384;

/** What a worker with these arguments for Node.js takes of headers, in bytes: this process has arguments of its own. */
export function maxHeaderSize(nodeArguments: string | undefined): number {
  const [, bytes] = /--max-http-header-size=(\d+)/.exec(nodeArguments ?? '') ?? [];
  return bytes === undefined ? DEFAULT_HEADER_BYTES : Number(bytes);
}
