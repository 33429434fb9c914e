import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { Element } from './element.js';

/**
 * What is otherwise than in R4, for the elements that the sample has; R4B has them as R4. A row is the path of an
 * element in R4, and what becomes of it, in steps:
 *
 *     -          it is left out            =name      it has another name
 *     list       a list of it              first      the first of a list
 *     in:name    each is in an element     all:name   the whole list is in an element
 *     of:name    an element of each        code       the code of a CodeableConcept
 *     +value     added where it is absent  a>b        another code
 */
const DIFFERENCES: Readonly<Record<FhirVersion, string>> = {
  R4: '',
  R4B: '',
  STU3: `
    *.meta.source -
    AllergyIntolerance.clinicalStatus code
    AllergyIntolerance.verificationStatus code
    AllergyIntolerance.recordedDate =assertedDate
    Appointment.patientInstruction -
    CareTeam.participant.role first
    CareTeam.telecom -
    Claim.use claim>complete
    Claim.item.productOrService =service
    Claim.total.currency =code
    Claim.total.system +urn:iso:std:iso:4217
    Condition.clinicalStatus code
    Condition.verificationStatus code
    Condition.encounter =context
    Condition.recordedDate =assertedDate
    Condition.recorder =asserter
    Coverage.class -
    Device.udiCarrier -
    Device.distinctIdentifier -
    Device.serialNumber -
    Device.deviceName -
    DiagnosticReport.category first
    DiagnosticReport.encounter =context
    DiagnosticReport.performer in:actor
    DocumentReference.category -
    DocumentReference.date =indexed
    DocumentReference.context.encounter first
    Encounter.reasonReference -
    ExplanationOfBenefit.use -
    ExplanationOfBenefit.outcome in:text
    ExplanationOfBenefit.insurance first
    ExplanationOfBenefit.insurance.focal -
    ExplanationOfBenefit.item.productOrService =service
    ExplanationOfBenefit.item.net.currency =code
    ExplanationOfBenefit.item.net.system +urn:iso:std:iso:4217
    ExplanationOfBenefit.item.adjudication.amount.currency =code
    ExplanationOfBenefit.item.adjudication.amount.system +urn:iso:std:iso:4217
    ExplanationOfBenefit.total -
    ExplanationOfBenefit.payment.amount.currency =code
    ExplanationOfBenefit.payment.amount.system +urn:iso:std:iso:4217
    Immunization.occurrenceDateTime =date
    Immunization.notGiven +false
    Immunization.primarySource +true
    Location.hoursOfOperation -
    Medication.identifier -
    Medication.batch -
    MedicationRequest.encounter =context
    MedicationRequest.requester in:agent
    MedicationRequest.dosageInstruction.doseAndRate -
    Observation.encounter =context
    Observation.note first of:text =comment
    Procedure.encounter =context
    Provenance.agent.type list =role
    Provenance.agent.who =whoReference
    Provenance.signature.who =whoReference
    Provenance.signature.sigFormat =contentType
    Provenance.signature.data =blob
    QuestionnaireResponse.encounter =context
    RelatedPerson.relationship first
    ServiceRequest.resourceType ServiceRequest>ReferralRequest
    ServiceRequest.requester in:agent
    ServiceRequest.performer =recipient`,
  R5: `
    AllergyIntolerance.type in:text
    AllergyIntolerance.recorder in:actor list =participant
    AllergyIntolerance.reaction.manifestation in:concept
    Appointment.serviceType in:concept
    Appointment.comment in:text list =note
    Appointment.patientInstruction in:text in:concept list
    CarePlan.activity -
    CareTeam.participant.role first
    Condition.recorder in:actor list =participant
    Coverage.kind +insurance
    Coverage.subscriberId in:value list
    Coverage.payor first =insurer
    Coverage.class.value in:value
    Device.distinctIdentifier -
    Device.deviceName =name
    Device.deviceName.name =value
    Device.deviceName.type model-name>user-friendly-name
    Device.type list
    Device.patient -
    DocumentReference.masterIdentifier -
    DocumentReference.content.format in:valueCoding list =profile
    DocumentReference.context of:encounter
    Encounter.status finished>completed
    Encounter.class list all:coding list
    Encounter.participant.individual =actor
    Encounter.period =actualPeriod
    Encounter.diagnosis.condition in:reference list
    Encounter.diagnosis.rank -
    Encounter.reasonReference in:reference all:value list =reason
    Group.actual -
    Group.membership +enumerated
    Location.telecom all:telecom list =contact
    Location.hoursOfOperation -
    MedicationRequest.medicationCodeableConcept in:concept =medication
    MedicationRequest.medicationReference in:reference =medication
    MedicationRequest.dosageInstruction.asNeededBoolean =asNeeded
    MedicationRequest.reasonReference in:reference =reason
    Observation.valueSampledData.period =interval
    Observation.valueSampledData.intervalUnit +ms
    Organization.telecom -
    Organization.address -
    Organization.contact.name list
    PractitionerRole.telecom all:telecom list =contact
    PractitionerRole.availableTime -
    PractitionerRole.availabilityExceptions -
    Procedure.performedPeriod =occurrencePeriod
    Procedure.reasonReference in:reference =reason
    QuestionnaireResponse.questionnaire +http://hospital.example.org/Questionnaire/intake`,
};

