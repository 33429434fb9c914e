import { ExportError } from '../common/errors.js';
import { isRepository, isTag, type OciReference } from '../export/request/ociReference.js';
import { isTrusted, type RegistrySettings } from '../settings/registrySettings.js';
import { AzureRepository, isAzureRegistry } from './registry/azureRepository.js';
import { configurationText } from './configurationText.js';
import { DistributionRepository } from './registry/distributionRepository.js';
import { managedIdentity, type ManagedIdentity } from './managedIdentity.js';
import { OciArtifact } from './registry/ociArtifact.js';
import type { NamesAsked, RegistryNames } from './registry/registryNames.js';
import type { RegistryRepository } from './registry/registryRepository.js';
import { notRegistered, RegistryTransport } from './registry/registryTransport.js';

/** For all of one image: the caller of the kick-off waits. */
const MAX_MILLISECONDS = 60_000;
/** Requests for the names of one page, of which those that are not legal are passed over. */
const MAX_NAME_REQUESTS = 50;

/** Names that are not legal, which no reference can have. */
interface PassedOver {
  readonly passedOver: number;
}

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
  async open(reference: OciReference, signal?: AbortSignal): Promise<OciArtifact> {
    return OciArtifact.open(this.repository(reference, signal), reference.version);
  }

  /**
   * What may be listed, in the order of the settings: the repositories that they name, and each registry of which they
   * name none.
   */
  get places(): ReadonlyArray<{ registry: string; repository?: string }> {
    const { hosts, repositories } = this.#settings;
    const named = [...repositories].map((name) => ({ slash: name.indexOf('/'), name }));
    return [...hosts].flatMap((registry) => {
      const own = named.filter(({ slash, name }) => name.slice(0, slash) === registry);
      if (own.length === 0) return [{ registry }];
      return own.map(({ slash, name }) => ({ registry, repository: name.slice(slash + 1) }));
    });
  }

  /**
   * The repository of a registry that comes after `last`; absent: none.
   * @throws ExportError that says what to do where the registry lists none
   */
  async repositoryAfter(
    registry: string,
    last: string | undefined,
    signal: AbortSignal,
  ): Promise<{ repository?: string } & PassedOver> {
    const asked = { path: '_catalog', member: 'repositories', last, most: 1 } as const;
    const repository = this.#repository(placeOf(registry, asked.path), signal);
    const { names, passedOver } = await legalNames(repository, registry, asked, isRepository).catch(
      (error: unknown) => {
        throw error instanceof ExportError && !error.retryable ? listsNothing(registry) : error;
      },
    );
    return { ...(names[0] === undefined ? {} : { repository: names[0] }), passedOver };
  }

  /** References of the tags of a repository that come after `last`, as its registry lists them. */
  async tagsAfter(
    registry: string,
    repository: string,
    { last, most }: { last: string | undefined; most: number },
    signal: AbortSignal,
  ): Promise<{ references: OciReference[] } & Pick<RegistryNames, 'isMore'> & PassedOver> {
    const place = placeOf(registry, repository);
    const asked = { path: 'tags/list', member: 'tags', last, most } as const;
    const found = await legalNames(this.repository(place, signal), registry, asked, isTag);
    const references = found.names.map((version) => ({
      ...place,
      text: `${place.text}:${version}`,
      version,
    }));
    return { references, isMore: found.isMore, passedOver: found.passedOver };
  }

  /** The image name of a reference. @param signal ends what is done with it; after a minute by default */
  repository(reference: OciReference, signal?: AbortSignal): DistributionRepository | AzureRepository {
    if (!isTrusted(this.#settings, reference)) throw notRegistered(reference.registry);
    return this.#repository(reference, signal ?? AbortSignal.timeout(MAX_MILLISECONDS));
  }

  #repository(reference: OciReference, signal: AbortSignal): DistributionRepository | AzureRepository {
    const { registry } = reference;
    const credentials = this.#settings.credentials.get(registry);
    const identity = credentials === undefined ? this.#identityOf(registry) : undefined;
    return identity === undefined
      ? new DistributionRepository(this.#transport, reference, credentials, signal)
      : new AzureRepository(this.#transport, reference, identity, signal);
  }
}

/**
 * The names that come next and are legal. One that is not ends no list: it is passed over, and counted.
 * @throws ExportError where there are too many of these
 */
async function legalNames(
  repository: RegistryRepository,
  registry: string,
  asked: NamesAsked,
  isLegal: (name: string) => boolean,
): Promise<RegistryNames & PassedOver> {
  const names: string[] = [];
  let passedOver = 0;
  let { last } = asked;
  for (let request = 0; request < MAX_NAME_REQUESTS; request++) {
    const page = await repository.names({ ...asked, last, most: asked.most - names.length });
    const legal = page.names.filter(isLegal);
    names.push(...legal);
    passedOver += page.names.length - legal.length;
    last = page.names.at(-1);
    if (!page.isMore || names.length === asked.most) return { names, isMore: page.isMore, passedOver };
  }
  throw new ExportError(
    'registry-unavailable',
    `The registry ${registry} lists more than ${MAX_NAME_REQUESTS - 1} names one after another that are not legal for images or tags. See whether it, or a proxy between, lists the right ones.`,
    true,
  );
}

/** A reference to no version of something in a registry. */
function placeOf(registry: string, repository: string): OciReference {
  return { text: `${registry}/${repository}`, registry, repository, version: '' };
}

function listsNothing(registry: string): ExportError {
  return new ExportError(
    'registry-unavailable',
    `The registry ${registry} does not list its repositories to this app. Name those of configurations in ANONYMIZATION_REGISTRIES, as ${registry}/repository, to have their images listed; a reference can be given all the same.`,
  );
}
