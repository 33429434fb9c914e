import type { BlobServiceClient } from '@azure/storage-blob';
import { ExportError } from '../errors.js';
import { storageFailure, storageStatus } from './storage.js';

/** Container of the configurations, in the export storage account. */
const CONFIGURATION_CONTAINER = 'anonymization';
const MOST_BYTES = 1_048_576;

/** Reads anonymization configurations from blob storage. */
export class ConfigurationBlobs {
  readonly #service: BlobServiceClient;

  constructor(service: BlobServiceClient) {
    this.#service = service;
  }

  /**
   * The text of a configuration.
   * @param etag the version it must be, with or without its double quotes; checked by the service
   * @throws ExportError that says what to do
   */
  async read(name: string, etag: string | undefined): Promise<string> {
    const blob = this.#service.getContainerClient(CONFIGURATION_CONTAINER).getBlobClient(name);
    const conditions = etag === undefined ? {} : { ifMatch: `"${etag.replace(/^"|"$/g, '')}"` };
    try {
      const response = await blob.download(0, MOST_BYTES + 1, { conditions });
      const chunks: Buffer[] = [];
      for await (const chunk of response.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      const bytes = Buffer.concat(chunks);
      if (bytes.length > MOST_BYTES) {
        throw new ExportError(
          'configuration-invalid',
          '_anonymizationConfig: the configuration is larger than 1 MiB, the most that is taken. Make it smaller.',
        );
      }
      return bytes.toString('utf8');
    } catch (thrown) {
      const status = storageStatus(thrown);
      if (status === 404 || status === 400) {
        throw new ExportError(
          'configuration-not-found',
          `_anonymizationConfig: there is no blob of this name in the container ${CONFIGURATION_CONTAINER} of the export storage account. Upload it, or correct the name (letter case counts).`,
        );
      }
      if (status === 412) {
        throw new ExportError(
          'configuration-not-found',
          '_anonymizationConfigEtag: the configuration has another ETag now. Look at what changed, and give the ETag of the version you want.',
        );
      }
      // An empty blob has no byte 0.
      if (status === 416) {
        throw new ExportError('configuration-invalid', '_anonymizationConfig: the configuration is empty.');
      }
      throw storageFailure(thrown, 'EXPORT_STORAGE', 'reading a configuration');
    }
  }
}
