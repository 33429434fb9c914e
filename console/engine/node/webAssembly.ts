import type * as node from '../../../functions/common/webAssembly.js';

/*
 * The engine's programs in WebAssembly are not part of the console: its pages do without the permission to compile, and the
 * same walks in TypeScript are fast enough for them.
 */

export const programOf: typeof node.programOf = () => () => undefined;
