import type { BlobServiceClient } from '@azure/storage-blob';
import { ConfigurationImages } from '../../functions/adapters/configurationImages.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { type OciReference, readOciReference } from '../../functions/export/request/ociReference.js';
import {
  isTrusted,
  parseCertificates,
  parseRegistries,
  parseRegistryCredentials,
  type TrustedRegistries,
} from '../../functions/settings/registrySettings.js';
import { type ProxySettings, readProxySettings } from '../../functions/settings/proxySettings.js';
import type { StorageAccount } from '../../functions/settings/settings.js';
import { keptPorts } from '../../local/ports.js';
import { DEFAULT_BLOB_PORT, developmentStorage, EXPORT_ACCOUNT } from '../../local/developmentStorage.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Something is wrong with what was asked for; the message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const FHIR_VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];

export function fhirVersionOf(text: string): FhirVersion {
  const version = FHIR_VERSIONS.find((known) => known === text.toUpperCase());
  if (version === undefined)
    throw new UsageError(`The FHIR version must be one of ${FHIR_VERSIONS.join(', ')}.`);
  return version;
}

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

/** Whether the app may read from the registry, as far as the settings here tell. */
export function isRegistered(environment: Environment, reference: OciReference): boolean {
  return isTrusted(registriesOf(environment), reference);
}

/** What reads images with the settings here. The registry that was asked for need not be among them. */
export function imagesOf(environment: Environment, reference: OciReference): ConfigurationImages {
  return new ConfigurationImages({
    hosts: new Set([...registriesOf(environment).hosts, reference.registry]),
    repositories: new Set(),
    credentials: setting(environment, 'ANONYMIZATION_REGISTRY_CREDENTIALS', parseRegistryCredentials),
    clientId: environment['ANONYMIZATION_REGISTRY_CLIENT_ID'],
    ca: setting(environment, 'ANONYMIZATION_REGISTRY_CA', parseCertificates),
    proxy: proxyOf(environment),
  });
}

function proxyOf(environment: Environment): ProxySettings {
  const problems: string[] = [];
  const proxy = readProxySettings(environment, problems);
  if (problems.length > 0) throw new UsageError(`${problems.join('. ')}.`);
  return proxy;
}

function registriesOf(environment: Environment): TrustedRegistries {
  return setting(environment, 'ANONYMIZATION_REGISTRIES', parseRegistries);
}

function setting<T>(
  environment: Environment,
  name: string,
  parse: (text: string) => { value: T } | { problem: string },
): T {
  const parsed = parse(environment[name]?.trim() ?? '');
  if ('value' in parsed) return parsed.value;
  throw new UsageError(`${name} ${parsed.problem}.`);
}
