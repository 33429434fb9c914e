import { hl7, SNOMED } from './codes.js';
import { coding, concept, dateTime, days, instant, reference, type Resource } from './element.js';
import { narrative, type Patient } from './patient.js';
import { makeName } from './person.js';
import type { Random } from './random.js';

const ACTIVITIES = [
  ['386463000', 'Prescribed activity/exercise education'],
  ['413473000', 'Counseling about alcohol consumption'],
  ['225323000', 'Smoking cessation education'],
  ['183301007', 'Physical exercises'],
] as const;

/** Makes a care team, mostly with a plan, and the record of who entered the patient. */
export function makeCare(random: Random, patient: Patient, emit: (resource: Resource) => void): void {
  if (random.chance(0.6)) {
    const team = makeCareTeam(random, patient);
    emit(team);
    emit(makeCarePlan(random, patient, team));
  }
  emit(makeProvenance(random, patient));
}

/** A group of patients; `number` makes it different from others. */
export function makeGroup(random: Random, number: number, members: readonly Resource[]): Resource {
  return {
    resourceType: 'Group',
    id: random.uuid(),
    identifier: [{ system: 'http://hospital.example.org/cohorts', value: `COHORT-${number}` }],
    active: true,
    type: 'person',
    actual: true,
    code: concept(SNOMED, '44054006', 'Diabetes mellitus type 2'),
    name: `Cohort ${number} of Dr. ${makeName(random, 'female').full}`,
    quantity: members.length,
    member: members.map((member) => ({
      entity: reference(member),
      period: { start: '2023-01-01' },
      inactive: false,
    })),
  };
}

/** A group of another group, of former members, and of one who is no patient. */
export function makeMixedGroup(
  random: Random,
  number: number,
  group: Resource,
  patients: readonly Resource[],
  practitioner: Resource,
): Resource {
  const [ended, inactive, current] = patients.slice(-3) as [Resource, Resource, Resource];
  return {
    ...makeGroup(random, number, []),
    quantity: 5,
    member: [
      { entity: reference(group) },
      { entity: reference(current), period: { start: '2023-01-01', end: '2999-12-31' } },
      { entity: reference(ended), period: { start: '2023-01-01', end: '2024-01-31' } },
      { entity: reference(inactive), inactive: true },
      { entity: reference(practitioner) },
    ],
  };
}

/** What `makePair` emits. */
export const RESOURCES_PER_PAIR = 2;

/** An appointment of two patients together, and the record of who entered a visit of each. */
export function makePair(
  random: Random,
  one: { patient: Resource; encounter: Resource },
  other: { patient: Resource; encounter: Resource },
  practitioner: Resource,
  emit: (resource: Resource) => void,
): void {
  const start = Date.UTC(2024, random.int(0, 11), random.int(1, 28), 14);
  emit({
    resourceType: 'Appointment',
    id: random.uuid(),
    status: 'booked',
    description: 'Counseling of the family',
    start: instant(start),
    end: instant(start + 3_600_000),
    participant: [one.patient, other.patient, practitioner].map((actor) => ({
      actor: reference(actor),
      status: 'accepted',
    })),
  });
  emit({
    resourceType: 'Provenance',
    id: random.uuid(),
    target: [reference(one.encounter), reference(other.encounter)],
    recorded: instant(start),
    agent: [{ who: reference(practitioner) }],
  });
}

function makeCareTeam(random: Random, patient: Patient): Resource {
  return {
    resourceType: 'CareTeam',
    id: random.uuid(),
    status: 'active',
    name: `Team of ${patient.name.full}`,
    subject: reference(patient.resource, patient.name.full),
    period: { start: dateTime(patient.end - days(500)) },
    participant: [
      {
        role: [concept(SNOMED, '116154003', 'Patient')],
        member: reference(patient.resource, patient.name.full),
      },
      {
        role: [concept(SNOMED, '158965000', 'Medical practitioner')],
        member: reference(patient.doctor.resource, patient.doctor.title),
      },
    ],
    telecom: [{ system: 'phone', value: `(555) 01${random.digits(1)}-${random.digits(4)}` }],
  };
}

function makeCarePlan(random: Random, patient: Patient, team: Resource): Resource {
  const start = patient.end - days(random.int(100, 500));
  return {
    resourceType: 'CarePlan',
    id: random.uuid(),
    text: narrative(`Care plan for ${patient.name.full}: exercise, diet and regular visits.`),
    status: 'active',
    intent: 'order',
    category: [concept(hl7('v3-ActCode'), 'assess-plan')],
    title: `${patient.name.given[0]}'s plan`,
    description: `Agreed with ${patient.name.full} and the family.`,
    subject: reference(patient.resource, patient.name.full),
    period: { start: dateTime(start) },
    careTeam: [reference(team)],
    activity: ACTIVITIES.map(([code, display]) => ({
      detail: {
        code: { coding: [coding(SNOMED, code, display)], text: display },
        status: 'in-progress',
        scheduledString: `When ${patient.name.given[0]} feels up to it`,
        performer: [reference(patient.doctor.resource, patient.doctor.title)],
      },
    })),
    note: [{ authorString: patient.doctor.title, text: `Phone ${patient.name.full} in a month.` }],
  };
}

function makeProvenance(random: Random, patient: Patient): Resource {
  return {
    resourceType: 'Provenance',
    id: random.uuid(),
    target: [reference(patient.resource), reference(patient.coverage)],
    recorded: instant(patient.end),
    agent: [
      {
        type: concept(hl7('provenance-participant-type'), 'author', 'Author'),
        who: reference(patient.doctor.resource, patient.doctor.title),
      },
    ],
    signature: [
      {
        type: [coding('urn:iso-astm:E1762-95:2013', '1.2.840.10065.1.12.1.1', "Author's Signature")],
        when: instant(patient.end),
        who: reference(patient.doctor.resource),
        sigFormat: 'application/signature+xml',
        data: random.base64(60),
      },
    ],
  };
}
