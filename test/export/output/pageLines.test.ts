import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageLines } from '../../../functions/export/output/pageLines.js';
import { randomly, SEED } from '../../random.js';

function addLine(lines: PageLines, line: string): void {
  lines.buffer.text(line);
  lines.end();
}

describe(`the lines of a page (TEST_SEED=${SEED})`, () => {
  it('come out once each, in the order of their bytes, page after page', () => {
    const line = fc.tuple(
      fc.constantFrom('', '{"resourceType":"Patient","id":"'),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
    );
    const pages = fc.array(fc.array(line, { maxLength: 40 }), { minLength: 1, maxLength: 3 });
    const lines = new PageLines();
    fc.assert(
      fc.property(pages, (list) => {
        for (const page of list) {
          const texts = page.map(([start, end]) => start + end.replace(/[\n\r]/g, ' '));
          for (const text of texts) addLine(lines, text);
          expect(lines.count).toBe(texts.length);
          expect(lines.bytes).toBe(texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0));
          // The line break is the end of a line in this order, as it is in the file.
          const expected = texts
            .map((text) => Buffer.from(`${text}\n`))
            .sort((one, other) => Buffer.compare(one, other));
          expect(lines.take().equals(Buffer.concat(expected))).toBe(true);
          expect([lines.count, lines.bytes]).toEqual([0, 0]);
        }
      }),
      randomly(1000),
    );
  });

  it.each([
    ['one is the begin of another', ['ab', 'a', 'abc', 'a', '']],
    ['all are the same', ['a', 'a', 'a']],
    ['there is none', []],
    ['they differ beyond ASCII', ['é', 'e', '\u{1f600}', '\uffee', 'z']],
  ])('are sorted where %s', (_name, texts) => {
    const lines = new PageLines();
    for (const text of texts) addLine(lines, text);
    expect(lines.count).toBe(texts.length);
    const expected = texts
      .map((text) => Buffer.from(`${text}\n`))
      .sort((one, other) => Buffer.compare(one, other));
    expect(lines.take().toString()).toBe(Buffer.concat(expected).toString());
  });

  it.each([
    ['was written', (lines: PageLines) => lines.end()],
    ['could not be written', ({ buffer }: PageLines) => buffer.truncate(0)],
  ])('need nothing of a page that is released, after a line of it %s', (_name, end) => {
    const lines = new PageLines();
    const page = Buffer.from('{"a":1}\n\n\n{"b":2}');
    lines.buffer.begin(page);
    lines.buffer.piece(0, 7);
    end(lines);
    lines.take();
    // The memory is another page's now, while lines that are no pieces of it wait.
    addLine(lines, 'x');
    page.fill('?');
    addLine(lines, 'y');
    expect(lines.take().toString()).toBe('x\ny\n');
  });
});
