import { expect } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import type { Engine, EngineOptions } from '../../functions/deid/run/engine.js';
import { parseJson, stringifyJson, type JsonObject } from '../../functions/json/json.js';
import { JsonTape, type TapeValue } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';

/** Resources that went both ways, and those of them that the tape took. */
export const ways = { all: 0, onTape: 0 };

/** Bytes that do not depend on how often they were asked for: the two ways ask in different orders. */
const sameBytes = (size: number): Uint8Array => new Uint8Array(size).fill(0x5a);

/** What stands in the buffer before a line, and has to stay. */
const BEFORE = 'before\n';

/** Two engines of one configuration: one takes resources as objects, the other from a tape. */
export class BothWays {
  private readonly byObject: Engine;
  private readonly byTape: Engine;
  private readonly tape = new JsonTape();
  private readonly line = new LineBuffer();

  constructor(configuration: Configuration, options: EngineOptions) {
    this.byObject = compileEngine(configuration, { ...options, randomBytes: sameBytes });
    this.byTape = compileEngine(configuration, { ...options, randomBytes: sameBytes });
  }

  /** As `compareAt`, of a resource that is all of the JSON. */
  compare(json: string): boolean {
    const { tape } = this;
    const bytes = Buffer.from(json);
    expect(tape.read(bytes), json).toBe(true);
    return this.compareAt({ tape, node: tape.root, bytes }, json);
  }

  /**
   * Asserts that a resource gives the same line, to the byte, and the same counts, when it comes on a tape as when it
   * comes as an object; or that the tape has left it alone, and the same engine then does as the other does.
   * @param json what stands at the resource's place on the tape
   * @returns whether the tape took it
   */
  compareAt(resource: TapeValue, json: string): boolean {
    const { byObject, byTape, line } = this;
    const came = Buffer.from(resource.bytes);
    const expected = byObject.anonymize(parseJson(json) as JsonObject);
    const report = plainReport(byObject);
    line.truncate(0);
    line.text(BEFORE);
    const isTaken = byTape.anonymizeTape(resource, line);
    const written = line.slice(0, line.length).toString();
    ways.all++;
    if (isTaken) {
      ways.onTape++;
      expect(expected.outcome, json).toBe('anonymized');
      expect(written, json).toBe(`${BEFORE}${expected.outcome === 'anonymized' ? expected.line : ''}`);
    } else {
      expect(written, json).toBe(BEFORE);
      expect(plainReport(byTape), json).toEqual({ resources: 0, dropped: {}, labels: {}, undecided: {} });
      expect(byTape.anonymize(parseJson(json) as JsonObject), json).toEqual(expected);
    }
    expect(plainReport(byTape), json).toEqual(report);
    expect(resource.bytes.equals(came), json).toBe(true);
    return isTaken;
  }
}

/** An engine of which everything it does is compared `BothWays`. */
export function bothWays(configuration: Configuration, options: EngineOptions): Engine {
  const engine = compileEngine(configuration, options);
  const both = new BothWays(configuration, options);
  return {
    processingErrors: engine.processingErrors,
    anonymizeTape: (resource, into) => engine.anonymizeTape(resource, into),
    takeReport: () => engine.takeReport(),
    anonymize(resource, context) {
      const text = textOf(resource);
      if (text !== undefined) for (const form of [text, spaced(text)]) both.compare(form);
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
  const { resources, dropped, labels, undecided } = engine.takeReport();
  return {
    resources,
    dropped: Object.fromEntries(dropped),
    labels: Object.fromEntries(labels),
    undecided: Object.fromEntries(undecided),
  };
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
