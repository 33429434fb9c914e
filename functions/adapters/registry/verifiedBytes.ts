import { createHash } from 'node:crypto';
import type { ExportError } from '../../common/errors.js';
import { checkLayerSize, invalidImage } from './registryRepository.js';

/**
 * The bytes of `source`, of which the last part is held back until the digest of all has proved right: a reader of
 * the end has seen what the digest says.
 * @throws ExportError where the digest is another, or there are more bytes than a layer may have
 */
export async function* verifiedBytes(
  source: AsyncIterable<Uint8Array>,
  digest: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | undefined;
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    checkLayerSize(bytes);
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw wrongDigest();
  if (held !== undefined) yield held;
}

/** What a registry sent is not what its digest says: damaged, or not what was pushed. */
export function wrongDigest(): ExportError {
  return invalidImage(
    'what the registry sent has another digest than it should have. Nothing of it was used. Push the image again; if that does not help, ask who runs the registry',
  );
}
