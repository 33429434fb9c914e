import { ExportError } from '../../common/errors.js';
import type { OciReference } from '../../export/request/ociReference.js';
import type { NamesAsked, RegistryNames } from './registryNames.js';

/** Manifests are kilobytes; this is the registries' own limit. */
export const MAX_MANIFEST_BYTES = 4 * 1_048_576;
/** Compressed; Azure's limit. */
const MAX_LAYER_BYTES = 100 * 1_048_576;

export interface RawManifest {
  /** Without parameters. */
  mediaType: string;
  bytes: Buffer;
  /** Of the bytes. */
  digest: string;
}

/** A `Content-Type` without its parameters; empty where there is none. */
export function mediaTypeOf(contentType = ''): string {
  return contentType.split(';')[0]?.trim() ?? '';
}

/** One image name of one registry, for reading. */
export interface RegistryRepository {
  /**
   * The manifest of a tag or digest; where it was asked for by digest, its bytes have it.
   * @throws ExportError `configuration-not-found` where there is none
   */
  manifest(version: string): Promise<RawManifest>;
  /** The bytes of a blob, of which the last come only when its digest has proved right. */
  blob(digest: string): AsyncIterable<Uint8Array>;
  /** Names that the registry lists: of its repositories, or of the tags of this one. */
  names(asked: NamesAsked): Promise<RegistryNames>;
}

/** As whom the app reads. */
export type RegistryAccess = 'anonymous' | 'credentials' | { identity: string };

/** What any other answer than success to a request below an image name means, where only the image can be missing. */
export function registryFailure(
  status: number,
  reference: OciReference,
  access: RegistryAccess,
): ExportError {
  if (status === 401 || status === 403) return registryDenied(status, reference, access);
  if (status !== 404) return registryRefused(status, reference.registry);
  return new ExportError(
    'configuration-not-found',
    `_anonymizationConfigCollectionReference: the registry ${reference.registry} has no image ${reference.text}. Push it, or correct name and tag (letter case counts).`,
  );
}

/** The answer 401 or 403 as an error that names what is missing, where, and for whom. */
export function registryDenied(
  status: number,
  { registry, repository }: OciReference,
  access: RegistryAccess,
): ExportError {
  const advice =
    access === 'anonymous'
      ? ', which was asked for without credentials. Put a user that may pull it into ANONYMIZATION_REGISTRY_CREDENTIALS, or check the name.'
      : access === 'credentials'
        ? `. The user that ANONYMIZATION_REGISTRY_CREDENTIALS has for ${registry} is not accepted there or may not pull it: correct the password, or grant pull.`
        : `. Give ${access.identity} the role AcrPull on the registry; see to the registry's firewall, too.`;
  const what = `The registry ${registry} answered ${status} for ${repository}`;
  return new ExportError('registry-denied', `${what}${advice}`);
}

/** An image that cannot be used. */
export function invalidImage(problem: string): ExportError {
  return new ExportError('configuration-invalid', `_anonymizationConfigCollectionReference: ${problem}.`);
}

/** @throws ExportError where a layer has more bytes than are taken */
export function checkLayerSize(bytes: number): void {
  if (bytes <= MAX_LAYER_BYTES) return;
  throw invalidImage(
    `a layer of the image is larger than ${MAX_LAYER_BYTES / 1_048_576} MiB, the most that is taken. Push the configurations as an image of their own`,
  );
}

/** Any other answer than what the distribution protocol has for success. */
export function registryRefused(status: number, registry: string): ExportError {
  return new ExportError(
    'registry-unavailable',
    `The registry ${registry} answered ${status}, which is not an answer of the distribution protocol. Check that ${registry} is a registry that speaks it (/v2/).`,
  );
}
