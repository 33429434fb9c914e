import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineBuffer, viewOf, type Mark } from '../../functions/json/lineBuffer.js';
import { randomly, SEED } from '../random.js';

/** What a buffer holds, in the plainest way. */
class Model {
  bytes: number[] = [];
  add(bytes: Iterable<number>): void {
    this.bytes.push(...bytes);
  }
}

const commands = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('piece'), from: fc.nat(400), length: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('next'), length: fc.nat(30) }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('byte'), byte: fc.constantFrom(...Buffer.from('{}[],:"a')) }),
    },
    fc.record({ do: fc.constant('string'), text: fc.string({ unit: 'binary', maxLength: 80 }) }),
    fc.record({ do: fc.constant('text'), text: fc.string({ unit: 'grapheme', maxLength: 80 }) }),
    fc.record({ do: fc.constant('copy'), from: fc.nat(300), length: fc.nat(100) }),
    fc.record({
      do: fc.constant('replace'),
      at: fc.nat(),
      length: fc.nat(40),
      text: fc.string({ maxLength: 60 }),
    }),
    fc.record({ do: fc.constant('keep') }),
    fc.record({ do: fc.constant('back') }),
    fc.record({ do: fc.constant('begin'), source: fc.nat(1) }),
    fc.record({ do: fc.constant('truncate'), at: fc.nat() }),
    fc.record({ do: fc.constant('large'), length: fc.integer({ min: 1000, max: 90_000 }) }),
  ),
  { maxLength: 60 },
);

describe(`lines made of pieces (TEST_SEED=${SEED})`, () => {
  it('are the bytes that were put in, in their order', () => {
    const sources = [
      Buffer.from('{"a":1,"b":["cc","dd"],"e":{}}'.repeat(20)),
      Buffer.from('a,b:{}[]"é€'.repeat(60)),
    ];
    const other = Buffer.from('0123456789abcdef'.repeat(30));
    fc.assert(
      fc.property(commands, (list) => {
        const buffer = new LineBuffer();
        const model = new Model();
        let source = sources[0] as Buffer;
        buffer.begin(source);
        let next = 0;
        const mark: Mark = { length: 0, from: 0, to: 0 };
        let kept = -1;
        for (const command of list) {
          switch (command.do) {
            case 'piece':
            case 'next': {
              const from = 'from' in command ? command.from : next;
              const end = Math.min(source.length, from + ('length' in command ? command.length : 0));
              if (from >= end) break;
              buffer.piece(from, end);
              model.add(source.subarray(from, end));
              next = end;
              break;
            }
            case 'byte':
              if (!('byte' in command)) break;
              buffer.byte(command.byte);
              model.add([command.byte]);
              break;
            case 'string':
              if (!('text' in command)) break;
              buffer.string(command.text);
              model.add(Buffer.from(JSON.stringify(command.text)));
              break;
            case 'text':
              if (!('text' in command)) break;
              buffer.text(command.text);
              model.add(Buffer.from(command.text));
              break;
            case 'copy':
              if (!('from' in command)) break;
              buffer.copy(viewOf(other), command.from, command.from + command.length);
              model.add(other.subarray(command.from, command.from + command.length));
              break;
            case 'large': {
              if (!('length' in command)) break;
              const text = 'l'.repeat(command.length);
              buffer.text(text);
              for (let at = 0; at < command.length; at++) model.bytes.push(0x6c);
              break;
            }
            case 'replace': {
              if (!('at' in command && 'text' in command)) break;
              const start = command.at % (model.bytes.length + 1);
              const end = Math.min(model.bytes.length, start + command.length);
              const text = Buffer.from(command.text);
              buffer.replace(start, end, text);
              model.bytes.splice(start, end - start, ...text);
              kept = -1;
              break;
            }
            case 'keep':
              buffer.keep(mark);
              kept = model.bytes.length;
              break;
            case 'back':
              if (kept < 0) break;
              buffer.back(mark);
              model.bytes.length = kept;
              break;
            case 'begin':
              if (!('source' in command)) break;
              source = sources[command.source] as Buffer;
              buffer.begin(source);
              next = 0;
              kept = -1;
              break;
            case 'truncate': {
              if (!('at' in command)) break;
              const at = command.at % (model.bytes.length + 1);
              buffer.truncate(at);
              model.bytes.length = at;
              // It has forgotten the source.
              buffer.begin(source);
              next = 0;
              kept = -1;
              break;
            }
          }
          expect(buffer.length).toBe(model.bytes.length);
        }
        expect(Buffer.compare(buffer.slice(0, buffer.length), Buffer.from(model.bytes))).toBe(0);
      }),
      randomly(3000),
    );
  });
});
