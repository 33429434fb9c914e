/** A search parameter of one resource type: `path` is its element, without type suffixes of choices. */
export interface SearchParameter {
  type: 'reference' | 'token';
  paths: ReadonlyArray<readonly string[]>;
}

/**
 * Per resource type, the reference parameters that the R4 patient compartment is made of, and a few token
 * parameters. `patient` is `subject` where the element is `subject`. Names and elements are R4's.
 */
const REFERENCES: Record<string, Record<string, string>> = {
  Account: { subject: 'subject' },
  AdverseEvent: { subject: 'subject' },
  AllergyIntolerance: { patient: 'patient', recorder: 'recorder', asserter: 'asserter' },
  Appointment: { actor: 'participant.actor', patient: 'participant.actor' },
  AppointmentResponse: { actor: 'actor', patient: 'actor' },
  AuditEvent: { patient: 'agent.who entity.what', agent: 'agent.who', entity: 'entity.what' },
  Basic: { patient: 'subject', subject: 'subject', author: 'author' },
  BodyStructure: { patient: 'patient' },
  CarePlan: { patient: 'subject', subject: 'subject', performer: 'activity.detail.performer' },
  CareTeam: { patient: 'subject', subject: 'subject', participant: 'participant.member' },
  ChargeItem: { patient: 'subject', subject: 'subject' },
  Claim: { patient: 'patient', payee: 'payee.party' },
  ClaimResponse: { patient: 'patient' },
  ClinicalImpression: { patient: 'subject', subject: 'subject' },
  Communication: { patient: 'subject', subject: 'subject', sender: 'sender', recipient: 'recipient' },
  CommunicationRequest: {
    patient: 'subject',
    subject: 'subject',
    sender: 'sender',
    recipient: 'recipient',
    requester: 'requester',
  },
  Composition: { patient: 'subject', subject: 'subject', author: 'author', attester: 'attester.party' },
  Condition: { patient: 'subject', subject: 'subject', asserter: 'asserter' },
  Consent: { patient: 'patient' },
  Coverage: {
    patient: 'beneficiary',
    beneficiary: 'beneficiary',
    'policy-holder': 'policyHolder',
    subscriber: 'subscriber',
    payor: 'payor',
  },
  CoverageEligibilityRequest: { patient: 'patient' },
  CoverageEligibilityResponse: { patient: 'patient' },
  DetectedIssue: { patient: 'patient' },
  Device: { patient: 'patient' },
  DeviceRequest: { patient: 'subject', subject: 'subject', performer: 'performer' },
  DeviceUseStatement: { patient: 'subject', subject: 'subject' },
  DiagnosticReport: { patient: 'subject', subject: 'subject' },
  DocumentManifest: { patient: 'subject', subject: 'subject', author: 'author', recipient: 'recipient' },
  DocumentReference: { patient: 'subject', subject: 'subject', author: 'author' },
  Encounter: { patient: 'subject', subject: 'subject' },
  EnrollmentRequest: { patient: 'candidate', subject: 'candidate' },
  EpisodeOfCare: { patient: 'patient' },
  ExplanationOfBenefit: { patient: 'patient', payee: 'payee.party' },
  FamilyMemberHistory: { patient: 'patient' },
  Flag: { patient: 'subject', subject: 'subject' },
  Goal: { patient: 'subject', subject: 'subject' },
  Group: { member: 'member.entity' },
  ImagingStudy: { patient: 'subject', subject: 'subject' },
  Immunization: { patient: 'patient' },
  ImmunizationEvaluation: { patient: 'patient' },
  ImmunizationRecommendation: { patient: 'patient' },
  Invoice: { patient: 'subject', subject: 'subject', recipient: 'recipient' },
  List: { patient: 'subject', subject: 'subject', source: 'source' },
  MeasureReport: { patient: 'subject', subject: 'subject' },
  Media: { patient: 'subject', subject: 'subject' },
  MedicationAdministration: { patient: 'subject', subject: 'subject', performer: 'performer.actor' },
  MedicationDispense: { patient: 'subject', subject: 'subject', receiver: 'receiver' },
  MedicationRequest: { patient: 'subject', subject: 'subject' },
  MedicationStatement: { patient: 'subject', subject: 'subject' },
  MolecularSequence: { patient: 'patient' },
  NutritionOrder: { patient: 'patient' },
  Observation: { patient: 'subject', subject: 'subject', performer: 'performer' },
  Patient: {
    link: 'link.other',
    'general-practitioner': 'generalPractitioner',
    organization: 'managingOrganization',
  },
  Person: { patient: 'link.target', link: 'link.target' },
  Procedure: { patient: 'subject', subject: 'subject', performer: 'performer.actor' },
  Provenance: { patient: 'target', target: 'target', agent: 'agent.who' },
  QuestionnaireResponse: { patient: 'subject', subject: 'subject', author: 'author' },
  RelatedPerson: { patient: 'patient' },
  RequestGroup: { patient: 'subject', subject: 'subject', participant: 'action.participant' },
  ResearchSubject: { patient: 'individual', individual: 'individual' },
  RiskAssessment: { patient: 'subject', subject: 'subject' },
  Schedule: { actor: 'actor' },
  ServiceRequest: { patient: 'subject', subject: 'subject', performer: 'performer' },
  Specimen: { patient: 'subject', subject: 'subject' },
  SupplyDelivery: { patient: 'patient' },
  SupplyRequest: { subject: 'deliverTo', requester: 'requester' },
  Task: { patient: 'for', subject: 'for', owner: 'owner', requester: 'requester' },
  VisionPrescription: { patient: 'patient' },
};

const TOKENS: Record<string, Record<string, string>> = {
  AllergyIntolerance: { code: 'code', 'clinical-status': 'clinicalStatus' },
  Appointment: { status: 'status' },
  CarePlan: { status: 'status', category: 'category' },
  Claim: { status: 'status', use: 'use' },
  Condition: { code: 'code', category: 'category', 'clinical-status': 'clinicalStatus' },
  Coverage: { status: 'status', type: 'type' },
  DiagnosticReport: { status: 'status', code: 'code', category: 'category' },
  DocumentReference: { status: 'status', type: 'type' },
  Encounter: { status: 'status', class: 'class', type: 'type' },
  ExplanationOfBenefit: { status: 'status' },
  Group: { type: 'type', code: 'code' },
  Immunization: { status: 'status', 'vaccine-code': 'vaccineCode' },
  MedicationRequest: { status: 'status', intent: 'intent', code: 'medication' },
  Observation: { status: 'status', code: 'code', category: 'category' },
  Patient: { gender: 'gender', active: 'active' },
  Procedure: { status: 'status', code: 'code' },
};

/** The search parameters of a resource type besides those of every type. */
export function searchParametersOf(resourceType: string): ReadonlyMap<string, SearchParameter> {
  return new Map([
    ...entriesOf('reference', REFERENCES[resourceType]),
    ...entriesOf('token', TOKENS[resourceType]),
  ]);
}

function entriesOf(
  type: SearchParameter['type'],
  parameters: Record<string, string> = {},
): [string, SearchParameter][] {
  return Object.entries(parameters).map(([name, paths]) => [
    name,
    { type, paths: paths.split(' ').map((path) => path.split('.')) },
  ]);
}
