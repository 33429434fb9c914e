import { hkdf, hmac } from '../../common/crypto.js';
import { calendarDay, dayNumber, padded } from '../../fhir/calendar.js';
import { JsonNumber } from '../../json/jsonNumber.js';
import type { Primitive } from '../model/primitive.js';
import type { FhirType } from '../model/types.js';
import type { IssueList } from '../reading/issues.js';
import { choice, key, type Setting, type ValuesOf } from '../reading/settings.js';
import { isKnown, UNTOUCHED, type Effect } from './effect.js';
import { PERTURBED, REDACTED } from './labels.js';
import { method, type MethodContext, type Run, type ValueMethod } from './method.js';
import { REDACT, Redactor } from './redact.js';

const readScope = choice('resource', 'file', 'folder', 'patient');
/** The scopes that the reference has; it also reads their places. */
const SCOPES = ['resource', 'file', 'folder'];
const MAX_DAYS = 3_650_000;

const scope: typeof readScope = (value, site) => {
  const named = typeof value === 'number' ? SCOPES[value] : undefined;
  if (named !== undefined) site.warn(`Read as '${named}': write the name`);
  return readScope(named ?? value, site);
};

/** Days every date moves by, instead of the key's; null without. */
const offset: Setting<number | null> = (value, site) => {
  if (value === undefined || value === null) return null;
  const number =
    typeof value === 'string' && value.trim() !== ''
      ? Number(value)
      : value instanceof JsonNumber
        ? Number(value.text)
        : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || Math.abs(number) > MAX_DAYS) {
    site.error('Must be a whole number of days');
    return null;
  }
  if (Number.isInteger(number)) return number;
  const floor = Math.floor(number);
  const nearer = number - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(number);
  site.warn(`Rounded to ${nearer}: days are whole numbers`);
  return nearer;
};

const PARAMETERS = {
  dateShiftKey: key,
  dateShiftScope: scope,
  dateShiftFixedOffsetInDays: offset,
  /** What a shifted `dateTime` becomes. */
  dateShiftOutput: choice('dateTime', 'date'),
  ...REDACT.parameters,
};
type Parameters = ValuesOf<typeof PARAMETERS>;

export const DATE_SHIFT = method({
  name: 'dateShift',
  settings: {},
  parameters: PARAMETERS,
  key: {
    name: 'dateShiftKey',
    isUsed: ({ dateShiftFixedOffsetInDays }) => dateShiftFixedOffsetInDays === null,
  },
  labels: [PERTURBED, REDACTED],
  changes: { what: 'moves dates', isOn: isDate },
  clears:
    '`date`, `dateTime`, `instant`, as pseudonyms of dates, and nothing else; in part under a key that is written in the configuration, nothing with an offset that it gives',
  needsPatient: ({ dateShiftScope }) => dateShiftScope === 'patient',
  checkParameters,
  dependsOnDialect: () => true,
  effect: (_, parameters) => effectOf(parameters),
  prepare: (context) => {
    const redactor = new Redactor(context.parameters, context.now);
    const daysOf = shiftOf(context);
    return {
      work: (_, rule) => {
        const shift: ValueMethod = (value, run) => shifted(value, rule, redactor, daysOf, run);
        const shiftToDate: ValueMethod = (value, run) => {
          const moved = shift(value, run);
          return typeof moved === 'string' ? moved.slice(0, 'yyyy-mm-dd'.length) : moved;
        };
        const ofDateTime = context.parameters.dateShiftOutput === 'date' ? shiftToDate : shift;
        const shiftMoment: ValueMethod = (value, run) => redactor.moment(shift(value, run));
        // An instant without a time would be none.
        const ofInstant = context.parameters.dialect === 'miracum' ? shiftMoment : shift;
        const ofDate = ({ name }: FhirType): ValueMethod => (name === 'instant' ? ofInstant : ofDateTime);
        return { ofValue: ({ type }) => (isDate(type) ? ofDate(type) : null) };
      },
    };
  },
});

function isDate({ primitive }: FhirType): boolean {
  return primitive === 'date' || primitive === 'dateTime';
}

