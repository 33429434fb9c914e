import { increase, increaseAll } from '../../common/counts.js';
import { remembered } from '../../common/maps.js';
import { placeOf, type RulePlace } from '../reading/issues.js';
import { operationAt } from './operations.js';
import type { ResourceRun } from './resourceRun.js';
import { nameOf } from '../../json/keyNames.js';
import type { CountedNames } from './countedNames.js';
import { DATE_PRECISIONS, type Survey } from './survey.js';
import { Tally } from './tally.js';
import { emptyTypeReport, type TypeReport } from './typeReport.js';

/** Counts over the resources of a slice or file, safe to report: element paths of the FHIR definition, no values. */
export class EngineReport {
  /** Resources that an engine was given. One that failed counts here alone. */
  resources = 0;
  /** Elements dropped because the FHIR version does not define them or their value had the wrong type, by path. */
  readonly dropped = new Map<string, number>();
  /** Conditions that could not be decided, by the rule whose path or case they are in: `fhirPathRules[3]`. */
  readonly undecided = new Map<string, number>();
  readonly #types = new Map<string, TypeReport>();
  readonly #operations = new Map<string, Map<string, number>>();
  /** What is yet to be added to them. */
  readonly #done = new Tally();
  /** What is yet to be added to the types, by their names. */
  readonly #tallies = new Map<string, { readonly elements: Tally; readonly counted: Tally }>();
  #names: CountedNames | undefined;
  #countsContent = true;

  /** Operations done, by security label code. */
  get labels(): ReadonlyMap<string, number> {
    const labels = new Map<string, number>();
    for (const counts of this.operations.values()) increaseAll(labels, counts);
    return labels;
  }

  /** Operations done, by the path of the element's definition, and by security label code. */
  get operations(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    this.#done.drain((operation, count) => {
      const { path, label } = operationAt(operation);
      increase(
        remembered(this.#operations, path, () => new Map<string, number>()),
        label,
        count,
      );
    });
    return this.#operations;
  }

  /** What the resources that did not fail contain, by resource type. */
  get types(): ReadonlyMap<string, TypeReport> {
    for (const [type, { elements, counted }] of this.#tallies) {
      const report = this.ofType(type);
      elements.drain((element, count) => increase(report.elements, nameOf(element), count));
      counted.drain((number, count) => {
        const precision = DATE_PRECISIONS[number];
        if (precision !== undefined) report.dates[precision] += count;
        else {
          const { kind, name } = (this.#names as CountedNames).nameOf(number - DATE_PRECISIONS.length);
          increase(report[kind], name, count);
        }
      });
    }
    return this.#types;
  }

  /** What the resources of a type contain, to be added to. */
  ofType(type: string): TypeReport {
    return remembered(this.#types, type, emptyTypeReport);
  }

  /** Adds what the result of a resource contains that did not fail. */
  addSurvey({ type, elements, counted, problems }: Survey, names: CountedNames): void {
    const report = this.ofType(type);
    if (this.#countsContent) {
      this.#names = names;
      report.resources++;
      const tallies = remembered(this.#tallies, type, () => ({
        elements: new Tally(),
        counted: new Tally(),
      }));
      tallies.elements.add(elements);
      tallies.counted.add(counted);
    }
    if (problems.length === 0) return;
    report.notValid++;
    for (const problem of problems) increase(report.problems, problem);
  }

  /** Adds what was done to a resource that did not fail. */
  add({ done, dropped, undecided }: ResourceRun, places: readonly RulePlace[]): void {
    const { items, length } = done;
    for (let at = 0; at < length; at += 2) this.#done.addTimes(items[at] as number, items[at + 1] as number);
    for (const path of dropped) increase(this.dropped, path);
    if (undecided.size === 0) return;
    for (const [rule, count] of undecided) increase(this.undecided, placeOf(places, rule), count);
  }

  /**
   * Runs something whose results are not written as they are: what is done and what is not valid is counted, what the
   * results contain is not.
   */
  withoutContent<T>(work: () => T): T {
    this.#countsContent = false;
    try {
      return work();
    } finally {
      this.#countsContent = true;
    }
  }
}
