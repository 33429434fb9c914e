import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import type { FileCursor, FilePart } from '../../../functions/export/records/job.js';
import { PatientCounter } from '../../../functions/export/selection/patientCount.js';
import { runFileSlice } from '../../../functions/export/slice/fileSlice.js';
import { lineBlocks, lineStart } from '../../../functions/export/source/fileLines.js';
import { randomly } from '../../random.js';
import { arraySink } from '../arraySink.js';

const WINDOW = { type: '', from: undefined, until: '9999-12-31T23:59:59Z' };
const MAX_LINE = 1000;

afterEach(() => void vi.restoreAllMocks());

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The lines that a part gives, by slices of one block each. */
async function linesOf(
  file: Buffer,
  part: FilePart,
  chunkBytes: number,
  blockBytes: number,
): Promise<string[]> {
  const written: string[] = [];
  let cursor: FileCursor | undefined;
  for (let slices = 0; slices === 0 || cursor !== undefined; slices++) {
    if (slices > file.length + 1) throw new Error('A part does not come to its end.');
    const start = lineStart({ begin: part.begin, isWhole: part.isGzip === true, isPinned: false }, cursor);
    ({ cursor } = await runFileSlice(
      part,
      WINDOW,
      { pages: Infinity, bytes: Infinity, milliseconds: 0 },
      {
        blocks: lineBlocks(chunksOf(file.subarray(start.first), chunkBytes), start, MAX_LINE, blockBytes),
        choiceOf: () => ({
          compartment: undefined,
          patients: new PatientCounter({ most: 0, fhirVersion: 'R4', secret: new Uint8Array() }),
        }),
        superseded: new Float64Array(),
        lineMaker: rawLines,
        openFile: () => Promise.resolve(arraySink(written)),
        clock: () => 0,
        isStopped: () => Promise.resolve(false),
        tellProgress: () => undefined,
      },
    ));
  }
  return written;
}

it('a line that comes in many parts is searched and moved once, however long it is', async () => {
  const file = Buffer.from(`${'x'.repeat(50_000)}\n${'y'.repeat(70_000)}\nz`);
  const start = lineStart({ begin: 0, isWhole: false, isPinned: true }, undefined);
  const searched = vi.spyOn(Buffer.prototype, 'lastIndexOf');
  const moved = vi.spyOn(Buffer.prototype, 'copyWithin');
  let bytes = 0;
  const lengths: number[] = [];
  for await (const block of lineBlocks(chunksOf(file, 10), start, file.length, 20))
    lengths.push(block.bytes.length);
  for (const { length } of searched.mock.contexts) bytes += length;
  for (const [, from = 0, end = 0] of moved.mock.calls as Array<[number, number?, number?]>)
    bytes += end - from;
  expect(lengths).toEqual([50_001, 70_001, 1]);
  expect(bytes).toBeLessThan(2 * file.length);
});

const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

it('the parts of a file have each of its lines once, wherever parts, downloads, blocks and slices are cut', async () => {
  const line = fc.record({
    type: fc.constantFrom('Patient', 'Condition'),
    note: fc.string({ maxLength: 60, unit: 'binary' }),
    end: fc.constantFrom('\n', '\r\n', '\n\n', ' \n\t\n'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.array(fc.nat(999), { maxLength: 4 }),
      fc.boolean(),
      fc.tuple(size(50), size(200)),
      async (all, endsWithBreak, cuts, isGzip, [chunkBytes, blockBytes]) => {
        const lines = all.map(({ type, note }, id) =>
          JSON.stringify({ resourceType: type, id: `${id}`, note }),
        );
        const text = lines.map((json, index) => `${json}${all[index]?.end}`).join('');
        const file = Buffer.from(endsWithBreak ? text : text.trimEnd());
        const places = [0, ...cuts.map((cut) => cut % file.length).sort((a, b) => a - b), file.length];
        const parts = isGzip
          ? [{ begin: 0, end: Number.MAX_SAFE_INTEGER, isGzip }]
          : places.slice(1).map((end, index) => ({ begin: places[index] as number, end }));
        const given: string[] = [];
        for (const part of parts) {
          const whole: FilePart = { name: 'a.ndjson', etag: 'e', number: 1, ...part };
          given.push(...(await linesOf(file, whole, chunkBytes, blockBytes)));
        }
        expect(given.sort()).toEqual(lines.sort());
      },
    ),
    randomly(300),
  );
});
