import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { isLoopback } from '../common/loopback.js';
import type { ProxySettings } from '../settings/proxySettings.js';

export interface DispatcherOptions {
  /** PEM certificates that are trusted besides the public ones. */
  ca?: string | undefined;
  proxy?: ProxySettings | undefined;
  /** Until the headers are there, and between two parts of a body. */
  timeoutMs: number;
  /** How long an unused connection is kept. */
  keepAliveMs: number;
}

/** Until a connection is made: a host that cannot be reached differs from one that is slow to answer. */
const MAX_CONNECT_MS = 10_000;

/** How a request to a URL goes out. */
export type Dispatchers = (url: URL) => Dispatcher;

/**
 * The ways out, with the same rules of TLS on each: version 1.2 at least and certificates verified, whatever Node's
 * own switches (`NODE_TLS_REJECT_UNAUTHORIZED`, `--tls-min-v1.0`) say. This machine itself is never reached by proxy.
 */
export function openDispatchers({ ca, proxy, timeoutMs, keepAliveMs }: DispatcherOptions): Dispatchers {
  const tls = {
    timeout: Math.min(timeoutMs, MAX_CONNECT_MS),
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  };
  const options = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: tls,
  };
  const direct = new Agent(options);
  if (proxy?.http === undefined && proxy?.https === undefined) return () => direct;
  const proxied = new EnvHttpProxyAgent({
    ...options,
    requestTls: tls,
    proxyTls: tls,
    // Empty rather than missing, or it would read the environment itself.
    httpProxy: proxy.http ?? '',
    httpsProxy: proxy.https ?? '',
    noProxy: proxy.none,
  });
  return (url) => (isLoopback(url) ? direct : proxied);
}
