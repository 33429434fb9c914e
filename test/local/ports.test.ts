import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { freePort, keptPorts, StackPorts } from '../../local/ports.js';

let directory: string;
let lines: string[];
const servers: Server[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ports-'));
  lines = [];
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(directory, { recursive: true });
});

function ports(environment: Record<string, string> = {}, mostWaitMs?: number): StackPorts {
  return new StackPorts(directory, environment, (line) => void lines.push(line), mostWaitMs);
}

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

it('a port that was free once is that of the part from then on, whatever is free now', async () => {
  const usual = await freePort(0);
  const other = await occupy(usual);
  const first = await ports({ SOURCE_PORT: String(usual) }).take('source');
  expect(first).not.toBe(usual);
  expect(lines).toEqual([`port ${usual} is taken: the sample FHIR source takes ${first}`]);
  other.close();
  for (const environment of [{}, { SOURCE_PORT: '0' }] as Record<string, string>[]) {
    expect(await ports(environment).take('source')).toBe(first);
  }
  expect(keptPorts(directory)).toEqual({ source: first });
});

it('a process finds another port each time, though nothing listens on those that it found', async () => {
  const found = new Set<number>();
  for (let times = 0; times < 400; times++) found.add(await freePort(0));
  expect(found.size).toBe(400);
});

it('two processes that look at the same place find different ports, though nothing listens on those that they found', async () => {
  // Each has the module once; both begin by the number of this process.
  const looks: Array<typeof freePort> = [];
  for (let nth = 0; nth < 2; nth++) {
    vi.resetModules();
    looks.push((await import('../../local/ports.js')).freePort);
  }
  const found: number[] = [];
  for (let times = 0; times < 150; times++) found.push(...(await Promise.all(looks.map((look) => look(0)))));
  expect(new Set(found).size).toBe(300);
});

it('a setting that names another port than before is obeyed', async () => {
  const [first, second] = [await ports({ PORT: '0' }).take('host'), await freePort(0)];
  expect(await ports({ PORT: String(second) }).take('host')).toBe(second);
  expect(await ports().take('host')).toBe(second);
  expect(second).not.toBe(first);
});

it('a port that is taken is waited for', async () => {
  const port = await ports({ PORT: '0' }).take('host');
  const other = await occupy(port);
  setTimeout(() => other.close(), 400);
  expect(await ports().take('host')).toBe(port);
  expect(lines).toEqual([`port ${port}, which the Functions host had before, is taken: waiting for it`]);
});

it('a port that stays taken is named, and what to do', async () => {
  const port = await ports({ SOURCE_PORT: '0' }).take('source');
  await occupy(port);
  await expect(ports({}, 300).take('source')).rejects.toThrow(
    new RegExp(`^Port ${port} is taken.*the sample FHIR source in .*LOCAL_DATA.*SOURCE_PORT`),
  );
});

it('a file that was cut off is as none', async () => {
  writeFileSync(join(directory, 'ports.json'), '{"host": 70');
  expect(await ports({ PORT: '0' }).take('host')).toBeGreaterThan(0);
});

it.each(['x', '-1', '65536', '1.5'])('a setting that is no port (%s) is named', async (text) => {
  expect(() => ports({ PORT: text })).toThrow(/^PORT must be a port/);
});
