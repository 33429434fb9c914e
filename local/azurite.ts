import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * Runs Azurite's blob service, or its table service where `AZURITE_SERVICE` is `table`, in a process of its own, with Azurite's own arguments, and ends with its parent:
 * Azurite alone would outlive a parent that was killed.
 *
 * Azurite saves what it knows of its blobs every five seconds, for which it has no setting, and when it is closed. The
 * file that `AZURITE_UNSAVED_FILE` names is there from its start to its regular end: where one is found, it was killed.
 */
const STOP_GRACE_MS = 8000;
const unsaved = process.env['AZURITE_UNSAVED_FILE'];

process.once('disconnect', () => {
  // Closes by Azurite's own handler, which saves.
  process.emit('SIGTERM');
  setTimeout(() => process.exit(1), STOP_GRACE_MS).unref();
});
// The channel alone is no reason to stay, once Azurite has closed.
process.channel?.unref();
if (unsaved !== undefined) {
  writeFileSync(unsaved, '');
  process.once('beforeExit', () => rmSync(unsaved, { force: true }));
}
const service = process.env['AZURITE_SERVICE'] === 'table' ? 'table' : 'blob';
createRequire(import.meta.url)(`azurite/dist/src/${service}/main.js`);
