/** What this needs of the interface that ECMAScript's types lack: https://www.w3.org/TR/wasm-js-api-2/ */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyInterface };

type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * A program of `wasm/`, to be instantiated any number of times, each with a memory of its own.
 * @param base64 its bytes
 * @returns a function that returns what an instance exports; undefined where it cannot be had here: without WebAssembly, or
 * without 128-bit vectors, or where there is no room for a memory
 */
export function programOf(base64: string): (imports: Imports) => unknown {
  let module: object | undefined;
  return (imports) => {
    if (WebAssembly === undefined) return undefined;
    try {
      module ??= new WebAssembly.Module(Buffer.from(base64, 'base64'));
      return new WebAssembly.Instance(module, imports).exports;
    } catch {
      return undefined;
    }
  };
}