/** Makes a resource of R4 one of another version, by what is otherwise there. */
export function converterTo(version: FhirVersion): (resource: Element) => Element {
  const rows = new Map(
    DIFFERENCES[version]
      .trim()
      .split('\n')
      .map((row) => row.trim().split(' '))
      .map(([path = '', ...steps]) => [path, steps]),
  );
  const added = new Map<string, [name: string, value: unknown][]>();
  for (const [path, [step = '']] of rows) {
    if (!step.startsWith('+')) continue;
    const dot = path.lastIndexOf('.');
    const text = step.slice(1);
    const value = text === 'true' || text === 'false' ? text === 'true' : text;
    const parent = path.slice(0, dot);
    added.set(parent, [...(added.get(parent) ?? []), [path.slice(dot + 1), value]]);
  }
  return rows.size > 1 ? (resource) => converted(resource, String(resource['resourceType'])) : (same) => same;

  function converted(element: Element, path: string): Element {
    const result: Element = {};
    for (const [name, value] of Object.entries(element)) {
      const at = `${path}.${name}`;
      const steps = rows.get(at) ?? rows.get(at.replace(/^\w+/, '*')) ?? [];
      if (steps[0] === '-') continue;
      const renamed = steps.find((step) => step.startsWith('='))?.slice(1) ?? name;
      result[renamed] = steps.reduce(applied, inner(value, at));
    }
    for (const [name, value] of added.get(path) ?? []) result[name] ??= value;
    return result;
  }

  function inner(value: unknown, path: string): unknown {
    if (Array.isArray(value)) return value.map((item) => inner(item, path));
    if (typeof value !== 'object' || value === null) return value;
    const type = (value as Element)['resourceType'];
    return converted(value as Element, typeof type === 'string' ? type : path);
  }
}

function applied(value: unknown, step: string): unknown {
  const each = (change: (item: unknown) => unknown): unknown =>
    Array.isArray(value) ? value.map(change) : change(value);
  const [operation, name = ''] = step.split(':');
  switch (operation) {
    case 'list':
      return [value];
    case 'first':
      return Array.isArray(value) ? value[0] : value;
    case 'in':
      return each((item) => ({ [name]: item }));
    case 'all':
      return { [name]: value };
    case 'of':
      return each((item) => (item as Element)[name]);
    case 'code':
      return (value as { coding: { code: unknown }[] }).coding[0]?.code;
    default: {
      const [from, to] = step.split('>');
      return to !== undefined && value === from ? to : value;
    }
  }
}
