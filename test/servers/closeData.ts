import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a chain of two exports is cut: in the middle of a second. */
export const CUT = '2024-03-01T00:00:41.100Z';

const BEGIN = Date.parse('2024-03-01T00:00:00.137Z');
const STEP_MS = 137;
/** Of one instant: fewer than a page holds, or more. */
export const TIED = { few: 20, many: 70 } as const;
const PATIENTS = 30;
const MEMBERS = 20;

/**
 * Resources whose `meta.lastUpdated` lie close together, as a bulk load leaves them: seven a second, some of one instant. Bounds that are off by a second, or a millisecond, lose some.
 */
export function writeCloseData(directory: string, tied: number): void {
  const write = (type: string, count: number, make: (index: number) => object): void => {
    const lines = Array.from({ length: count }, (_, index) => {
      const id = `${type.toLowerCase()}-${index}`;
      return JSON.stringify({
        resourceType: type,
        id,
        meta: { lastUpdated: instantOf(index) },
        ...make(index),
      });
    });
    writeFileSync(join(directory, `${type}.ndjson`), `${lines.join('\n')}\n`);
  };
  const instantOf = (index: number): string => {
    const step = index >= 100 && index < 100 + tied ? 100 : index - (index % 9 < 3 ? index % 9 : 0);
    return new Date(BEGIN + step * STEP_MS).toISOString();
  };
  const patient = (index: number): object => ({ reference: `Patient/patient-${index % PATIENTS}` });
  write('Patient', PATIENTS, () => ({ active: true }));
  write('Observation', 600, (index) => ({
    status: 'final',
    code: { text: 'code' },
    subject: patient(index),
  }));
  write('Condition', 240, (index) => ({ subject: patient(index) }));
  write('Organization', 3, () => ({ active: true }));
  write('Group', 1, () => ({
    type: 'person',
    actual: true,
    member: Array.from({ length: MEMBERS }, (_, index) => ({ entity: patient(index) })),
  }));
}
