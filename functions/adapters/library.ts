import { ExportError } from '../common/errors.js';

/**
 * Loads a library at its first use. Where that fails, the next use tries again; but the failure of a file that was found
 * and could not be read Node remembers for the life of the process, so the error says what to do.
 */
export function library<T>(name: string, load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw notLoaded(name, error);
    }));
}

function notLoaded(name: string, error: unknown): ExportError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error in it';
  return new ExportError(
    'internal',
    `The library ${name} of the app could not be loaded (${code}). Restart the app; if that does not help, deploy its package again.`,
    true,
  );
}
