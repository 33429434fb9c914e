import type { LineSink } from '../../functions/export/output/lineMaker.js';

/** A file that takes its lines into an array. */
export function arraySink(lines: string[]): LineSink {
  let bytes = 0;
  let own = 0;
  return {
    writeLines(written, count) {
      const texts = Buffer.from(written).toString('utf8').split('\n').slice(0, -1);
      if (texts.length !== count) throw new Error(`${texts.length} lines were said to be ${count}.`);
      lines.push(...texts);
      bytes += written.length;
      own += count;
      return undefined;
    },
    close: () => Promise.resolve(),
    get bytes() {
      return bytes;
    },
    get lines() {
      return own;
    },
  };
}
