import type { DatePrecision } from '../../fhir/datePrecision.js';

/** The order in which dates are counted. */
export const DATE_PRECISIONS: readonly DatePrecision[] = ['year', 'month', 'day', 'time', 'timeWithOffset'];

/** A state of a survey, to go back to where an object is taken back after its elements were written. */
export class SurveyMark {
  readonly dates = new Int32Array(DATE_PRECISIONS.length);
  references = 0;
  problems = 0;
}

/** What is counted of the result of one outermost resource. Reused from resource to resource. */
export class Survey {
  /** The resource's type. */
  type = '';
  /** Numbers of the names of its root elements, as they are in JSON. */
  readonly elements: number[] = [];
  /** Dates by precision, in the order of `DATE_PRECISIONS`. */
  readonly dates = new Int32Array(DATE_PRECISIONS.length);
  /** What its references refer to, by the numbers of `ReferenceTargets`. */
  readonly references: number[] = [];
  /** What is not valid: the element's path in the definition, and the reason. */
  readonly problems: string[] = [];
  /** Whether a part of it was written that was not looked at: then all of it has to be. */
  isPartial = false;

  restart(): void {
    this.elements.length = 0;
    this.dates.fill(0);
    this.references.length = 0;
    this.problems.length = 0;
    this.isPartial = false;
  }

  keep(mark: SurveyMark): void {
    const { dates } = this;
    for (let place = 0; place < dates.length; place++) mark.dates[place] = dates[place] as number;
    mark.references = this.references.length;
    mark.problems = this.problems.length;
  }

  back({ dates, references, problems }: SurveyMark): void {
    this.dates.set(dates);
    this.references.length = references;
    this.problems.length = problems;
  }
}
