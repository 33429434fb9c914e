import { remembered } from '../common/maps.js';
import type { FhirVersion } from './fhirVersion.js';

/** A search parameter that puts resources into the compartments of the patients that its elements refer to. */
export interface CompartmentLink {
  parameter: string;
  /** Names of the elements from the resource down to the Reference, as they are in JSON. */
  paths: ReadonlyArray<readonly string[]>;
}

/**
 * The Patient compartment of the FHIR versions (CompartmentDefinition/patient, and the SearchParameters it names), a
 * resource type a line: search parameters, each with the elements it looks at where they have another name. Types
 * without a link to patients are in no compartment. Left out are STU3's chains (`agent.patient` of AuditEvent,
 * `target.patient` of Provenance), which no resource alone shows. Added is `Device.patient`: by the definition a Device is
 * in no compartment, although it may be in its patient.
 */
const COMMON = `
Account subject
AdverseEvent subject
Appointment actor=participant.actor
AppointmentResponse actor
Basic patient=subject author
CareTeam patient=subject participant=participant.member
ChargeItem subject
Claim patient payee=payee.party
ClaimResponse patient
ClinicalImpression subject
Communication subject sender recipient
Composition subject author attester=attester.party
DiagnosticReport subject
DocumentReference subject author
Encounter patient=subject
EpisodeOfCare patient
ExplanationOfBenefit patient payee=payee.party
FamilyMemberHistory patient
Flag patient=subject
Goal patient=subject
Group member=member.entity
Immunization patient
ImmunizationRecommendation patient
List subject source
MedicationDispense subject patient=subject receiver
MedicationRequest subject
MedicationStatement subject
Observation subject performer
Patient link=link.other
Person patient=link.target
Procedure patient=subject performer=performer.actor
QuestionnaireResponse subject author
RelatedPerson patient
RiskAssessment subject
Schedule actor
Specimen subject
SupplyDelivery patient
VisionPrescription patient
`;

/** The same in STU3 and R4. */
const STU3_AND_R4 = `
AllergyIntolerance patient recorder asserter
CarePlan patient=subject performer=activity.detail.performer
Condition patient=subject asserter
Consent patient
Coverage policy-holder=policyHolder subscriber beneficiary payor
DetectedIssue patient
Device patient
DeviceUseStatement subject
DocumentManifest subject author recipient
Media subject
MedicationAdministration patient=subject performer=performer.actor subject
NutritionOrder patient
Provenance patient=target
RequestGroup subject participant=action.participant
ResearchSubject individual
`;

/** The same in R4 and R5. */
const R4_AND_R5 = `
BodyStructure patient
CoverageEligibilityRequest patient
CoverageEligibilityResponse patient
EnrollmentRequest subject=candidate
ImagingStudy patient=subject
ImmunizationEvaluation patient
Invoice subject patient=subject recipient
MeasureReport patient=subject
ServiceRequest subject performer
SupplyRequest subject=deliverTo
`;

/** What is of one version, or differs in it. */
const STU3 = `
AuditEvent patient=agent.reference,entity.reference
BodySite patient
CommunicationRequest subject sender recipient requester=requester.agent
DeviceRequest subject requester=requester.agent performer
EligibilityRequest patient
EnrollmentRequest subject
ImagingManifest patient author
ImagingStudy patient
MeasureReport patient
ProcedureRequest subject performer
ReferralRequest patient=subject requester=requester.agent
SupplyRequest requester=requester.agent
`;

/** R4B's is the same. */
const R4 = `
AuditEvent patient=agent.who,entity.what
CommunicationRequest subject sender recipient requester
DeviceRequest subject performer
MolecularSequence patient
`;

const R5 = `
AllergyIntolerance patient participant=participant.actor
AuditEvent patient
BiologicallyDerivedProductDispense patient
CarePlan patient=subject
CommunicationRequest subject information-provider=informationProvider recipient requester
Condition patient=subject participant-actor=participant.actor
Consent subject
Contract patient=subject
Coverage policy-holder=policyHolder subscriber beneficiary paymentby-party=paymentBy.party
DetectedIssue patient=subject
DeviceAssociation subject operator=operation.operator
DeviceRequest subject performer=performer.reference
DeviceUsage patient
EncounterHistory patient=subject
GenomicStudy patient=subject
GuidanceResponse patient=subject
ImagingSelection patient=subject
MedicationAdministration patient=subject subject
MolecularSequence subject
NutritionIntake subject source=reportedReference
NutritionOrder patient=subject
Provenance patient
RequestOrchestration subject participant=action.participant.actorReference
ResearchSubject subject
Task patient=for focus
`;

const OF_R4 = `${STU3_AND_R4}${R4_AND_R5}${R4}`;
const TABLES: Record<FhirVersion, string> = {
  STU3: `${STU3_AND_R4}${STU3}`,
  R4: OF_R4,
  R4B: OF_R4,
  R5: `${R4_AND_R5}${R5}`,
};

/** Elements that name the patient of a resource, and yet put it into no compartment by the definition. */
const OUTSIDE_R4 = `
Contract subject
GuidanceResponse subject
Task for
`;
const OUTSIDE: Record<FhirVersion, string> = {
  STU3: `${OUTSIDE_R4}Sequence patient`,
  R4: OUTSIDE_R4,
  R4B: OUTSIDE_R4,
  R5: `
Appointment subject
DeviceDispense subject
`,
};

const compartments = new Map<FhirVersion, ReadonlyMap<string, readonly CompartmentLink[]>>();

/**
 * The linking search parameters of every resource type that can be in a Patient compartment. A Patient is in its own
 * compartment besides.
 */
export function patientCompartment(version: FhirVersion): ReadonlyMap<string, readonly CompartmentLink[]> {
  return remembered(compartments, version, () => new Map(readTable(`${COMMON}${TABLES[version]}`)));
}

/** What of a version names the patients of resources that by the definition are not in their compartments for it. */
export function outsideCompartment(
  version: FhirVersion,
): ReadonlyArray<readonly [type: string, links: readonly CompartmentLink[]]> {
  return readTable(OUTSIDE[version]);
}

function readTable(table: string): Array<readonly [string, CompartmentLink[]]> {
  return table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [type = '', ...links] = line.split(' ');
      return [type, links.map(readLink)] as const;
    });
}

function readLink(text: string): CompartmentLink {
  const [parameter = '', paths = parameter] = text.split('=');
  return { parameter, paths: paths.split(',').map((path) => path.split('.')) };
}
