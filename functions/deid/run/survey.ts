import { IntList } from '../../common/intList.js';
import type { DatePrecision } from '../../fhir/datePrecision.js';

/** Dates by precision, in the order in which they are counted. */
export const DATE_PRECISIONS: readonly DatePrecision[] = ['year', 'month', 'day', 'time', 'timeWithOffset'];

/** A state of a survey, to go back to where an object is taken back after its elements were written. */
export interface SurveyMark {
  elements: number;
  counted: number;
  problems: number;
}

/** What is counted of the result of one outermost resource. Reused from resource to resource. */
export class Survey {
  /** The resource's type. */
  type = '';
  /** Numbers of the names of its root elements, as they are in JSON. */
  readonly elements = new IntList();
  /** For each date the place of its precision; for each reference and URI the number of its name, after those. */
  readonly counted = new IntList();
  /** What is not valid: the element's path in the definition, and the reason. */
  readonly problems: string[] = [];
  /** Whether a part of it was written that was not looked at: then all of it has to be. */
  isPartial = false;

  restart(): void {
    this.elements.length = 0;
    this.counted.length = 0;
    if (this.problems.length > 0) this.problems.length = 0;
    this.isPartial = false;
  }

  /** Counts what a reference refers to, or a URI. @param name its number of `CountedNames` */
  addName(name: number, times = 1): void {
    for (let left = times; left > 0; left--) this.counted.push(DATE_PRECISIONS.length + name);
  }

  keep(mark: SurveyMark): void {
    mark.elements = this.elements.length;
    mark.counted = this.counted.length;
    mark.problems = this.problems.length;
  }

  back({ elements, counted, problems }: SurveyMark): void {
    this.elements.length = elements;
    this.counted.length = counted;
    this.problems.length = problems;
  }
}
