import {
  CONDITIONS,
  CVX,
  hl7,
  ICD10,
  LOINC,
  MEDICATIONS,
  PROCEDURES,
  RXNORM,
  SNOMED,
  VACCINES,
  type Measure,
} from './codes.js';
import {
  coding,
  concept,
  date,
  dateTime,
  days,
  decimal,
  instant,
  quantity,
  reference,
  type Element,
  type Resource,
} from './element.js';
import type { Random } from './random.js';
import type { Visit } from './visit.js';

export function makeMeasurement(random: Random, visit: Visit, measure: Measure, category: string): Resource {
  const [code, display, unit, ucum, low, high, places] = measure;
  const range = { low: quantity(low.toFixed(1), unit, ucum), high: quantity(high.toFixed(1), unit, ucum) };
  return {
    ...observation(random, visit, category, code, display),
    valueQuantity: quantity(between(random, low, high, places), unit, ucum),
    ...(category === 'laboratory'
      ? { referenceRange: [{ ...range, text: `${low} to ${high} ${unit}` }] }
      : {}),
  };
}

export function makeBloodPressure(random: Random, visit: Visit): Resource {
  const component = (code: string, display: string, low: number, high: number) => ({
    code: concept(LOINC, code, display),
    valueQuantity: quantity(between(random, low, high, 0), 'mmHg', 'mm[Hg]'),
  });
  return {
    ...observation(
      random,
      visit,
      'vital-signs',
      '85354-9',
      'Blood pressure panel with all children optional',
    ),
    component: [
      component('8480-6', 'Systolic blood pressure', 95, 160),
      component('8462-4', 'Diastolic blood pressure', 55, 100),
    ],
  };
}

/** A large count, written with an exponent. */
export function makeCultureCount(random: Random, visit: Visit): Resource {
  return {
    ...observation(random, visit, 'laboratory', '49223-1', 'Colony count [#/volume] in Urine'),
    valueQuantity: quantity(
      `${random.int(1, 9)}.${random.digits(1)}e${random.int(3, 6)}`,
      'CFU/mL',
      '{CFU}/mL',
    ),
  };
}

/** An observation in words. */
export function makeRemark(random: Random, visit: Visit): Resource {
  const { patient, practitioner, end } = visit;
  return {
    ...observation(random, visit, 'social-history', '29762-2', 'Social history narrative'),
    valueString: `${patient.name.full} lives alone and is visited by a neighbor on Sundays.`,
    note: [
      {
        authorReference: reference(practitioner.resource, practitioner.title),
        time: dateTime(end),
        text: `Discussed with ${patient.name.given[0]}'s family; SSN ${patient.socialSecurityNumber} confirmed.`,
      },
    ],
  };
}

export function makeElectrocardiogram(random: Random, visit: Visit): Resource {
  return {
    ...observation(random, visit, 'procedure', '11524-6', 'EKG study'),
    valueSampledData: {
      origin: { value: decimal('2048') },
      period: decimal('10.0'),
      factor: decimal('1.612'),
      lowerLimit: decimal('-3300'),
      upperLimit: decimal('3300'),
      dimensions: 1,
      data: Array.from({ length: 120 }, () => random.int(2030, 2070)).join(' '),
    },
  };
}

export function makeCondition(random: Random, { patient, practitioner, encounter, start }: Visit): Resource {
  const [snomed, icd10, display] = random.pick(CONDITIONS);
  return {
    resourceType: 'Condition',
    id: random.uuid(),
    clinicalStatus: concept(hl7('condition-clinical'), 'active'),
    verificationStatus: concept(hl7('condition-ver-status'), 'confirmed'),
    category: [concept(hl7('condition-category'), 'encounter-diagnosis', 'Encounter Diagnosis')],
    code: {
      coding: [coding(SNOMED, snomed, display), coding(ICD10, icd10)],
      text: `${display} (known to the family)`,
    },
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    onsetDateTime: date(start - days(random.int(0, 400))),
    recordedDate: dateTime(start),
    recorder: reference(practitioner.resource, practitioner.title),
    note: [{ text: `${patient.name.full} first noticed this at work.` }],
  };
}

