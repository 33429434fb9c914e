import type { SourceCredentials, SourceHeader } from './sourceCredentials.js';

/** The same header with every request. */
export function staticHeader({ name, value }: SourceHeader): SourceCredentials {
  return {
    header: async () => ({ name, value }),
    renewed: async () => undefined,
    remedy: `it does not take the value of SOURCE_HEADER_VALUE. Put a new one into that setting, and see to SOURCE_HEADER_NAME (${name}).`,
  };
}
