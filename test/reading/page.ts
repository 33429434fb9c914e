import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../local/paths.js';

/** A code block of the page, with what the comment before it says. */
export interface Block {
  /** What it is run as: `<!-- run: name -->`; `undefined` where the comment says `<!-- not run -->`. */
  name: string | undefined;
  code: string;
}

const BLOCK = /(?:<!-- (?:run: ([a-z-]+)|not run) -->\n\n)?^```[a-z]+\n(.*?)^```$/gms;

/** The code blocks of docs/reading-the-files.md. @throws Error where a block does not say whether it is run */
export function readBlocks(): Block[] {
  const page = readFileSync(join(PROJECT_ROOT, 'docs', 'reading-the-files.md'), 'utf8');
  return [...page.matchAll(BLOCK)].map(([whole, name, code = '']) => {
    if (!whole.startsWith('<!--')) throw new Error(`No comment says whether this is run:\n${whole}`);
    return { name, code };
  });
}

/** The code of a block that is run. */
export function blockOf(name: string): string {
  const code = readBlocks().find((block) => block.name === name)?.code;
  if (code === undefined) throw new Error(`The page has no block <!-- run: ${name} -->.`);
  return code;
}

/** The block with another resource type in place of Patient, as a reader changes it. */
export function codeFor(name: string, type: string): string {
  return blockOf(name).replaceAll(/\bPatient\b/g, type);
}
