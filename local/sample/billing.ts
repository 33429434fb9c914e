import { hl7, SNOMED } from './codes.js';
import {
  coding,
  concept,
  dateTime,
  days,
  decimal,
  reference,
  type Element,
  type Resource,
} from './element.js';
import type { Random } from './random.js';
import type { Visit } from './visit.js';

/** What a claim is for besides the visit. */
export interface ClaimSubject {
  condition: Resource | undefined;
  procedure?: Resource | undefined;
  medication?: Resource;
}

export function makeClaim(random: Random, visit: Visit, subject: ClaimSubject): Resource {
  const { patient, hospital, practitioner, location, encounter, start, end } = visit;
  const { condition, procedure, medication } = subject;
  const services = serviceLines(visit, subject);
  return {
    resourceType: 'Claim',
    id: random.uuid(),
    identifier: [{ system: 'http://hospital.example.org/claims', value: `C${random.digits(10)}` }],
    status: 'active',
    type: concept(hl7('claim-type'), medication ? 'pharmacy' : 'institutional'),
    use: 'claim',
    patient: reference(patient.resource, patient.name.full),
    billablePeriod: { start: dateTime(start), end: dateTime(end) },
    created: dateTime(end),
    insurer: reference(patient.insurer.resource, patient.insurer.name),
    provider: reference(hospital.organization, hospital.name),
    priority: concept(hl7('processpriority'), 'normal'),
    ...(medication ? { prescription: reference(medication) } : {}),
    facility: reference(location.resource, location.name),
    careTeam: [{ sequence: 1, provider: reference(practitioner.resource, practitioner.title) }],
    ...(condition ? { diagnosis: [{ sequence: 1, diagnosisReference: reference(condition) }] } : {}),
    ...(procedure ? { procedure: [{ sequence: 1, procedureReference: reference(procedure) }] } : {}),
    insurance: [
      {
        sequence: 1,
        focal: true,
        coverage: reference(patient.coverage),
        preAuthRef: [`PA${random.digits(7)}`],
      },
    ],
    item: services.map((service, index) => ({
      sequence: index + 1,
      productOrService: service,
      ...(index === 0 ? { encounter: [reference(encounter)] } : {}),
    })),
    total: money(random, 40, 900),
  };
}

/** The insurer's answer to a claim: the largest of the resources, with two contained ones. */
export function makeExplanationOfBenefit(
  random: Random,
  visit: Visit,
  claim: Resource,
  condition: Resource | undefined,
): Resource {
  const { patient, practitioner, location, encounter, start, end } = visit;
  const services = serviceLines(visit, { condition });
  return {
    resourceType: 'ExplanationOfBenefit',
    id: random.uuid(),
    contained: [
      {
        resourceType: 'ServiceRequest',
        id: 'referral',
        status: 'completed',
        intent: 'order',
        subject: reference(patient.resource, patient.name.full),
        requester: reference(practitioner.resource, practitioner.title),
        performer: [reference(practitioner.resource)],
      },
      {
        resourceType: 'Coverage',
        id: 'coverage',
        status: 'active',
        type: { text: patient.insurer.name },
        subscriberId: patient.coverage['subscriberId'],
        beneficiary: reference(patient.resource),
        payor: [{ display: patient.insurer.name }],
      },
    ],
    identifier: [
      { system: 'http://insurer.example.org/claims', value: random.digits(12) },
      { system: 'http://insurer.example.org/claim-groups', value: random.digits(11) },
    ],
    status: 'active',
    type: concept(hl7('claim-type'), 'institutional'),
    use: 'claim',
    patient: reference(patient.resource, patient.name.full),
    billablePeriod: { start: dateTime(start), end: dateTime(end + days(365)) },
    created: dateTime(end),
    insurer: reference(patient.insurer.resource, patient.insurer.name),
    provider: reference(practitioner.resource, practitioner.title),
    referral: { reference: '#referral' },
    facility: reference(location.resource, location.name),
    claim: reference(claim),
    outcome: 'complete',
    disposition: `Settled with ${patient.name.full}`,
    careTeam: [
      {
        sequence: 1,
        provider: reference(practitioner.resource, practitioner.title),
        role: concept(hl7('claimcareteamrole'), 'primary', 'Primary provider'),
      },
    ],
    ...(condition
      ? {
          diagnosis: [
            {
              sequence: 1,
              diagnosisReference: reference(condition),
              type: [concept(hl7('ex-diagnosistype'), 'principal', 'Principal Diagnosis')],
            },
          ],
        }
      : {}),
    insurance: [{ focal: true, coverage: { reference: '#coverage', display: patient.insurer.name } }],
    item: services.map((service, index) => ({
      sequence: index + 1,
      category: concept(hl7('ex-benefitcategory'), '1', 'Medical Care'),
      productOrService: service,
      servicedPeriod: { start: dateTime(start), end: dateTime(end) },
      locationCodeableConcept: concept(hl7('ex-serviceplace'), '21', 'Inpatient Hospital'),
      ...(index === 0 ? { encounter: [reference(encounter)] } : {}),
      net: money(random, 40, 900),
      adjudication: adjudications(random),
    })),
    total: [
      {
        category: concept(hl7('adjudication'), 'submitted', 'Submitted Amount'),
        amount: money(random, 40, 900),
      },
    ],
    payment: { date: dateTime(end + days(20)).slice(0, 10), amount: money(random, 10, 400) },
  };
}

function serviceLines({ encounter }: Visit, { condition, procedure, medication }: ClaimSubject): unknown[] {
  const visitType = Array.isArray(encounter['type']) ? (encounter['type'] as unknown[])[0] : undefined;
  const medicationCode =
    medication?.['medicationCodeableConcept'] ?? concept(SNOMED, '763158003', 'Medicinal product');
  return [
    ...(medication ? [medicationCode] : [visitType]),
    ...(condition ? [condition['code']] : []),
    ...(procedure ? [procedure['code']] : []),
  ];
}

const ADJUDICATIONS = [
  ['submitted', 'Submitted Amount'],
  ['eligible', 'Eligible Amount'],
  ['deductible', 'Deductible'],
  ['copay', 'CoPay'],
  ['benefit', 'Benefit Amount'],
] as const;

function adjudications(random: Random): Element[] {
  return ADJUDICATIONS.map(([code, display]) => ({
    category: { coding: [coding(hl7('adjudication'), code, display)] },
    amount: money(random, 0, 300),
  }));
}

function money(random: Random, low: number, high: number): Element {
  return { value: decimal((low + random.next() * (high - low)).toFixed(2)), currency: 'USD' };
}