/** The reference's shift is kept for its configurations' sake; users should know what it is worth. */
function checkParameters(parameters: Parameters, issues: IssueList): void {
  if (parameters.dateShiftFixedOffsetInDays !== null) {
    issues.warn(
      'parameters.dateShiftFixedOffsetInDays',
      'All dates move by the same days: one known date undoes all',
    );
  } else if (parameters.dateShiftScope !== 'patient') {
    issues.warn(
      'parameters.dateShiftScope',
      `The shift of scope '${parameters.dateShiftScope}' is one of 101 values, linear in a short hash of the key: one or ` +
        "two known dates undo it. The scope 'patient' has no such weakness",
    );
  }
}

/** Shifted dates are pseudonyms of dates, unless the shift is known. Other types stay as they are. */
function effectOf({ dateShiftFixedOffsetInDays, dateShiftKey }: Parameters): Effect {
  // An offset that the configuration gives is taken off again.
  if (dateShiftFixedOffsetInDays !== null) return UNTOUCHED;
  const clears = isKnown(dateShiftKey) ? 'partial' : 'full';
  return {
    key: `dateShift ${clears}`,
    clearsAll: false,
    clears: (_, { type }) => (type !== null && isDate(type) ? clears : 'none'),
  };
}

const MULTIPLIER = 131;
const RANGE = 101;
/** A date with a day, and a time only if it has seconds and a zone; other times are left out. */
const DATE =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?/;

/**
 * The reference's offset in days, -50 to 50. It is linear in a hash of 101 values: one or two known dates undo it.
 * @param bytes of the key, @param prefix what the scope puts before it
 */
function referenceOffset(prefix: string, bytes: Uint8Array): number {
  let hash = 0;
  for (const byte of Buffer.from(prefix, 'utf8')) hash = (hash * MULTIPLIER + byte) % RANGE;
  for (const byte of bytes) hash = (hash * MULTIPLIER + byte) % RANGE;
  return hash - 50;
}

/** Farthest a patient's dates move, in days. */
const PATIENT_RANGE = 50;

/** A patient's offset in days, -50 to 50 but never 0, from the HMAC-SHA256 of the patient's id. */
function patientOffset(patient: string, bytes: Uint8Array): number {
  const digest = hmac('sha256', bytes, patient);
  const place = Number(digest.readBigUInt64BE(0) % BigInt(2 * PATIENT_RANGE));
  return place < PATIENT_RANGE ? place - PATIENT_RANGE : place - PATIENT_RANGE + 1;
}

/** Days that the dates of a resource move by under a rule; null where they must be redacted. */
type ShiftOf = (run: Run, rule: number) => number | null;

/** How far dates move, by the configuration's scope. */
function shiftOf({ parameters, key: bytes }: MethodContext<typeof PARAMETERS>): ShiftOf {
  const fixed = parameters.dateShiftFixedOffsetInDays;
  if (fixed !== null) return () => fixed;
  const ofText = rememberLast((prefix) => referenceOffset(prefix, bytes));
  switch (parameters.dateShiftScope) {
    case 'resource':
      return (run, rule) => ofText(run.rootId(rule));
    case 'file':
      return (run) => ofText(run.fileName);
    case 'folder':
      return (run) => ofText(run.folderName);
    case 'patient': {
      const patientKey = hkdf(bytes, '', 'fhir-deidentified-export patient', 32);
      const ofPatient = rememberLast((patient) => patientOffset(patient, patientKey));
      return (run) => (run.patient === null ? null : ofPatient(run.patient));
    }
  }
}

function rememberLast(compute: (text: string) => number): (text: string) => number {
  let last: string | undefined;
  let value = 0;
  return (text) => {
    if (text !== last) {
      value = compute(text);
      last = text;
    }
    return value;
  };
}

function shifted(
  value: Primitive,
  rule: number,
  redactor: Redactor,
  daysOf: ShiftOf,
  run: Run,
): Primitive | undefined {
  const match = typeof value === 'string' ? DATE.exec(value) : null;
  if (match === null || redactor.isOverAge(value as string)) return redactor.date(value, run);
  const days = daysOf(run, rule);
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
