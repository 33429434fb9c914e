import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  AggregateAuthenticationError,
  CredentialUnavailableError,
  ManagedIdentityCredential,
} from '@azure/identity';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { library } from '../../functions/adapters/library.js';
import { busyIdentity, isMissingIdentity } from '../../functions/adapters/managedIdentity.js';
import { managedIdentityToken } from '../../functions/adapters/source/credentials/managedIdentityToken.js';
import { storageFailure } from '../../functions/adapters/storage/storage.js';

let status = 0;
// The library keeps the first endpoint that it is told of, so there is one for all tests.
const server = createServer((_request, response) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"secret-words"}');
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
  vi.stubEnv('IDENTITY_HEADER', 'a header');
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
});

/** What the credential of the app throws where the identity endpoint answers with a status. */
async function thrownFor(answered: number): Promise<unknown> {
  status = answered;
  const credential = new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } });
  const asked = credential.getToken('https://fhir.example/.default');
  const error: unknown = await asked.catch((thrown: unknown) => thrown);
  // As the credential of the app throws it, which tries others, too.
  return new AggregateAuthenticationError([new CredentialUnavailableError('another'), error]);
}

describe('an identity endpoint', () => {
  it.each([429, 500, 503])(
    'that answers %i is busy: nobody is told to switch the identity on',
    async (answered) => {
      const error = await thrownFor(answered);
      expect(isMissingIdentity(error)).toBe(false);
      const words = `the identity endpoint of the app answered ${answered}, since it is busy or fails for a time. Try again`;
      expect(busyIdentity(error)).toBe(words);
      expect(storageFailure(error, 'EXPORT_STORAGE', 'the manifest')).toMatchObject({
        code: 'storage-unavailable',
        retryable: true,
        message: `No token can be had now for the storage account of EXPORT_STORAGE, for the manifest: ${words}.`,
      });
      const credential = { getToken: () => Promise.reject(error as Error) };
      const token = managedIdentityToken(
        { clientId: undefined, scope: 's' },
        { credential, name: 'the identity' },
      );
      await expect(token.header()).rejects.toMatchObject({
        code: 'source-unreachable',
        retryable: true,
        message: `A token for the identity, with which the source is read, cannot be had now: ${words}.`,
      });
    },
  );

  it('that knows no such identity is not busy', async () => {
    const error = await thrownFor(400);
    expect([isMissingIdentity(error), busyIdentity(error)]).toEqual([true, undefined]);
    expect(storageFailure(error, 'EXPORT_STORAGE', 'the manifest').message).toMatch(/Switch the identity on/);
  });
});

describe('a library of the app', () => {
  it('that could not be loaded is tried again by the next use, and its error says what to do', async () => {
    const answers = [
      () => Promise.reject(Object.assign(new Error('/home/somebody/package'), { code: 'EMFILE' })),
      () => Promise.reject(new SyntaxError('/home/somebody/package')),
      () => Promise.resolve({ loaded: true }),
    ];
    const used = library('@azure/identity', async () => (answers.shift() ?? fail)());
    const error: unknown = await used().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      retryable: true,
      message:
        'The library @azure/identity of the app could not be loaded (EMFILE). Restart the app; if that does not help, deploy its package again.',
    });
    expect(storageFailure(error, 'EXPORT_STORAGE', 'the manifest')).toBe(error);
    const credential = { getToken: () => Promise.reject(error as Error) };
    const token = managedIdentityToken({ clientId: undefined, scope: 's' }, { credential, name: 'x' });
    await expect(token.header()).rejects.toBe(error);
    await expect(used()).rejects.toThrow('could not be loaded (an error in it)');
    expect(await used()).toEqual({ loaded: true });
    // Once loaded, it is not loaded again.
    expect(await used()).toEqual({ loaded: true });
  });
});

function fail(): never {
  throw new Error('It is loaded more often than it has to be.');
}
