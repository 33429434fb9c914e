import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../cli/export/exportClient.js';
import { freePort } from '../../local/ports.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { testCertificate } from '../adapters/registry/testRegistry.js';
import { startTestStack, type TestStack, untilNextPoll } from './harness.js';

const NGINX = '/usr/sbin/nginx';
const isInstalled = existsSync(NGINX);
if (!isInstalled) console.log(`skipped: an export through a reverse proxy, which needs nginx (${NGINX})`);

/** A gateway with TLS that gives the app a path of its own, and asks it by the name that it has inside. */
function configurationOf(directory: string, port: number, app: string): string {
  return `
    daemon off;
    pid ${directory}/nginx.pid;
    error_log ${directory}/error.log;
    events {}
    http {
      access_log off;
      client_body_temp_path ${directory}/body;
      proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/fastcgi;
      uwsgi_temp_path ${directory}/uwsgi;
      scgi_temp_path ${directory}/scgi;
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${directory}/cert.pem;
        ssl_certificate_key ${directory}/key.pem;
        location /hospital/fhir/ {
          proxy_pass ${app}/;
          proxy_http_version 1.1;
          proxy_set_header X-Original-Host $http_host;
          proxy_buffering off;
          proxy_read_timeout 30m;
        }
      }
    }`;
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

describe.runIf(isInstalled)('behind nginx, with TLS and a path of its own', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-nginx-'));
  let test: TestStack;
  let nginx: ChildProcess;
  let base: string;
  let dispatcher: Agent;
  /** All that the client was sent. */
  const seen: string[] = [];

  /** What a client asks that knows no URL but the public base and those that it was given. */
  async function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    expect(url.startsWith(`${base}/`), url).toBe(true);
    const response = await fetch(url, { dispatcher, headers, method });
    const text = await response.text();
    seen.push(JSON.stringify([...response.headers]), text);
    return { status: response.status, headers: new Headers([...response.headers]), text };
  }

  async function complete(statusUrl: string): Promise<Manifest & { request: string }> {
    for (;;) {
      const { status, headers, text } = await ask(statusUrl);
      if (status === 200) return JSON.parse(text) as Manifest & { request: string };
      expect(status, text).toBe(202);
      await untilNextPoll({ headers });
    }
  }

  beforeAll(async () => {
    const port = await freePort(0);
    base = `https://localhost:${port}/hospital/fhir`;
    test = await startTestStack({ PUBLIC_BASE_URL: `https://fhir.example.org/fhir, ${base}` });
    const { key, cert } = await testCertificate();
    writeFileSync(join(directory, 'key.pem'), key);
    writeFileSync(join(directory, 'cert.pem'), cert);
    writeFileSync(join(directory, 'nginx.conf'), configurationOf(directory, port, test.stack.baseUrl));
    nginx = spawn(NGINX, ['-p', directory, '-c', 'nginx.conf'], { stdio: 'ignore' });
    dispatcher = new Agent({ connect: { ca: cert } });
    await vi.waitFor(() => ask(`${base}/metadata`), { timeout: 60_000, interval: 100 });
  });
  afterAll(async () => {
    const ended = once(nginx, 'exit');
    nginx.kill();
    await ended;
    await dispatcher.close();
    await test.end();
    rmSync(directory, { recursive: true, force: true });
  });

  it('a client gets from kick-off to download by the public URL alone, and sees no other', async () => {
    const kickOff = `${base}/$export?_type=Patient,Group&_container=research&_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
    const started = await ask(kickOff, { accept: 'application/fhir+json', prefer: 'respond-async' });
    expect(started.status, started.text).toBe(202);
    const statusUrl = started.headers.get('content-location') ?? '';
    const manifest = await complete(statusUrl);
    expect(manifest.request).toBe(kickOff);
    expect(manifest.output.map(({ type }) => type).sort()).toEqual(['Group', 'Patient']);
    for (const { url, count } of manifest.output) {
      const { status, text } = await ask(url);
      expect([status, text.split('\n').length - 1]).toEqual([200, count]);
    }
    expect((await ask(statusUrl, {}, 'DELETE')).status).toBe(202);
    expect((await ask(statusUrl)).status).toBe(404);
    const inside = new URL(test.stack.baseUrl);
    expect(seen.filter((text) => text.includes(inside.host) || text.includes('evil.example'))).toEqual([]);
  });

  it('no header that a client sends gets into an answer', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    const { text } = await ask(`${base}/metadata`, headers);
    expect(text).toContain(`"url":"${base}"`);
    expect(text).not.toContain('evil.example');
    // Past the gateway, where somebody reaches the app so.
    const direct = await fetch(`${test.stack.baseUrl}/metadata`, {
      headers: { ...headers, 'x-original-host': 'evil.example' },
    });
    expect(await direct.text()).toContain('"url":"https://fhir.example.org/fhir"');
  });
});
