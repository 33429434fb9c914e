import { ExportError } from '../common/errors.js';

/** Largest configuration that is taken. */
export const MAX_CONFIGURATION_BYTES = 1_048_576;

/**
 * The text of a configuration from its bytes.
 * @throws ExportError where it is empty, larger than 1 MiB or not UTF-8
 */
export function configurationText(bytes: Uint8Array): string {
  if (bytes.length > MAX_CONFIGURATION_BYTES) throw tooLarge();
  if (bytes.length === 0) {
    throw new ExportError('configuration-invalid', '_anonymizationConfig: the configuration is empty.');
  }
  try {
    // A byte order mark stays, so that the digest of the text is the digest of the file.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ExportError(
      'configuration-invalid',
      '_anonymizationConfig: the configuration is not UTF-8 text. Save it as UTF-8.',
    );
  }
}

export function tooLarge(): ExportError {
  return new ExportError(
    'configuration-invalid',
    '_anonymizationConfig: the configuration is larger than 1 MiB, the most that is taken. Make it smaller.',
  );
}
