import { remembered } from '../../functions/common/maps.js';
import type { PreviewedResource, PreviewEngine } from './previewEngine.js';
import type {
  ElementCounts,
  OpenedResource,
  PathCount,
  PreviewSummary,
  ResourceResult,
  RuleCount,
  ValidityProblem,
} from './protocol.js';

/** Of a resource that has no result. */
const NOTHING: ElementCounts = { unreached: 0, same: 0, changed: 0, removed: 0, dropped: 0 };

type Count = { -readonly [Name in keyof PathCount]: PathCount[Name] };

/** What is found over many resources. */
export class SummaryOfPreview {
  readonly #engine: PreviewEngine;
  readonly #outcomes = { kept: 0, failed: 0, skipped: 0 };
  readonly #decided = new Map<number, number>();
  readonly #undecided = new Map<number, number>();
  readonly #unreached = new Map<string, Count>();
  readonly #dropped = new Map<string, Count>();
  readonly #problems = new Map<string, Count>();

  constructor(engine: PreviewEngine) {
    this.#engine = engine;
  }

  /** What became of the resource that was previewed last, which is counted. */
  add({ index, type }: OpenedResource, previewed: PreviewedResource): ResourceResult {
    const result = { index, type, ...resultOf(this.#engine, previewed) };
    const { report } = previewed;
    this.#outcomes[result.outcome]++;
    if (result.outcome !== 'kept') return { ...result, counts: NOTHING };
    let dropped = 0;
    for (const [path, count] of report.dropped) {
      dropped += count;
      countPath(this.#dropped, path, count, index);
    }
    for (const [place, count] of report.undecided)
      addCount(this.#undecided, this.#engine.ruleAt(place) ?? -1, count);
    for (const { definition, reason } of result.problems)
      countPath(this.#problems, `${definition} ${reason}`, 1, index);
    const { counts, byRule, unreached } = this.#engine.decisions;
    for (const [rule, count] of byRule) addCount(this.#decided, rule, count);
    for (const [path, count] of unreached) countPath(this.#unreached, path, count, index);
    return { ...result, counts: { ...counts, dropped } };
  }

  take(): PreviewSummary {
    return {
      ...this.#outcomes,
      decided: ruleCounts(this.#decided),
      undecided: ruleCounts(this.#undecided),
      unreached: rowsOf(this.#unreached),
      dropped: rowsOf(this.#dropped),
      problems: rowsOf(this.#problems).map(({ path, ...rest }) => {
        const { definition, reason } = problemOf(path);
        return { path: definition, reason, ...rest };
      }),
    };
  }
}

/** What became of a resource, without counts. */
export function resultOf(
  engine: PreviewEngine,
  { line, failure, report }: PreviewedResource,
): Pick<ResourceResult, 'outcome' | 'failure' | 'line' | 'problems'> {
  if (failure !== undefined) {
    const rule = failure.rule === undefined ? undefined : engine.ruleAt(failure.rule);
    const { code, message } = failure;
    return {
      outcome: engine.processingErrors === 'skip' ? 'skipped' : 'failed',
      failure: { code, message, ...(rule !== undefined && { rule }) },
      problems: [],
    };
  }
  const problems = [...report.types.values()].flatMap((type) => [...type.problems.keys()].map(problemOf));
  return { outcome: 'kept', problems, ...(line !== undefined && { line }) };
}

/** What is not valid, as the engine names it: path of the definition, and reason. */
function problemOf(text: string): ValidityProblem {
  const at = text.indexOf(' ');
  return { definition: text.slice(0, at), reason: text.slice(at + 1) };
}

/** Most often first. */
function rowsOf(counts: ReadonlyMap<string, Count>): Count[] {
  return [...counts.values()].sort(
    (one, other) => other.count - one.count || (one.path < other.path ? -1 : 1),
  );
}

function countPath(counts: Map<string, Count>, path: string, count: number, index: number): void {
  remembered<string, Count>(counts, path, () => ({ path, count: 0, index })).count += count;
}

function addCount(counts: Map<number, number>, rule: number, count: number): void {
  counts.set(rule, (counts.get(rule) ?? 0) + count);
}

function ruleCounts(counts: ReadonlyMap<number, number>): RuleCount[] {
  return [...counts].map(([rule, count]) => ({ rule, count })).sort((one, other) => one.rule - other.rule);
}
