import { makeClaim, makeExplanationOfBenefit } from './billing.js';
import {
  makeBloodPressure,
  makeCondition,
  makeCultureCount,
  makeElectrocardiogram,
  makeImmunization,
  makeMeasurement,
  makeMedicationRequest,
  makeProcedure,
  makeRemark,
} from './clinical.js';
import { LABORATORY, SNOMED, VITAL_SIGNS } from './codes.js';
import {
  makeDocument,
  makeLaboratoryReport,
  makeNoteReport,
  makeQuestionnaireResponse,
  noteText,
} from './documents.js';
import { concept, dateTime, days, reference, type Resource } from './element.js';
import type { Hospital } from './hospital.js';
import type { Patient } from './patient.js';
import type { Random } from './random.js';
import { beginVisit, type Visit } from './visit.js';

/** Makes a visit and all that was recorded in it, some twelve resources. */
export function makeVisit(
  random: Random,
  patient: Patient,
  hospital: Hospital,
  emit: (resource: Resource) => void,
): Visit {
  const visit = beginVisit(random, patient, hospital);
  const condition = random.chance(0.35) ? makeCondition(random, visit) : undefined;
  if (condition) {
    visit.encounter['diagnosis'] = [{ condition: reference(condition), rank: 1 }];
    visit.encounter['reasonReference'] = [reference(condition)];
  }
  emit(visit.encounter);
  if (condition) emit(condition);
  emitObservations(random, visit, emit);

  const procedure = random.chance(0.8) ? makeProcedure(random, visit, condition) : undefined;
  if (procedure) emit(procedure);
  if (random.chance(0.3)) emit(makeImmunization(random, visit));
  const note = noteText(visit, condition);
  emit(makeNoteReport(random, visit, note));
  emit(makeDocument(random, visit, note));
  if (random.chance(0.1)) emit(makeQuestionnaireResponse(random, visit));

  const claim = makeClaim(random, visit, { condition, procedure });
  emit(claim);
  emit(makeExplanationOfBenefit(random, visit, claim, condition));
  if (random.chance(0.35)) {
    const medication = makeMedicationRequest(random, visit, condition);
    emit(medication);
    emit(makeClaim(random, visit, { condition, medication }));
  }
  if (random.chance(0.15)) emit(makeAppointment(random, visit));
  return visit;
}

function emitObservations(random: Random, visit: Visit, emit: (resource: Resource) => void): void {
  emit(makeBloodPressure(random, visit));
  for (let count = random.int(1, 3); count > 0; count--) {
    emit(makeMeasurement(random, visit, random.pick(VITAL_SIGNS), 'vital-signs'));
  }
  if (random.chance(0.4)) {
    const results = Array.from({ length: random.int(2, 4) }, () =>
      makeMeasurement(random, visit, random.pick(LABORATORY), 'laboratory'),
    );
    if (random.chance(0.2)) results.push(makeCultureCount(random, visit));
    for (const result of results) emit(result);
    emit(makeLaboratoryReport(random, visit, results));
  }
  if (random.chance(0.15)) emit(makeRemark(random, visit));
  if (random.chance(0.03)) emit(makeElectrocardiogram(random, visit));
}

function makeAppointment(random: Random, { patient, practitioner, location, end, reason }: Visit): Resource {
  const start = end + days(random.int(10, 90));
  return {
    resourceType: 'Appointment',
    id: random.uuid(),
    identifier: [{ system: 'http://hospital.example.org/appointments', value: random.digits(8) }],
    status: 'booked',
    serviceType: [concept(SNOMED, '390906007', 'Follow-up encounter')],
    description: `Follow-up of ${patient.name.full} after ${reason.toLowerCase()}`,
    start: new Date(start).toISOString(),
    end: new Date(start + 1_800_000).toISOString(),
    minutesDuration: 30,
    created: dateTime(end),
    comment: `Call ${patient.name.given[0]} the day before`,
    patientInstruction: 'Please bring your medication list.',
    participant: [
      { actor: reference(patient.resource, patient.name.full), status: 'accepted' },
      { actor: reference(practitioner.resource, practitioner.title), status: 'accepted' },
      { actor: reference(location.resource), status: 'accepted' },
    ],
  };
}
