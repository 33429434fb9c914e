import { increase } from '../../functions/common/counts.js';
import { parseJson, valueAt } from '../../functions/json/json.js';
import type { TapeValue } from '../../functions/json/jsonTape.js';
import { indentedJson } from './indentedJson.js';
import type { PreviewEngine } from './previewEngine.js';
import { resultOf } from './previewSummary.js';
import type {
  Comparison,
  ElementDifference,
  ElementTrace,
  OpenedResource,
  PathCount,
  ResourceDifference,
} from './protocol.js';
import { traceElements } from './traceElements.js';

type Which = 'one' | 'other';

/** The resources that are open. */
interface Opened {
  /** Gives a resource, until another is asked for. */
  valueAt(index: number): TapeValue;
  fileNameOf(index: number): string;
}

/** Finds where two configurations have different results. */
export class ComparisonOfEngines {
  readonly #engines: Readonly<Record<Which, PreviewEngine>>;
  readonly #opened: Opened;
  readonly #counts = { same: 0, different: 0 };
  readonly #paths = new Map<string, number>();
  /** The first resource that has a difference of a definition. */
  readonly #first = new Map<string, number>();

  constructor(engines: Readonly<Record<Which, PreviewEngine>>, opened: Opened) {
    this.#engines = engines;
    this.#opened = opened;
  }

  /** What differs in a resource; undefined where nothing does. */
  difference({ index, type }: OpenedResource): ResourceDifference | undefined {
    const [one, other] = [this.#result('one', index), this.#result('other', index)];
    if (JSON.stringify(one) === JSON.stringify(other)) {
      this.#counts.same++;
      return undefined;
    }
    this.#counts.different++;
    const elements = differencesOf(this.#traced('one', index), this.#traced('other', index));
    for (const definition of new Set(elements.map((element) => element.definition))) {
      increase(this.#paths, definition);
      if (!this.#first.has(definition)) this.#first.set(definition, index);
    }
    return { index, type, one, other, elements };
  }

  #result(which: Which, index: number): ResourceDifference[Which] {
    const engine = this.#engines[which];
    const { problems: _, ...result } = resultOf(
      engine,
      engine.resource(this.#opened.valueAt(index), index, this.#opened.fileNameOf(index)),
    );
    return result;
  }

  #traced(which: Which, index: number): Traced {
    const opened = this.#opened;
    const value = opened.valueAt(index);
    const { trace, line } = this.#engines[which].resource(value, index, opened.fileNameOf(index), true);
    const [before, after] = [
      valueAt(value.tape, value.node),
      line === undefined ? undefined : parseJson(line),
    ];
    const side = after === undefined ? undefined : { json: after, ...indentedJson(after) };
    return {
      after: side?.text ?? '',
      elements: traceElements(trace, { json: before, ...indentedJson(before) }, side, []),
    };
  }

  take(): Comparison {
    const differences = [...this.#paths].map(([path, count]): PathCount => ({
      path,
      count,
      index: this.#first.get(path) ?? 0,
    }));
    return { ...this.#counts, differences: differences.sort((one, other) => other.count - one.count) };
  }
}

interface Traced {
  readonly after: string;
  readonly elements: readonly ElementTrace[];
}

/** Primitive elements of the input of which something else is left. */
function differencesOf(one: Traced, other: Traced): ElementDifference[] {
  const others = new Map(other.elements.map((element) => [element.path, element]));
  return one.elements.flatMap((element) => {
    const { path, definition } = element;
    const same = others.get(path);
    if (path === undefined || same === undefined || !element.isPrimitive) return [];
    if (textOf(one, element) === textOf(other, same)) return [];
    return {
      path,
      definition,
      ...(element.rule !== undefined && { oneRule: element.rule }),
      ...(same.rule !== undefined && { otherRule: same.rule }),
    };
  });
}

function textOf({ after }: Traced, { after: span }: ElementTrace): string | undefined {
  return span && after.slice(span.from, span.to);
}
