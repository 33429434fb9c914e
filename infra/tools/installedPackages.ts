/** Names of files with the licence of a package. */
export const LICENCE = /^(licen[cs]e|notice|thirdpartynotice)[^/]*$/i;

/** The folder of the package that a file belongs to; `undefined` for the app's own. */
export function packageOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}
