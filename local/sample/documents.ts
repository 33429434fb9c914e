import { hl7, LOINC } from './codes.js';
import { coding, concept, date, dateTime, instant, reference, type Resource } from './element.js';
import { narrative } from './patient.js';
import type { Random } from './random.js';
import type { Visit } from './visit.js';

const NOTE_TYPE = {
  coding: [
    coding(LOINC, '34117-2', 'History and physical note'),
    coding(LOINC, '51847-2', 'Evaluation + Plan note'),
  ],
};

/** A clinical note full of what identifies the patient. */
export function noteText(
  { patient, practitioner, hospital, start, reason }: Visit,
  condition: Resource | undefined,
): string {
  const first = patient.name.given[0];
  return [
    `${date(start)} ${hospital.name}`,
    `Patient: ${patient.name.full} (${patient.recordNumber}), born ${date(patient.birth)}`,
    '',
    '# Reason for the visit',
    `${reason}. ${first} arrived by car with a relative.`,
    '',
    '# History',
    `${first} has been coming to us for years and is well known to ${practitioner.title}. No change of address.`,
    'Sleeps well, walks daily, does not smoke. Takes all medication as prescribed.',
    '',
    '# Assessment and plan',
    condition ? `Known condition, stable; see the problem list.` : 'No new findings today.',
    `${first} will call if anything changes. Signed electronically by ${practitioner.title}.`,
  ].join('\n');
}

export function makeNoteReport(random: Random, visit: Visit, note: string): Resource {
  return {
    ...report(random, visit, 'LAB'),
    category: [NOTE_TYPE],
    code: NOTE_TYPE,
    presentedForm: [{ contentType: 'text/plain; charset=utf-8', data: base64(note) }],
  };
}

export function makeLaboratoryReport(random: Random, visit: Visit, results: readonly Resource[]): Resource {
  const { patient } = visit;
  return {
    ...report(random, visit, 'LAB'),
    text: narrative(`Results of ${patient.name.full}, ${results.length} values`),
    identifier: [{ system: 'http://laboratory.example.org/accession', value: `ACC-${random.digits(8)}` }],
    code: concept(LOINC, '11502-2', 'Laboratory report'),
    result: results.map((result) => reference(result)),
    conclusion: `Nothing that should worry ${patient.name.full}.`,
  };
}

export function makeDocument(random: Random, visit: Visit, note: string): Resource {
  const { patient, practitioner, encounter, hospital, start, end } = visit;
  const data = base64(note);
  return {
    resourceType: 'DocumentReference',
    id: random.uuid(),
    masterIdentifier: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${random.uuid()}` },
    status: 'current',
    docStatus: 'final',
    type: NOTE_TYPE,
    category: [
      concept('http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category', 'clinical-note'),
    ],
    subject: reference(patient.resource, patient.name.full),
    date: instant(end),
    author: [reference(practitioner.resource, practitioner.title)],
    custodian: reference(hospital.organization, hospital.name),
    description: `Note about ${patient.name.full}`,
    content: [
      {
        attachment: {
          contentType: 'text/plain; charset=utf-8',
          data,
          url: `https://documents.example.org/${patient.recordNumber}/${random.digits(6)}`,
          title: `${patient.name.full} ${date(start)}`,
          creation: dateTime(end),
        },
        format: coding(
          'http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem',
          'urn:ihe:iti:xds:2017:mimeTypeSufficient',
        ),
      },
    ],
    context: {
      encounter: [reference(encounter)],
      period: { start: dateTime(start), end: dateTime(end) },
      sourcePatientInfo: reference(patient.resource),
    },
  };
}

export function makeQuestionnaireResponse(random: Random, visit: Visit): Resource {
  const { patient, encounter, end } = visit;
  return {
    resourceType: 'QuestionnaireResponse',
    id: random.uuid(),
    status: 'completed',
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    authored: dateTime(end),
    source: reference(patient.resource),
    item: [
      {
        linkId: '1',
        text: 'Whom may we call?',
        answer: [{ valueString: `${patient.name.given[0]}'s sister` }],
      },
      {
        linkId: '2',
        text: 'How many stairs do you climb a day?',
        answer: [{ valueInteger: random.int(0, 300) }],
      },
      { linkId: '3', text: 'When did you last travel?', answer: [{ valueDate: date(visit.start) }] },
      {
        linkId: '4',
        text: 'Do you feel safe at home?',
        answer: [{ valueCoding: coding(hl7('v2-0136'), 'Y', 'Yes') }],
      },
    ],
  };
}

function report(random: Random, visit: Visit, section: string): Resource {
  const { patient, practitioner, encounter, start, end } = visit;
  return {
    resourceType: 'DiagnosticReport',
    id: random.uuid(),
    status: 'final',
    category: [concept(hl7('v2-0074'), section, 'Laboratory')],
    subject: reference(patient.resource, patient.name.full),
    encounter: reference(encounter),
    effectiveDateTime: dateTime(start),
    issued: instant(end),
    performer: [reference(practitioner.resource, practitioner.title)],
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
