import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BlobServiceClient } from '@azure/storage-blob';
import { ExportError } from '../common/errors.js';
import { isConfigurationName } from '../export/request/configurationName.js';
import type { StorageAccount } from '../settings/storageSettings.js';
import { configurationText, MAX_CONFIGURATION_BYTES } from './configurationText.js';
import { managedIdentityName } from './managedIdentity.js';
import { isUnknownApiVersion, storageErrorCode, storageFailure, storageStatus } from './storage/storage.js';

/** Container of the configurations, in the export storage account. */
const CONFIGURATION_CONTAINER = 'anonymization';

/** Some blobs of the container, and where the list goes on. */
export interface ListedBlobs {
  readonly blobs: ReadonlyArray<{ readonly name: string; readonly etag: string }>;
  readonly cursor?: string;
}

/** Reads anonymization configurations from blob storage. */
export class ConfigurationBlobs {
  readonly #service: BlobServiceClient;
  readonly #account: StorageAccount;

  /** @param account how `service` was opened, for messages */
  constructor(service: BlobServiceClient, account: StorageAccount) {
    this.#service = service;
    this.#account = account;
  }

  /**
   * The text of a configuration, and the version of the blob it was read from.
   * @param etag the version it must be, with or without its double quotes; checked by the service
   * @throws ExportError that says what to do
   */
  async read(name: string, etag: string | undefined): Promise<{ text: string; etag: string }> {
    const blob = this.#service.getContainerClient(CONFIGURATION_CONTAINER).getBlobClient(name);
    // Always in quotes: a bare star would match every version.
    const conditions = etag === undefined ? {} : { ifMatch: `"${etag.replace(/^"(.*)"$/, '$1')}"` };
    try {
      const response = await blob.download(0, MAX_CONFIGURATION_BYTES + 1, { conditions });
      const bytes = await buffer(response.readableStreamBody as Readable);
      return { text: configurationText(bytes), etag: response.etag ?? '' };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /**
   * Blobs that can be configurations by their name and size, in the order of the container.
   * @param cursor where a page before has ended
   * @returns `undefined` where no page has ended there
   * @throws ExportError that says what to do
   */
  async list(cursor: string | undefined, most: number): Promise<ListedBlobs | undefined> {
    const pages = this.#service
      .getContainerClient(CONFIGURATION_CONTAINER)
      .listBlobsFlat()
      .byPage({ maxPageSize: most, ...(cursor === undefined ? {} : { continuationToken: cursor }) });
    try {
      for await (const { segment, continuationToken = '' } of pages) {
        const blobs = segment.blobItems.flatMap(({ name, properties: { etag, contentLength = 0 } }) => {
          const isUsable = contentLength > 0 && contentLength <= MAX_CONFIGURATION_BYTES;
          return isUsable && isConfigurationName(name) ? [{ name, etag }] : [];
        });
        return { blobs, ...(continuationToken === '' ? {} : { cursor: continuationToken }) };
      }
      return { blobs: [] };
    } catch (error) {
      if (cursor !== undefined && storageStatus(error) === 400 && !isUnknownApiVersion(error))
        return undefined;
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): ExportError {
    const account = 'the storage account of EXPORT_STORAGE';
    switch (storageStatus(error)) {
      case 404:
        return new ExportError(
          'configuration-not-found',
          storageErrorCode(error) === 'ContainerNotFound'
            ? `_anonymizationConfig: ${account} has no container ${CONFIGURATION_CONTAINER}. Create it, and upload the configuration.`
            : `_anonymizationConfig: there is no blob of this name in the container ${CONFIGURATION_CONTAINER} of ${account}. Upload it, or correct the name (letter case counts).`,
        );
      case 400:
        return isUnknownApiVersion(error)
          ? storageFailure(error, 'EXPORT_STORAGE', 'reading a configuration')
          : new ExportError(
              'configuration-not-found',
              '_anonymizationConfig: this cannot be the name of a blob. Give the name as the container lists it.',
            );
      case 412:
        return new ExportError(
          'configuration-not-found',
          '_anonymizationConfigEtag: the configuration has another ETag now. Look at what changed, and give the ETag of the version you want.',
        );
      // An empty blob has no byte 0.
      case 416:
        return new ExportError('configuration-invalid', '_anonymizationConfig: the configuration is empty.');
      case 401:
      case 403:
        return new ExportError('storage-denied', this.#denied(error, account));
      default:
        return storageFailure(error, 'EXPORT_STORAGE', 'reading a configuration');
    }
  }

  /** Which of the things that can refuse a read it was, by the service's code. */
  #denied(error: unknown, account: string): string {
    const refused = `Reading the configuration from ${account} was refused (${storageStatus(error)}).`;
    const code = storageErrorCode(error);
    if (code === 'AuthorizationFailure' || code === 'IpAuthorizationError') {
      return `${refused} That is mostly its firewall: let the app's network through, or give the app a private endpoint to it.`;
    }
    if ('connectionString' in this.#account) {
      return `${refused} The key or signature in the connection string is wrong, has expired, or may not read: correct it.`;
    }
    return `${refused} Give ${managedIdentityName(this.#account.clientId)} the role Storage Blob Data Reader on it (Storage Blob Data Contributor, which the export needs, includes it); a new role takes some minutes.`;
  }
}
