import { createRequire } from 'node:module';

/**
 * Runs Azurite's blob service in a process of its own, with Azurite's own arguments, and ends with its parent:
 * Azurite alone would outlive a parent that was killed.
 */
process.once('disconnect', () => process.exit(0));
// The channel alone is no reason to stay, once Azurite has closed.
process.channel?.unref();
createRequire(import.meta.url)('azurite/dist/src/blob/main.js');
