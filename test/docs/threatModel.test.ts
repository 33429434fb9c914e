import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/threat-model.md', root), 'utf8');

/** Tests that the page names: file, and title or a part of one. */
const named = [...page.matchAll(/`(test\/[\w./-]+\.ts)` “([^”]+)”/g)].map(
  ([, file = '', title = '']) => [file, title] as const,
);

describe('the threat model names tests that there are', () => {
  it.each(named)('%s “%s”', (file, title) => {
    expect(existsSync(new URL(file, root))).toBe(true);
    // As it is in the source: quotes may be escaped there, and numbers are put in at the run.
    const source = readFileSync(new URL(file, root), 'utf8').replaceAll("\\'", "'");
    expect(source).toContain(title);
  });

  it('in the way that this test reads', () => {
    expect(named.length).toBeGreaterThan(30);
    expect(page.match(/test\/[\w./-]+\.ts/g)).toHaveLength(named.length);
  });
});
