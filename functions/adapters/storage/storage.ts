import { BlobServiceClient, newPipeline, RestError } from '@azure/storage-blob';
import { ExportError } from '../../common/errors.js';
import type { StorageAccount } from '../../settings/storageSettings.js';
import { busyIdentity, isMissingIdentity, managedIdentity } from '../managedIdentity.js';
import { networkFault } from '../networkFault.js';
import { MAX_TRIES, refusedBlobRetries } from './refusedRetries.js';

/** Opens a storage account with its connection string, or with the app's identity. */
export function openStorage(account: StorageAccount): BlobServiceClient {
  const { url, credential } =
    'connectionString' in account
      ? BlobServiceClient.fromConnectionString(account.connectionString)
      : { url: account.blobServiceUri, credential: managedIdentity(account.clientId).credential };
  const pipeline = newPipeline(credential, {
    retryOptions: {
      maxTries: MAX_TRIES,
      tryTimeoutInMs: 60_000,
      retryDelayInMs: 1000,
      maxRetryDelayInMs: 15_000,
    },
  });
  pipeline.factories.push(refusedBlobRetries);
  return new BlobServiceClient(url, pipeline);
}

/** The HTTP status of a storage error; 0 where it has none. */
export function storageStatus(error: unknown): number {
  return error instanceof RestError ? (error.statusCode ?? 0) : 0;
}

/** The service's own code of a storage error, such as `BlobNotFound`; empty where it has none. */
export function storageErrorCode(error: unknown): string {
  return error instanceof RestError ? (error.code ?? '') : '';
}

/** Whether a request was refused since the service does not know the version of the API that the SDK speaks. */
export function isUnknownApiVersion(error: unknown): boolean {
  return (
    storageErrorCode(error) === 'InvalidHeaderValue' &&
    error instanceof RestError &&
    /x-ms-version|API version/i.test(`${error.message} ${error.response?.bodyAsText ?? ''}`)
  );
}

/**
 * A storage error as an ExportError. `setting` names the account, `what` the thing, both in our own words:
 * the SDK's message holds URLs.
 */
export function storageFailure(
  error: unknown,
  setting: string,
  what: string,
  role = 'Storage Blob Data Contributor',
): ExportError {
  if (error instanceof ExportError) return error;
  const status = storageStatus(error);
  if (status === 401 || status === 403) {
    return new ExportError(
      'storage-denied',
      `The storage account of ${setting} answered ${status} for ${what}. Give the app's identity the role ${role} on it, or correct the connection string; see to its firewall, too.`,
    );
  }
  if (isUnknownApiVersion(error)) {
    return new ExportError(
      'storage-unavailable',
      `The storage account of ${setting} answered 400 for ${what}: it does not know the version of the storage API that the app uses. Start Azurite with --skipApiVersionCheck, or use a newer release of it.`,
    );
  }
  if (status === 404 || status === 409 || status === 412) {
    return new ExportError(
      'storage-conflict',
      `The storage account of ${setting} answered ${status} for ${what}: it was changed or deleted by someone else.`,
      true,
    );
  }
  const busy = busyIdentity(error);
  if (busy !== undefined) {
    return new ExportError(
      'storage-unavailable',
      `No token can be had now for the storage account of ${setting}, for ${what}: ${busy}.`,
      true,
    );
  }
  if (isMissingIdentity(error)) {
    return new ExportError(
      'storage-denied',
      `No token could be had for the app's managed identity, with which the storage account of ${setting} is used for ${what}. Switch the identity on for the app, or correct ${setting}__clientId.`,
      true,
    );
  }
  return new ExportError(
    'storage-unavailable',
    `The storage account of ${setting} cannot be used for ${what} (${status === 0 ? `no answer; ${networkFault(error)}` : status}). Check that it exists and can be reached.`,
    true,
  );
}

/** Runs what uses the account of a setting: what it throws is thrown as `storageFailure` has it. */
export function guarding(setting: string): <T>(what: string, work: () => Promise<T>) => Promise<T> {
  return async (what, work) => {
    try {
      return await work();
    } catch (error) {
      throw storageFailure(error, setting, what);
    }
  };
}

/** The answer about something in storage; `undefined` where it is not there. */
export function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (storageStatus(error) === 404) return undefined;
    throw error;
  });
}
