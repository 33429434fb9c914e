import type { JsonObject, JsonValue } from './json.js';
import type { FhirModel } from './model/fhirModel.js';
import { isJsonObject } from './node.js';

/**
 * Elements that put a resource into a patient's compartment (FHIR, CompartmentDefinition/patient), of all versions:
 * a version that does not have one of them has nothing there.
 */
const COMPARTMENT: Readonly<Record<string, readonly string[]>> = {
  Account: ['subject'],
  AdverseEvent: ['subject'],
  AllergyIntolerance: ['patient', 'recorder', 'asserter', 'participant.actor'],
  Appointment: ['participant.actor', 'subject'],
  AppointmentResponse: ['actor'],
  AuditEvent: ['patient', 'agent.who', 'agent.reference', 'entity.what', 'entity.reference'],
  Basic: ['subject', 'author'],
  CarePlan: ['subject', 'activity.detail.performer', 'activity.performedActivity.reference'],
  CareTeam: ['subject', 'participant.member'],
  Claim: ['patient', 'payee.party'],
  Communication: ['subject', 'sender', 'recipient'],
  CommunicationRequest: ['subject', 'sender', 'informationProvider', 'recipient', 'requester'],
  Composition: ['subject', 'author', 'attester.party'],
  Condition: ['subject', 'asserter', 'participant.actor'],
  Consent: ['patient', 'subject'],
  Contract: ['subject', 'signer.party'],
  Coverage: ['policyHolder', 'subscriber', 'beneficiary', 'payor', 'insurer', 'paymentBy.party'],
  DeviceRequest: ['subject', 'performer'],
  DocumentManifest: ['subject', 'author', 'recipient'],
  DocumentReference: ['subject', 'author'],
  EnrollmentRequest: ['candidate', 'subject'],
  ExplanationOfBenefit: ['patient', 'payee.party'],
  Group: ['member.entity'],
  Invoice: ['subject', 'recipient'],
  List: ['subject', 'source'],
  MedicationAdministration: ['subject', 'performer.actor'],
  MedicationDispense: ['subject', 'receiver'],
  Observation: ['subject', 'performer'],
  Person: ['link.target'],
  Procedure: ['subject', 'performer.actor'],
  Provenance: ['target', 'patient'],
  QuestionnaireResponse: ['subject', 'author', 'source'],
  RequestGroup: ['subject', 'action.participant'],
  RequestOrchestration: ['subject', 'action.participant.actorReference'],
  ResearchSubject: ['individual', 'subject'],
  Schedule: ['actor'],
  ServiceRequest: ['subject', 'performer'],
};

/** Where the patient of any other resource stands. */
const USUAL = ['patient', 'subject'];

const PATIENT =
  /^(?:https?:\/\/[^?#]*\/)?Patient\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

/**
 * The id of the one patient whose compartment a resource is in, read from the resource as it came; null where there
 * is none, or more than one. A Patient is its own. A reference counts if it names the patient by type and id.
 */
export function patientOf(resource: JsonObject): string | null {
  const patients = patientsOf(resource);
  const [patient] = patients;
  return patients.size === 1 && patient !== undefined ? patient : null;
}

/** The ids of all patients whose compartments a resource is in, told in the same way. */
export function patientsOf(resource: JsonObject): ReadonlySet<string> {
  const type = resource['resourceType'];
  const patients = new Set<string>();
  if (typeof type !== 'string') return patients;
  if (type === 'Patient') {
    const id = resource['id'];
    if (typeof id === 'string' && id !== '') patients.add(id);
    return patients;
  }
  const paths = Object.hasOwn(COMPARTMENT, type) ? (COMPARTMENT[type] ?? USUAL) : USUAL;
  for (const path of paths) collect(resource, path.split('.'), patients);
  return patients;
}

/** Whether resources of a type can be in a patient's compartment. */
export function mayBeOfPatient(type: string, model: Pick<FhirModel, 'targets'>): boolean {
  return (
    type === 'Patient' ||
    Object.hasOwn(COMPARTMENT, type) ||
    USUAL.some((name) => model.targets(`${type}.${name}`).includes('Patient'))
  );
}

function collect(json: JsonValue | undefined, names: readonly string[], into: Set<string>): void {
  if (Array.isArray(json)) {
    for (const item of json) collect(item, names, into);
    return;
  }
  if (!isJsonObject(json)) return;
  const [name, ...rest] = names;
  if (name !== undefined) {
    if (Object.hasOwn(json, name)) collect(json[name], rest, into);
    return;
  }
  const reference = json['reference'];
  const id = typeof reference === 'string' ? PATIENT.exec(reference)?.[1] : undefined;
  if (id !== undefined) into.add(id);
}
