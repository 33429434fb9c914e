import { buffer } from 'node:stream/consumers';
import { ExportError } from '../../common/errors.js';
import { MAX_CONFIGURATION_BYTES, tooLarge } from '../configurationText.js';
import { type Layer, layersOf, manifestOfIndex } from './ociManifest.js';
import {
  checkLayerSize,
  invalidImage,
  type RawManifest,
  type RegistryRepository,
} from './registryRepository.js';
import { findInArchive, listArchive } from './tarArchive.js';

/** An image or artifact whose tag has been resolved: its content cannot change any more. */
export class OciArtifact {
  /** Of the manifest, or of the index, that the reference led to. */
  readonly digest: string;
  readonly #repository: RegistryRepository;
  readonly #layers: readonly Layer[];

  private constructor(repository: RegistryRepository, digest: string, layers: readonly Layer[]) {
    this.#repository = repository;
    this.digest = digest;
    this.#layers = layers;
  }

  /** Resolves a tag or digest. An index leads to its image. */
  static async open(repository: RegistryRepository, version: string): Promise<OciArtifact> {
    const first: RawManifest = await repository.manifest(version);
    const inner = manifestOfIndex(first);
    const manifest = inner === undefined ? first : await repository.manifest(inner);
    return new OciArtifact(repository, first.digest, layersOf(manifest));
  }

  /**
   * The bytes of a file, at most 1 MiB, read from the layer that lies on top.
   * @throws ExportError where there is no such file
   */
  async read(path: string): Promise<Buffer> {
    for (const layer of this.#layers.toReversed()) {
      if (layer.file !== undefined && layer.file.replace(/^\.\//, '') !== path) continue;
      checkLayerSize(layer.bytes);
      if (layer.file !== undefined) return this.#readWhole(layer);
      const found = await findInArchive(this.#bytes(layer), path, MAX_CONFIGURATION_BYTES);
      switch (found.kind) {
        case 'file':
          return found.bytes;
        case 'too-large':
          throw tooLarge();
        case 'not-a-file':
          throw new ExportError(
            'configuration-invalid',
            '_anonymizationConfig: in the image this is a link or a device, not a file. Push the file itself.',
          );
        case 'removed':
          throw notInImage();
        case 'absent':
          break;
      }
    }
    throw notInImage();
  }

  /** Names and sizes of all files, in bytes; whiteouts are not taken into account. */
  async list(): Promise<Map<string, number>> {
    const files = new Map<string, number>();
    for (const layer of this.#layers) {
      checkLayerSize(layer.bytes);
      if (layer.file !== undefined) files.set(layer.file, layer.bytes);
      else for (const [name, bytes] of await listArchive(this.#bytes(layer))) files.set(name, bytes);
    }
    return files;
  }

  /**
   * Names of the files of which the manifest, or an archive of at most `mostBytes`, says that they are there.
   * @returns `isWhole`: whether these are all that there may be
   */
  async quickList(mostBytes: number): Promise<{ names: string[]; isWhole: boolean }> {
    const small = this.#layers.filter(({ file, bytes }) => file !== undefined || bytes <= mostBytes);
    const artifact = new OciArtifact(this.#repository, this.digest, small);
    return { names: [...(await artifact.list()).keys()], isWhole: small.length === this.#layers.length };
  }

  async #readWhole(layer: Layer): Promise<Buffer> {
    if (layer.bytes > MAX_CONFIGURATION_BYTES) throw tooLarge();
    return buffer(this.#bytes(layer));
  }

  /** The bytes of a layer, which are as many as the manifest says, or less than no use. */
  async *#bytes({ digest, bytes }: Layer): AsyncGenerator<Uint8Array> {
    let left = bytes;
    for await (const chunk of this.#repository.blob(digest)) {
      left -= chunk.byteLength;
      if (left < 0) break;
      yield chunk;
    }
    if (left !== 0) {
      throw invalidImage('a layer has another size than the manifest says. Push the image again');
    }
  }
}

function notInImage(): ExportError {
  return new ExportError(
    'configuration-not-found',
    '_anonymizationConfig: there is no file of this name in the image of _anonymizationConfigCollectionReference. Push it, or correct the name (folders count, and letter case).',
  );
}
