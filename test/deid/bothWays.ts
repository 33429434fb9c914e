import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import { anonymizeText, type AnonymizeResult } from '../../functions/deid/run/anonymizeText.js';
import type { Engine, EngineOptions, ResourceContext } from '../../functions/deid/run/engine.js';
import { ContentCounter } from '../../functions/deid/run/contentCounter.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { TapeWalk } from '../../functions/deid/run/tapeWalk.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import { stringifyJson, tapeOf, type JsonObject } from '../../functions/json/json.js';
import { ARRAY, JsonTape, OBJECT, type TapeValue } from '../../functions/json/jsonTape.js';
import { nameNumber } from '../../functions/json/keyNames.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';

/** Resources that both engines were given, those of them that the tape took, and those of which WebAssembly did all. */
export const ways = { all: 0, onTape: 0, quickly: 0 };

/** Bytes that do not depend on how often they were asked for: the two engines ask in different orders. */
const sameBytes = (size: number): Uint8Array => new Uint8Array(size).fill(0x5a);

/** What stands in the buffer before a line, and has to stay. */
const BEFORE = 'before\n';

/** An engine as tests use it: of objects or texts, with counts of its own. */
export interface ObjectEngine {
  readonly processingErrors: 'raise' | 'skip';
  anonymize(resource: JsonObject | string, context?: ResourceContext): AnonymizeResult;
  /** Counts since the last call. */
  takeReport(): EngineReport;
}

interface Expected {
  readonly result: AnonymizeResult;
  readonly counted: EngineReport;
  /** The line with members in order, once it was needed. */
  ordered?: string;
}

/** `expect` costs more than most of what is compared: it is called where something differs, and says what. */
export function expectSame(actual: unknown, expected: unknown, about: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, about).toEqual(expected);
}

/** Compares an engine that goes along the tape with the tree engine. */
export class BothWays {
  /** For messages. */
  private readonly rules: string;
  private readonly byTree: Engine;
  private readonly byTape: Engine;
  private readonly tape = new JsonTape();
  private readonly line = new LineBuffer();
  private readonly counter: ContentCounter;

  constructor(configuration: Configuration, options: EngineOptions) {
    const rules = configuration.rules.map(({ path, method }) => [path, method]);
    this.rules = JSON.stringify(rules, (_, part: unknown) =>
      typeof part === 'bigint' ? Number(part) : part,
    );
    this.byTree = compileEngine(configuration, { ...options, randomBytes: sameBytes });
    this.byTape = compileEngine(configuration, { ...options, randomBytes: sameBytes });
    this.counter = new ContentCounter(FhirModel.of(options.fhirVersion));
  }

  /** As `compareAt`, of a resource that is all of the JSON, and of the same one written in other forms. */
  compare(json: string, ...otherForms: readonly string[]): boolean {
    const { tape } = this;
    const expected = this.expected(json);
    const taken = [json, ...otherForms].map((form) => {
      const bytes = Buffer.from(form);
      expectSame(tape.read(bytes), true, form);
      return this.compareAt({ tape, node: tape.root, bytes }, form, expected);
    });
    return taken.every(Boolean);
  }

  /** What the tree engine makes of a resource. */
  private expected(json: string): Expected {
    const counted = new EngineReport();
    const result = withoutTape(() => anonymizeText(this.byTree, json, undefined, counted));
    return { result, counted };
  }

  /**
   * Asserts that the tape and the tree engine make the same line of a resource, but for the order of members, and count
   * the same; or that the tape has left it alone, and the tree engine was asked.
   * @param json what stands at the resource's place on the tape
   * With WebAssembly and without it.
   * @returns whether the tape took it
   */
  compareAt(resource: TapeValue, json: string, expectation = this.expected(json)): boolean {
    withoutQuickWalk(() => this.compareOnce(resource, json, expectation));
    return this.compareOnce(resource, json, expectation);
  }

  private compareOnce(resource: TapeValue, json: string, expectation: Expected): boolean {
    const about = `${this.rules}\n${json}`;
    const { line } = this;
    const came = Buffer.from(resource.bytes);
    const { result: expected, counted } = expectation;
    line.truncate(0);
    line.text(BEFORE);
    const report = new EngineReport();
    let isTaken = false;
    const failure = watchingTape(
      () => this.byTape.anonymize(resource, line, report),
      () => (isTaken = true),
    );
    const written = line.slice(0, line.length).toString();
    ways.all++;
    if (isTaken) ways.onTape++;
    if (expected.outcome === 'failed') {
      expectSame(failure, expected.failure, about);
      expectSame(written, BEFORE, about);
    } else {
      expectSame(failure, undefined, about);
      if (written !== BEFORE + expected.line) {
        expectSame(written.startsWith(BEFORE), true, about);
        expectation.ordered ??= ordered(expected.line);
        expectSame(ordered(written.slice(BEFORE.length)), expectation.ordered, about);
      }
      expectSame(countsOf(report), this.countsIn(written.slice(BEFORE.length)), about);
    }
    // What is dropped from a resource that is substituted, or inside an element that is, may or may not be counted.
    const mayDiffer =
      this.rules.includes('"substitute"') && /"(?:contained|resource|outcome|issues)"/.test(json);
    expectSame(plainReport(report, mayDiffer), plainReport(counted, mayDiffer), about);
    expectSame(resource.bytes.equals(came), true, about);
    return isTaken;
  }

