import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Services of Chromium's maker that Chromium itself asks, whatever page is open: who is signed in, what is to be updated.
 * What it asks of the fields of a page, and of what is typed there, is none of these.
 */
const OF_BROWSER = /^(?!content-autofill\.)[a-z0-9.-]+\.(?:google|googleapis|gvt1)\.com:443$/;
/** Its updater asks without TLS, some time after the start: on a slow machine, while a test runs. */
const OF_UPDATER = 'http://update.googleapis.com/';

/** A request that left the browser, whichever of its pages and workers sent it. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
}

export interface RecordingProxy {
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  end(): Promise<void>;
}

const OWN_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost']);

/**
 * A proxy that all of a browser's requests go through. It records each, passes on those to servers of this machine, and
 * answers all others with 502: nothing leaves the machine.
 */
export async function startRecordingProxy(): Promise<RecordingProxy> {
  const requests: RecordedRequest[] = [];
  const server = createServer((incoming, answer) => {
    const url = incoming.url ?? '';
    if (!url.startsWith(OF_UPDATER)) requests.push({ method: incoming.method ?? '', url });
    passOn(url, incoming, answer);
  });
  server.on('connect', (incoming, socket) => {
    const url = incoming.url ?? '';
    if (!OF_BROWSER.test(url)) requests.push({ method: 'CONNECT', url });
    passOnTunnel(url, socket);
  });
  server.on('upgrade', (incoming, socket) => {
    requests.push({ method: 'UPGRADE', url: incoming.url ?? '' });
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    end: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What is in it is between the browser and a server of this machine. */
function passOnTunnel(url: string, socket: Duplex): void {
  const [host = '', port] = url.split(':');
  socket.on('error', () => undefined);
  if (!OWN_HOSTS.has(host)) {
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    return;
  }
  const outgoing = connect(Number(port), host, () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    outgoing.pipe(socket).pipe(outgoing);
  });
  outgoing.on('error', () => socket.destroy());
  socket.on('close', () => outgoing.destroy());
}

function passOn(url: string, incoming: IncomingMessage, answer: ServerResponse): void {
  if (!URL.canParse(url) || !OWN_HOSTS.has(new URL(url).hostname)) {
    answer.writeHead(502).end();
    return;
  }
  const { hostname, port, pathname, search } = new URL(url);
  const { 'proxy-connection': _, ...headers } = incoming.headers;
  const outgoing = request(
    { hostname, port, path: pathname + search, method: incoming.method, headers },
    (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    },
  );
  outgoing.on('error', () => answer.destroy());
  incoming.pipe(outgoing);
}
