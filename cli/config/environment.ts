import type { BlobServiceClient } from '@azure/storage-blob';
import { ConfigurationImages } from '../../functions/adapters/configurationImages.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import { type OciReference, readOciReference } from '../../functions/export/request/ociReference.js';
import { PROXY } from '../../functions/settings/proxySettings.js';
import { isTrusted, REGISTRIES } from '../../functions/settings/registrySettings.js';
import {
  type Environment,
  readValues,
  type Settings,
  type Values,
} from '../../functions/settings/setting.js';
import type { StorageAccount } from '../../functions/settings/storageSettings.js';
import { UsageError } from '../command.js';
import { keptPorts } from '../../local/ports.js';
import { DEFAULT_BLOB_PORT, developmentStorage, EXPORT_ACCOUNT } from '../../local/developmentStorage.js';

/** The export storage account of the settings; without any, that of the embedded stack. */
export function exportStorageOf(environment: Environment): {
  account: StorageAccount;
  service: BlobServiceClient;
} {
  const connectionString = environment['EXPORT_STORAGE'] ?? '';
  const blobServiceUri = environment['EXPORT_STORAGE__blobServiceUri'] ?? '';
  const kept = keptPorts(environment['LOCAL_DATA'] ?? '.local').storage;
  const blobPort = Number(environment['AZURITE_BLOB_PORT'] ?? kept ?? DEFAULT_BLOB_PORT);
  const account: StorageAccount =
    blobServiceUri !== '' && connectionString === ''
      ? { blobServiceUri, clientId: environment['EXPORT_STORAGE__clientId'] }
      : { connectionString: connectionString || developmentStorage(EXPORT_ACCOUNT, blobPort) };
  return { account, service: openStorage(account) };
}

export function referenceOf(text: string): OciReference {
  const read = readOciReference(text);
  if ('reference' in read) return read.reference;
  throw new UsageError(`The reference ${read.problem}.`);
}

/** Whether the app may read from the registry, as far as the settings here say. */
export function isRegistered(environment: Environment, reference: OciReference): boolean {
  return isTrusted(settingsOf(REGISTRIES, environment).trusted, reference);
}

/** What reads images with the settings here. The registry that was asked for need not be among them. */
export function imagesOf(environment: Environment, reference: OciReference): ConfigurationImages {
  const { trusted, ...registries } = settingsOf(REGISTRIES, environment);
  return new ConfigurationImages({
    ...registries,
    hosts: new Set([...trusted.hosts, reference.registry]),
    repositories: new Set(),
    proxy: settingsOf(PROXY, environment),
  });
}

/** The values of settings. @throws UsageError where there are problems */
export function settingsOf<S extends Settings>(settings: S, environment: Environment): Values<S> {
  const problems: string[] = [];
  const values = readValues(settings, environment, (_setting, problem) => problems.push(problem));
  if (problems.length > 0) throw new UsageError(`${problems.join('. ')}.`);
  return values;
}