  /** What a line contains, as whoever reads the file counts it. */
  private countsIn(line: string): unknown {
    const { tape, node } = tapeOf(line);
    const report = new EngineReport();
    this.counter.add(tape, node, report.ofType(tape.textOf(node, nameNumber('resourceType')) ?? ''));
    return countsOf(report);
  }
}

/** An engine of which everything it does is compared `BothWays`. */
export function bothWays(configuration: Configuration, options: EngineOptions): ObjectEngine {
  const both = new BothWays(configuration, options);
  const engine = objectEngine(configuration, options);
  return {
    ...engine,
    anonymize(resource, context) {
      const text = typeof resource === 'string' ? resource : stringifyJson(resource);
      both.compare(text, spaced(text.replace(/^\ufeff/, '')));
      return engine.anonymize(text, context);
    },
  };
}

/** An engine of objects or texts. */
export function objectEngine(configuration: Configuration, options: EngineOptions): ObjectEngine {
  const engine = compileEngine(configuration, options);
  let report = new EngineReport();
  return {
    processingErrors: engine.processingErrors,
    anonymize: (resource, context) =>
      anonymizeText(
        engine,
        typeof resource === 'string' ? resource : stringifyJson(resource),
        context,
        report,
      ),
    takeReport() {
      const taken = report;
      report = new EngineReport();
      return taken;
    },
  };
}

const tapeWalk = TapeWalk.prototype.resource; // oxlint-disable-line typescript/unbound-method

/** Runs something while the tape leaves everything to the tree engine. */
function withoutTape<T>(work: () => T): T {
  TapeWalk.prototype.resource = () => {
    throw new Error('Left to the tree engine');
  };
  try {
    return work();
  } finally {
    TapeWalk.prototype.resource = tapeWalk;
  }
}

/** Runs something and reports each resource that the tape takes. */
function watchingTape<T>(work: () => T, onTaken: () => void): T {
  TapeWalk.prototype.resource = function resource(...args) {
    tapeWalk.apply(this, args);
    onTaken();
  };
  try {
    return work();
  } finally {
    TapeWalk.prototype.resource = tapeWalk;
  }
}

const quickly = TapeWalk.prototype['quickly']; // oxlint-disable-line typescript/unbound-method

/** Runs something while the tape is walked without WebAssembly. */
export function withoutQuickWalk<T>(work: () => T): T {
  TapeWalk.prototype['quickly'] = () => false;
  try {
    return work();
  } finally {
    TapeWalk.prototype['quickly'] = countingQuickWalk;
  }
}

function countingQuickWalk(this: TapeWalk, ...args: Parameters<typeof quickly>): boolean {
  const isDone = quickly.apply(this, args);
  if (isDone) ways.quickly++;
  return isDone;
}

TapeWalk.prototype['quickly'] = countingQuickWalk;

/** JSON with the members of its objects in the order of their names, and all else as it is, to the byte. */
function ordered(json: string): string {
  const { tape, node } = tapeOf(json);
  const spell = (at: number): string => {
    const kind = tape.kind(at);
    if (kind !== OBJECT && kind !== ARRAY) return tape.json(at);
    const items: string[] = [];
    for (let item = tape.first(at); item < tape.after(at); item = tape.after(item))
      items.push(kind === OBJECT ? `${JSON.stringify(tape.nameText(item))}:${spell(item)}` : spell(item));
    return kind === OBJECT ? `{${items.sort().join()}}` : `[${items.join()}]`;
  };
  return spell(node);
}

/** What the results contain, without what is not valid of them. */
function countsOf({ types }: EngineReport): unknown {
  return [...types].map(([type, { resources, elements, dates, references, extensions, systems }]) => ({
    type,
    resources,
    elements,
    dates,
    references,
    extensions,
    systems,
  }));
}

function plainReport(
  { resources, dropped, labels, operations, undecided, types }: EngineReport,
  ignoresDrops: boolean,
): unknown {
  return {
    resources,
    dropped: ignoresDrops || Object.fromEntries(dropped),
    labels: Object.fromEntries(labels),
    operations: Object.fromEntries(operations),
    undecided: Object.fromEntries(undecided),
    types,
  };
}

/** A string, or a character between values. */
const STRING_OR_SIGN = /"(?:[^"\\]|\\[^])*"?|[{}[\]:,]/g;

/** The same JSON with space around everything. */
function spaced(json: string): string {
  return `\n${json.replace(STRING_OR_SIGN, (part) => (part.startsWith('"') ? part : ` ${part}\t\r`))}\n`;
}
