import { isDigest } from '../../export/request/ociReference.js';
import { invalidImage, type RawManifest } from './registryRepository.js';
import { isRecord } from '../../common/isRecord.js';

const INDEX_MEDIA_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/** What is asked for: image and artifact manifests, and indexes of them. */
export const MANIFEST_MEDIA_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  ...INDEX_MEDIA_TYPES,
];
const TITLE = 'org.opencontainers.image.title';
/** What `oras push` marks an archived folder with. */
const UNPACK = 'io.deis.oras.content.unpack';
const LAYER_ARCHIVE =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)([+.]\w+)?$/;
const MAX_LAYERS = 128;

/** A layer: an archive of files, or one file with a name. */
export interface Layer {
  digest: string;
  bytes: number;
  /** Name of the one file that the layer is; `undefined` for an archive. */
  file: string | undefined;
}

type Json = Record<string, unknown>;

/**
 * The manifest that an index refers to: its only one, or that of linux/amd64. `undefined` where it is not an index.
 * https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md
 */
export function manifestOfIndex(raw: RawManifest): string | undefined {
  const json = parse(raw);
  if (!INDEX_MEDIA_TYPES.includes(mediaTypeOf(json, raw))) return undefined;
  const manifests = list(json['manifests'])
    // Build tools put attestations beside images, for a platform that is none.
    .filter(({ platform }) => !isRecord(platform) || platform['os'] !== 'unknown');
  const amd64 = manifests.filter(
    ({ platform }) =>
      isRecord(platform) && platform['os'] === 'linux' && platform['architecture'] === 'amd64',
  );
  const [only, ...others] = manifests.length === 1 ? manifests : amd64;
  if (only === undefined || others.length > 0) {
    throw invalidImage(
      'the index holds several images and none that is the one for linux/amd64. Give the digest of the image you mean',
    );
  }
  return digestOf(only);
}

/**
 * The layers of an image, in the manifest's order: the last one lies on top.
 * https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md
 */
export function layersOf(raw: RawManifest): Layer[] {
  const json = parse(raw);
  if (INDEX_MEDIA_TYPES.includes(mediaTypeOf(json, raw))) {
    throw invalidImage('the index holds another index. Give the digest of the image you mean');
  }
  const layers = list(json['layers']);
  if (layers.length > MAX_LAYERS) throw invalidImage(`the image has more than ${MAX_LAYERS} layers`);
  return layers.flatMap((layer) => {
    const kept = layerOf(layer);
    return kept === undefined ? [] : [kept];
  });
}

/** `undefined` for a layer that holds no file for us. */
function layerOf(descriptor: Json): Layer | undefined {
  const { size, mediaType } = descriptor;
  const annotations = isRecord(descriptor['annotations']) ? descriptor['annotations'] : {};
  const title = annotations[TITLE];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalidImage('a layer in the manifest has no size');
  }
  const layer = { digest: digestOf(descriptor), bytes: size };
  if (typeof title !== 'string') {
    return typeof mediaType === 'string' && LAYER_ARCHIVE.test(mediaType)
      ? { ...layer, file: undefined }
      : undefined;
  }
  // The media type is no evidence: tools have marked every pushed file as an archive.
  const isArchive = annotations[UNPACK] === 'true' || /\.(tar|tar\.gz|tgz)$/i.test(title);
  return { ...layer, file: isArchive ? undefined : title };
}

function parse({ bytes }: RawManifest): Json {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalidImage('the manifest is not JSON');
  }
  if (!isRecord(json) || json['schemaVersion'] !== 2) {
    throw invalidImage(
      'the manifest is of an old or unknown kind (schemaVersion is not 2). Push the image with a current tool',
    );
  }
  // One document that reads as both would be different things to different tools.
  if (json['manifests'] !== undefined && json['layers'] !== undefined) {
    throw invalidImage('the manifest is image and index at once');
  }
  return json;
}

function mediaTypeOf(json: Json, { mediaType }: RawManifest): string {
  const own = json['mediaType'];
  if (typeof own === 'string' && own !== mediaType)
    throw invalidImage('the manifest says to be of another media type than the registry says');
  if (!MANIFEST_MEDIA_TYPES.includes(mediaType))
    throw invalidImage('the manifest is neither of an image nor of an index');
  return mediaType;
}

function digestOf({ digest }: Json): string {
  if (typeof digest !== 'string' || !isDigest(digest))
    throw invalidImage('a digest in the manifest is not SHA-256');
  return digest;
}

function list(value: unknown): Json[] {
  if (!Array.isArray(value) || !value.every(isRecord))
    throw invalidImage('the manifest lacks its list of layers or images');
  return value;
}
