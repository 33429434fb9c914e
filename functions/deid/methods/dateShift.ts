import { createHmac } from 'node:crypto';
import { calendarDay, dayNumber, padded } from '../../fhir/calendar.js';
import { PERTURBED } from './labels.js';
import type { Primitive } from '../model/primitive.js';
import type { Redactor } from './redact.js';
import type { Run, Target, ValueMethod } from './method.js';

const MULTIPLIER = 131;
const RANGE = 101;
/** A date with a day, and a time only if it has seconds and a zone; other times are left out. */
const DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?/;

/**
 * The reference's offset in days, -50 to 50. It is linear in a hash of 101 values: one or two known dates undo it.
 * @param key UTF-8 bytes of the key, @param prefix what the scope puts before it
 */
export function referenceOffset(prefix: string, key: Uint8Array): number {
  let hash = 0;
  for (const byte of Buffer.from(prefix, 'utf8')) hash = (hash * MULTIPLIER + byte) % RANGE;
  for (const byte of key) hash = (hash * MULTIPLIER + byte) % RANGE;
  return hash - 50;
}

/** Farthest a patient's dates move, in days. */
const PATIENT_RANGE = 50;

/** A patient's offset in days, -50 to 50 but never 0, from the HMAC-SHA256 of the patient's id. */
export function patientOffset(patient: string, key: Uint8Array): number {
  const digest = createHmac('sha256', key).update(patient, 'utf8').digest();
  const place = Number(digest.readBigUInt64BE(0) % BigInt(2 * PATIENT_RANGE));
  return place < PATIENT_RANGE ? place - PATIENT_RANGE : place - PATIENT_RANGE + 1;
}

/** Moves dates by the days of the run; other types are left as they are. */
export function dateShift(target: Target, rule: number, redactor: Redactor): ValueMethod | null {
  const { primitive } = target.type;
  if (primitive !== 'date' && primitive !== 'dateTime') return null;
  return (value, run) => shifted(value, rule, redactor, run);
}

function shifted(value: Primitive, rule: number, redactor: Redactor, run: Run): Primitive | undefined {
  const match = typeof value === 'string' ? DATE.exec(value) : null;
  if (match === null || redactor.isOverAge(value as string)) return redactor.date(value, run);
  const days = run.dateShiftDays(rule);
  if (days === null) return redactor.date(value, run);
  const { year, month, day } = calendarDay(
    dayNumber(Number(match[1]), Number(match[2]), Number(match[3])) + days,
  );
  if (!(year >= 1 && year <= 9999)) return redactor.date(value, run);
  run.did(PERTURBED);
  const date = `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
  if (match[4] === undefined) return date;
  return `${date}T00:00:00${(match[5] ?? '').replace(/[0-9]/g, '0')}${match[6]}`;
}
