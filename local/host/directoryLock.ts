import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Another host works on the directory. */
class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
}

const BETWEEN_TRIES_MS = 200;

/**
 * Keeps two hosts from working on the same directory. The lock is a local socket, so that it ends with the
 * process that holds it, however it ends.
 */
export class DirectoryLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param mostWaitMs how long another host may need to stop
   * @throws DirectoryInUseError when another host has the directory and keeps it.
   */
  static async take(directory: string, mostWaitMs = 0): Promise<DirectoryLock> {
    const until = Date.now() + mostWaitMs;
    for (;;) {
      try {
        return await DirectoryLock.#tryTake(directory);
      } catch (error) {
        if (!(error instanceof DirectoryInUseError) || Date.now() >= until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
    }
  }

  static async #tryTake(directory: string): Promise<DirectoryLock> {
    const path = socketPath(directory);
    try {
      return new DirectoryLock(await listen(path));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
    if (await answers(path)) {
      throw new DirectoryInUseError(
        `${directory} is in use by another host. Stop that one, or set LOCAL_DATA to another directory.`,
      );
    }
    rmSync(path, { force: true });
    return new DirectoryLock(await listen(path));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function socketPath(directory: string): string {
  // The path of a socket must be short.
  const name = `functions-host-${createHash('sha256').update(directory).digest('hex').slice(0, 24)}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => resolve(server.unref()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
