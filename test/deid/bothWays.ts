import { expect } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Configuration } from '../../functions/deid/configuration.js';
import type { Engine, EngineOptions } from '../../functions/deid/engine.js';
import { parseJson, stringifyJson, type JsonObject } from '../../functions/json/json.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';

/** Resources that went both ways, and those of them that the tape took. */
export const ways = { all: 0, onTape: 0 };

/** Bytes that do not depend on how often they were asked for: the two ways ask in different orders. */
const sameBytes = (size: number): Uint8Array => new Uint8Array(size).fill(0x5a);

/** What stands in the buffer before a line, and has to stay. */
const BEFORE = 'before\n';

/**
 * An engine of which everything is asserted to be the same, to the byte, when a resource comes on a tape as when it
 * comes as an object: the line, the labels and what was dropped; or the tape has left it alone.
 */
export function bothWays(configuration: Configuration, options: EngineOptions): Engine {
  const engine = compileEngine(configuration, options);
  const [byObject, byTape] = [0, 1].map(() =>
    compileEngine(configuration, { ...options, randomBytes: sameBytes }),
  ) as [Engine, Engine];
  const tape = new JsonTape();
  const line = new LineBuffer();
  return {
    processingErrors: engine.processingErrors,
    anonymizeTape: (resource, into) => engine.anonymizeTape(resource, into),
    takeReport: () => engine.takeReport(),
    anonymize(resource, context) {
      const text = textOf(resource);
      if (text === undefined) return engine.anonymize(resource, context);
      const expected = byObject.anonymize(parseJson(text) as JsonObject);
      const report = plainReport(byObject);
      for (const form of [text, spaced(text)]) {
        const bytes = Buffer.from(form);
        line.truncate(0);
        line.text(BEFORE);
        expect(tape.read(bytes), form).toBe(true);
        const isTaken = byTape.anonymizeTape({ tape, node: tape.root, bytes }, line);
        const written = line.slice(0, line.length).toString();
        ways.all++;
        if (isTaken) {
          ways.onTape++;
          expect(expected.outcome, form).toBe('anonymized');
          expect(written, form).toBe(`${BEFORE}${expected.outcome === 'anonymized' ? expected.line : ''}`);
          expect(plainReport(byTape), form).toEqual(report);
        } else {
          expect(written, form).toBe(BEFORE);
          expect(plainReport(byTape), form).toEqual({ resources: 0, dropped: {}, labels: {} });
        }
      }
      return engine.anonymize(resource, context);
    },
  };
}

/** `undefined` for what is nested too deeply to be written. */
function textOf(resource: JsonObject): string | undefined {
  try {
    return stringifyJson(resource);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function plainReport(engine: Engine): unknown {
  const { resources, dropped, labels } = engine.takeReport();
  return { resources, dropped: Object.fromEntries(dropped), labels: Object.fromEntries(labels) };
}

/** The same JSON with space around everything. */
function spaced(json: string): string {
  let isInString = false;
  let text = '\n';
  for (let at = 0; at < json.length; at++) {
    const character = json[at] ?? '';
    if (isInString) {
      text += character;
      if (character === '\\') text += json[++at] ?? '';
      else if (character === '"') isInString = false;
    } else if (character === '"') {
      isInString = true;
      text += character;
    } else text += '{}[]:,'.includes(character) ? ` ${character}\t\r` : character;
  }
  return `${text}\n`;
}
