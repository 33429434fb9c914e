import type { OciReference } from '../export/request/ociReference.js';
import { isTrusted, type RegistrySettings } from '../settings/registrySettings.js';
import { AzureRepository, isAzureRegistry } from './registry/azureRepository.js';
import { configurationText } from './configurationText.js';
import { DistributionRepository } from './registry/distributionRepository.js';
import { managedIdentity, type ManagedIdentity } from './managedIdentity.js';
import { OciArtifact } from './registry/ociArtifact.js';
import { notRegistered, RegistryTransport } from './registry/registryTransport.js';

/** For all of one image: the caller of the kick-off waits. */
const MAX_MILLISECONDS = 60_000;

/** Reads anonymization configurations from images and artifacts of registered OCI registries. */
export class ConfigurationImages {
  readonly #settings: RegistrySettings;
  readonly #transport: RegistryTransport;
  readonly #identityOf: (host: string) => ManagedIdentity | undefined;

  /**
   * @param identityOf with which identity a registry is read that has no credentials in the settings; the app's own
   *   for Azure Container Registries by default
   */
  constructor(settings: RegistrySettings, identityOf?: (host: string) => ManagedIdentity | undefined) {
    this.#settings = settings;
    this.#transport = new RegistryTransport(settings);
    let identity: ManagedIdentity | undefined;
    this.#identityOf =
      identityOf ??
      ((host) => (isAzureRegistry(host) ? (identity ??= managedIdentity(settings.clientId)) : undefined));
  }

  /**
   * The text of a configuration, and the digest of the manifest that its tag refers to now.
   * @throws ExportError that says what to do
   */
  async read(reference: OciReference, path: string): Promise<{ text: string; digest: string }> {
    const artifact = await this.open(reference);
    return { text: configurationText(await artifact.read(path)), digest: artifact.digest };
  }

  /** Resolves a reference: what its tag refers to now. */
  async open(reference: OciReference): Promise<OciArtifact> {
    return OciArtifact.open(this.repository(reference), reference.version);
  }

  /** The image name of a reference, to be used within a minute. */
  repository(reference: OciReference): DistributionRepository | AzureRepository {
    const { registry } = reference;
    if (!isTrusted(this.#settings, reference)) throw notRegistered(registry);
    const signal = AbortSignal.timeout(MAX_MILLISECONDS);
    const credentials = this.#settings.credentials.get(registry);
    const identity = credentials === undefined ? this.#identityOf(registry) : undefined;
    return identity === undefined
      ? new DistributionRepository(this.#transport, reference, credentials, signal)
      : new AzureRepository(this.#transport, reference, identity, signal);
  }
}
