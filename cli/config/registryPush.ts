import { createHash } from 'node:crypto';
import { AzureRepository } from '../../functions/adapters/registry/azureRepository.js';
import type { DistributionRepository } from '../../functions/adapters/registry/distributionRepository.js';
import { readText, type RegistryRequest } from '../../functions/adapters/registry/registryTransport.js';
import type { OciReference } from '../../functions/export/request/ociReference.js';
import { ExportError } from '../../functions/common/errors.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidance-for-an-empty-descriptor */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };

/**
 * Pushes a file as an artifact with one layer, as `oras push` does, under the tag of the reference.
 * @returns the digest of the artifact
 */
export async function pushArtifact(
  repository: DistributionRepository | AzureRepository,
  { registry, version }: OciReference,
  name: string,
  content: Buffer,
  contentType: string,
): Promise<string> {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: 'application/vnd.fhir.anonymization.configuration',
      config: { mediaType: EMPTY.mediaType, digest: digestOf(EMPTY.bytes), size: EMPTY.bytes.length },
      layers: [
        {
          mediaType: contentType,
          digest: digestOf(content),
          size: content.length,
          annotations: { 'org.opencontainers.image.title': name },
        },
      ],
    }),
  );
  if (repository instanceof AzureRepository) {
    try {
      for (const bytes of [EMPTY.bytes, content]) await repository.client.uploadBlob(bytes);
      await repository.client.setManifest(manifest, { tag: version, mediaType: MANIFEST });
    } catch (error) {
      throw repository.failure(error);
    }
  } else {
    for (const bytes of [EMPTY.bytes, content]) await uploadBlob(repository, registry, bytes);
    const url = repository.url(`manifests/${version}`);
    await expectStatus(repository, registry, 201, {
      method: 'PUT',
      url,
      headers: { 'content-type': MANIFEST },
      body: manifest,
    });
  }
  return digestOf(manifest);
}

/** https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#post-then-put */
async function uploadBlob(
  repository: DistributionRepository,
  registry: string,
  bytes: Buffer,
): Promise<void> {
  const start = repository.url('blobs/uploads/');
  const location = await expectStatus(repository, registry, 202, {
    method: 'POST',
    url: start,
    headers: {},
    body: '',
  });
  const url = new URL(location, start);
  url.searchParams.set('digest', digestOf(bytes));
  const headers = { 'content-type': 'application/octet-stream' };
  await expectStatus(repository, registry, 201, { method: 'PUT', url, headers, body: bytes });
}

/** Sends a request and returns the `Location` of its answer. */
async function expectStatus(
  repository: DistributionRepository,
  registry: string,
  expected: number,
  request: RegistryRequest,
): Promise<string> {
  const response = await repository.request(request);
  await readText(response, registry, 1_048_576);
  if (response.status === expected) return response.headers['location'] ?? '';
  throw new ExportError(
    'registry-denied',
    `The registry ${registry} answered ${response.status} to the push, and did not take it.`,
  );
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
