import type { SourceCredentials } from './sourceCredentials.js';

/** A source that needs no credentials. */
export const noCredentials: SourceCredentials = {
  header: async () => undefined,
  renewed: async () => undefined,
  remedy:
    'it wants to know who asks, and SOURCE_AUTHENTICATION is none. Set SOURCE_AUTHENTICATION to the method that the source expects.',
};