export function makeProcedure(random: Random, visit: Visit, condition: Resource | undefined): Resource {
  const [code, display] = random.pick(PROCEDURES);
  const { patient, practitioner, location, encounter, start, end } = visit;
  return {
    resourceType: 'Procedure',
    id: random.uuid(),
    identifier: [{ system: 'http://hospital.example.org/procedures', value: random.digits(10) }],
    status: 'completed',
    code: concept(SNOMED, code, display),
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    performedPeriod: { start: dateTime(start), end: dateTime(end) },
    performer: [{ actor: reference(practitioner.resource, practitioner.title) }],
    location: reference(location.resource, location.name),
    ...(condition ? { reasonReference: [reference(condition)] } : {}),
  };
}

export function makeImmunization(random: Random, visit: Visit): Resource {
  const [code, display] = random.pick(VACCINES);
  const { patient, location, encounter, start } = visit;
  return {
    resourceType: 'Immunization',
    id: random.uuid(),
    status: 'completed',
    vaccineCode: concept(CVX, code, display),
    patient: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    occurrenceDateTime: dateTime(start),
    primarySource: true,
    location: reference(location.resource, location.name),
    lotNumber: `L${random.digits(7)}`,
    expirationDate: date(start + days(300)),
    site: concept(hl7('v3-ActSite'), 'LA', 'left arm'),
    doseQuantity: quantity('0.50', 'mL', 'mL'),
  };
}

/** Some of them hold the medication as a contained resource. */
export function makeMedicationRequest(
  random: Random,
  visit: Visit,
  condition: Resource | undefined,
): Resource {
  const [code, display] = random.pick(MEDICATIONS);
  const { patient, practitioner, encounter, start } = visit;
  const medication: Element = random.chance(0.4)
    ? {
        contained: [
          {
            resourceType: 'Medication',
            id: 'med',
            identifier: [{ system: 'http://pharmacy.example.org/stock', value: random.digits(9) }],
            code: concept(RXNORM, code, display),
            batch: { lotNumber: `B${random.digits(6)}`, expirationDate: date(start + days(700)) },
          },
        ],
        medicationReference: { reference: '#med', display },
      }
    : { medicationCodeableConcept: concept(RXNORM, code, display) };
  const { contained, ...rest } = medication;
  return {
    resourceType: 'MedicationRequest',
    id: random.uuid(),
    ...(contained === undefined ? {} : { contained }),
    status: random.pick(['active', 'stopped', 'completed']),
    intent: 'order',
    ...rest,
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    authoredOn: dateTime(start),
    requester: reference(practitioner.resource, practitioner.title),
    ...(condition ? { reasonReference: [reference(condition)] } : {}),
    note: [{ text: `${patient.name.given[0]} prefers tablets to capsules.` }],
    dosageInstruction: [
      {
        sequence: 1,
        text: 'One tablet in the morning',
        timing: {
          repeat: { frequency: 1, period: decimal('1.0'), periodUnit: 'd', timeOfDay: ['08:00:00'] },
        },
        asNeededBoolean: false,
        doseAndRate: [{ doseQuantity: { value: decimal('1.0') } }],
      },
    ],
  };
}

function observation(
  random: Random,
  visit: Visit,
  category: string,
  code: string,
  display: string,
): Resource {
  const { patient, practitioner, encounter, start } = visit;
  return {
    resourceType: 'Observation',
    id: random.uuid(),
    status: 'final',
    category: [concept(hl7('observation-category'), category)],
    code: concept(LOINC, code, display),
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    effectiveDateTime: dateTime(start),
    issued: instant(start + random.int(1, 999)),
    performer: [reference(practitioner.resource, practitioner.title)],
  };
}

/** A number with exactly so many decimal places, trailing zeros included. */
function between(random: Random, low: number, high: number, places: number): string {
  return (low + random.next() * (high - low)).toFixed(places);
}
