import type { RiskOfJob } from './risk.js';

interface Asked {
  /** What `_elements` names; a type that is `undefined` is every type. */
  readonly elements: ReadonlyArray<{ readonly type: string | undefined }>;
  readonly risk?: RiskOfJob;
}

/**
 * Whether Patients are compared as they are before `_elements` cuts them. So it is where a class has to have a least size:
 * exports of different elements of the same Patients can be joined by their ids, so each is held to what all of them show.
 */
export function comparesWhole({ elements, risk }: Asked): boolean {
  const cutsPatients = elements.some(({ type }) => type === undefined || type === 'Patient');
  return cutsPatients && (risk?.minClassSize ?? 0) > 0;
}
