import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DEFAULT_BLOB_PORT, DEFAULT_TABLE_PORT } from './developmentStorage.js';

/** The parts of the stack that listen: names for messages, the settings of their ports, and the usual ports. */
export const PARTS = {
  storage: { name: 'storage', setting: 'AZURITE_BLOB_PORT', otherwise: DEFAULT_BLOB_PORT },
  tables: { name: 'the table storage', setting: 'AZURITE_TABLE_PORT', otherwise: DEFAULT_TABLE_PORT },
  source: { name: 'the sample FHIR source', setting: 'SOURCE_PORT', otherwise: 8080 },
  host: { name: 'the Functions host', setting: 'PORT', otherwise: 7071 },
} as const;

/** Parts of a stack that was killed end by themselves within this time. */
const MAX_WAIT_MS = 15_000;
const BETWEEN_TRIES_MS = 250;

/**
 * Where free ports are looked for. Those above, which systems give away themselves, go to any connection that another
 * program opens before the part listens.
 */
const [LEAST_PORT, MOST_PORT] = [20_000, 32_000];
const TRIES = 20;
const PORTS_OF_A_BLOCK = 100;

/**
 * Ports that one process alone looks at, so that another neither finds the same one before a part listens on it, nor is
 * in the way while it comes up. The process listens on the first one until it ends.
 */
interface Block {
  first: number;
  tried: number;
}
let block: Promise<Block | undefined> | undefined;

/** The port asked for, or a free one where it is taken or 0. */
export async function freePort(wanted: number): Promise<number> {
  const found = wanted === 0 ? undefined : await tryPort(wanted);
  if (found !== undefined) return found;
  for (let tries = 0; tries < TRIES; tries++) {
    const free = await tryPort(await nextPort());
    if (free !== undefined) return free;
  }
  return (await tryPort(0)) ?? wanted;
}

/**
 * The ports of a stack, kept in the folder of its data: jobs know the source by its URL, and clients the status of a job
 * and its files, so a stack that starts again has to be where it was.
 */
export class StackPorts {
  readonly #directory: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #report: (line: string) => void;
  readonly #mostWaitMs: number;

  /** @throws Error that names the setting of a port that is none: before anything is started */
  constructor(
    directory: string,
    environment: Readonly<Record<string, string | undefined>>,
    report: (line: string) => void,
    mostWaitMs = MAX_WAIT_MS,
  ) {
    this.#directory = directory;
    this.#environment = environment;
    this.#report = report;
    this.#mostWaitMs = mostWaitMs;
    for (const part of Object.values(PARTS)) wantedPort(environment, part);
  }

  /**
   * The port of a part: the one it had, unless its setting names another one now; else the one that is set or usual, or
   * a free one where that is taken.
   * @throws Error that names the port, where the one it had stays taken
   */
  async take(key: keyof typeof PARTS): Promise<number> {
    const { name, setting } = PARTS[key];
    const isSet = (this.#environment[setting] ?? '') !== '';
    const wanted = wantedPort(this.#environment, PARTS[key]);
    const kept = keptPorts(this.#directory)[key];
    if (kept !== undefined && (!isSet || wanted === 0 || wanted === kept)) {
      await this.#waitFor(kept, name, setting);
      return kept;
    }
    const port = await freePort(wanted);
    if (port !== wanted && wanted !== 0) this.#report(`port ${wanted} is taken: ${name} takes ${port}`);
    writeFileSync(portsFile(this.#directory), JSON.stringify({ ...keptPorts(this.#directory), [key]: port }));
    return port;
  }

  async #waitFor(port: number, name: string, setting: string): Promise<void> {
    if ((await tryPort(port)) !== undefined) return;
    this.#report(`port ${port}, which ${name} had before, is taken: waiting for it`);
    const until = Date.now() + this.#mostWaitMs;
    while (Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
      if ((await tryPort(port)) !== undefined) return;
    }
    throw new Error(
      `Port ${port} is taken. It is that of ${name} in ${this.#directory}, and exports that began there go on with it alone. End the program that has it, which may be another stack on this folder; or set LOCAL_DATA to another folder; or set ${setting} to another port and start these exports again.`,
    );
  }
}

/** The port that is set, or the usual one. @throws Error naming the setting */
function wantedPort(
  environment: Readonly<Record<string, string | undefined>>,
  { setting, otherwise }: (typeof PARTS)[keyof typeof PARTS],
): number {
  const text = environment[setting] ?? '';
  const wanted = text === '' ? otherwise : Number(text);
  if (Number.isInteger(wanted) && wanted >= 0 && wanted <= 65_535) return wanted;
  throw new Error(`${setting} must be a port from 0 to 65535; 0 is any free one.`);
}

/** The ports that the stack of a folder had last, by the keys of `PARTS`. */
export function keptPorts(directory: string): Partial<Record<keyof typeof PARTS, number>> {
  let ports: unknown;
  try {
    ports = JSON.parse(readFileSync(portsFile(directory), 'utf8'));
  } catch {
    // None yet, or cut off by a kill.
    return {};
  }
  const entries = Object.entries(typeof ports === 'object' && ports !== null ? ports : {});
  return Object.fromEntries(entries.filter(([, port]) => Number.isInteger(port)));
}

function portsFile(directory: string): string {
  return join(directory, 'ports.json');
}

/** The next port of this process; 0 where others have all blocks. */
async function nextPort(): Promise<number> {
  for (;;) {
    const taken = (block ??= takeBlock());
    const own = await taken;
    if (own === undefined) return 0;
    own.tried++;
    if (own.tried < PORTS_OF_A_BLOCK) return own.first + own.tried;
    if (block === taken) block = undefined;
  }
}

async function takeBlock(): Promise<Block | undefined> {
  const blocks = (MOST_PORT - LEAST_PORT) / PORTS_OF_A_BLOCK;
  for (let nth = 0; nth < blocks; nth++) {
    const first = LEAST_PORT + ((process.pid + nth) % blocks) * PORTS_OF_A_BLOCK;
    const held = await listenOn(first);
    if (held === undefined) continue;
    held.unref();
    return { first, tried: 0 };
  }
  return undefined;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = await listenOn(port);
  if (server === undefined) return undefined;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : undefined;
}

/** `undefined` where the port is taken. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
