import { ENCOUNTER_TYPES, hl7, SNOMED } from './codes.js';
import { coding, concept, dateTime, days, reference, type Resource } from './element.js';
import type { Hospital, Practitioner } from './hospital.js';
import type { Patient } from './patient.js';
import type { Random } from './random.js';

/** One visit of a patient: what all its resources share. */
export interface Visit {
  patient: Patient;
  hospital: Hospital;
  practitioner: Practitioner;
  location: Hospital['locations'][number];
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
  encounter: Resource;
  /** What the visit is for. */
  reason: string;
}

/** A visit with its encounter, before anything else was recorded in it. */
export function beginVisit(random: Random, patient: Patient, hospital: Hospital): Visit {
  const earliest = Math.max(patient.birth, patient.end - days(10 * 365));
  const start = earliest + Math.floor(random.next() * (patient.end - earliest));
  const end = start + random.int(15, 180) * 60_000;
  const practitioner = random.chance(0.5) ? patient.doctor : random.pick(hospital.practitioners);
  const location = random.pick(hospital.locations);
  const [code, reason] = random.pick(ENCOUNTER_TYPES);
  const isEmergency = code === '50849002';
  const encounter: Resource = {
    resourceType: 'Encounter',
    id: random.uuid(),
    identifier: [
      { use: 'official', system: 'http://hospital.example.org/visits', value: `V${random.digits(9)}` },
    ],
    status: 'finished',
    class: coding(hl7('v3-ActCode'), isEmergency ? 'EMER' : 'AMB'),
    type: [concept(SNOMED, code, reason)],
    subject: {
      ...reference(patient.resource, patient.name.full),
      identifier: { system: 'http://hospital.example.org/mrn', value: patient.recordNumber },
    },
    participant: [
      {
        type: [concept(hl7('v3-ParticipationType'), 'PPRF', 'primary performer')],
        period: { start: dateTime(start), end: dateTime(end) },
        individual: reference(practitioner.resource, practitioner.title),
      },
    ],
    period: { start: dateTime(start), end: dateTime(end) },
    location: [{ location: reference(location.resource, location.name) }],
    serviceProvider: reference(hospital.organization, hospital.name),
  };
  return { patient, hospital, practitioner, location, start, end, encounter, reason };
}
