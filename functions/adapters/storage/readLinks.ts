import {
  BlobSASPermissions,
  type BlobServiceClient,
  type ContainerClient,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
  type UserDelegationKey,
} from '@azure/storage-blob';
import { ExportError } from '../../common/errors.js';

/** Clocks of the service and of ours may differ by as much. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** The service gives a key for seven days at most. */
const KEY_LIFETIME_MS = 6 * 24 * 3_600_000;
/** How signatures are made: the latest way that the emulator knows, too. */
const SIGNATURE_VERSION = '2025-07-05';

/**
 * Links with a shared access signature for one blob each: read only, https only but for the emulator. Signed with the
 * account's key, or, where the account is reached with an identity, with a user delegation key, which is kept in
 * memory until shortly before it expires.
 * https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
 */
export class ReadLinks {
  readonly #service: BlobServiceClient;
  #key: { key: UserDelegationKey; expiresOn: number } | undefined;

  constructor(service: BlobServiceClient) {
    this.#service = service;
  }

  /** @throws ExportError `storage-denied` where there is neither a key nor an identity */
  async linksTo(container: ContainerClient, expiresOn: Date, now: number): Promise<(name: string) => string> {
    const { credential } = this.#service;
    const isHttps = container.url.startsWith('https:');
    const values = (blobName: string): Parameters<typeof generateBlobSASQueryParameters>[0] => ({
      containerName: container.containerName,
      blobName,
      permissions: BlobSASPermissions.parse('r'),
      protocol: isHttps ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
      expiresOn,
      version: SIGNATURE_VERSION,
    });
    const link = (name: string, signature: string): string =>
      `${container.getBlobClient(name).url.replace(/\?.*$/s, '')}?${signature}`;
    if (credential instanceof StorageSharedKeyCredential) {
      return (name) => link(name, generateBlobSASQueryParameters(values(name), credential).toString());
    }
    if (!isTokenCredential(credential)) {
      throw new ExportError(
        'storage-denied',
        'The connection string in EXPORT_STORAGE has no account key, so no download links can be signed. Give one with AccountKey, reach the account with the managed identity (EXPORT_STORAGE__blobServiceUri), or set DOWNLOAD_LINKS to app.',
      );
    }
    const key = await this.#delegationKey(expiresOn.getTime(), now);
    const { accountName } = this.#service;
    return (name) => link(name, generateBlobSASQueryParameters(values(name), key, accountName).toString());
  }

  /** A user delegation key that outlives `until`. */
  async #delegationKey(until: number, now: number): Promise<UserDelegationKey> {
    if (this.#key === undefined || this.#key.expiresOn < until + CLOCK_SKEW_MS) {
      const expiresOn = now + KEY_LIFETIME_MS;
      const key = await this.#service.getUserDelegationKey(
        new Date(now - CLOCK_SKEW_MS),
        new Date(expiresOn),
      );
      this.#key = { key, expiresOn };
    }
    return this.#key.key;
  }
}

function isTokenCredential(credential: unknown): boolean {
  return typeof credential === 'object' && credential !== null && 'getToken' in credential;
}
