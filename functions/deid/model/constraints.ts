/** What has to be together in an object of some types, besides required elements: invariants of the specification. */
export interface Constraint {
  /** Its key in the specification, for reports. */
  readonly key: string;
  /** Types by the path of their definition. */
  readonly types: readonly string[];
  /** It holds only beside this element; always without. */
  readonly beside?: string;
  /** Elements of which one has to be there; choices without their type. */
  readonly oneOf: readonly string[];
  /**
   * What becomes of an object that lacks them. `removed`: it says nothing without them. `masked`: the first of them that
   * was taken away is marked as masked.
   */
  readonly without: 'removed' | 'masked';
  /** Whether FHIR allows an object without them, always or beside some codes: it is not reported as not valid. */
  readonly isOwn?: true;
}

const QUANTITIES = ['Quantity', 'Age', 'Count', 'Distance', 'Duration', 'SimpleQuantity', 'MoneyQuantity'];

/** Key, type, and elements of which one has to be there: the first that was taken away is marked as masked. */
const ONE_OF: readonly (readonly [key: string, path: string, ...oneOf: string[]])[] = [
  ['app-1', 'Appointment.participant', 'type', 'actor'],
  ['apr-1', 'AppointmentResponse', 'participantType', 'actor'],
  ['ces-1', 'CoverageEligibilityResponse.insurance.item', 'category', 'productOrService'],
  ['con-1', 'Condition.stage', 'summary', 'assessment'],
  ['con-2', 'Condition.evidence', 'code', 'detail'],
  ['cpb-2', 'CapabilityStatement', 'description', 'software', 'implementation'],
  ['drq-1', 'DataRequirement.codeFilter', 'path', 'searchParam'],
  ['drq-2', 'DataRequirement.dateFilter', 'path', 'searchParam'],
  ['exp-1', 'Expression', 'expression', 'reference'],
  ['imm-1', 'Immunization.education', 'documentType', 'reference'],
  ['imr-1', 'ImmunizationRecommendation.recommendation', 'vaccineCode', 'targetDisease'],
  ['ipn-1', 'InsurancePlan', 'identifier', 'name'],
  ['mad-1', 'MedicationAdministration.dosage', 'dose', 'rate'],
  ['mrp-2', 'MeasureReport.group.stratifier.stratum', 'value', 'component'],
  ['obs-3', 'Observation.referenceRange', 'low', 'high', 'text'],
  ['org-1', 'Organization', 'identifier', 'name'],
  ['pat-1', 'Patient.contact', 'name', 'telecom', 'address', 'organization'],
  ['ppc-1', 'Consent', 'policy', 'policyRule'],
  ['vsd-1', 'ValueSet.compose.include', 'valueSet', 'system'],
  ['vsd-6', 'ValueSet.expansion.contains', 'code', 'display'],
];

/** Key, type, an element, and another one that has to be there beside it. */
const BESIDE: readonly (readonly [key: string, path: string, beside: string, needed: string])[] = [
  ['age-1', 'Age', 'value', 'code'],
  ['app-2', 'Appointment', 'start', 'end'],
  ['app-2', 'Appointment', 'end', 'start'],
  ['att-1', 'Attachment', 'data', 'contentType'],
  ['cnt-3', 'Count', 'value', 'code'],
  ['cpt-2', 'ContactPoint', 'value', 'system'],
  ['dis-1', 'Distance', 'value', 'code'],
  ['drt-1', 'Duration', 'code', 'value'],
  ['gol-1', 'Goal.target', 'detail', 'measure'],
  ['msq-5', 'MolecularSequence.referenceSeq', 'chromosome', 'genomeBuild'],
  ['msq-5', 'MolecularSequence.referenceSeq', 'genomeBuild', 'chromosome'],
  ['rat-1', 'Ratio', 'numerator', 'denominator'],
  ['rat-1', 'Ratio', 'denominator', 'numerator'],
  ['seq-5', 'Sequence.referenceSeq', 'chromosome', 'genomeBuild'],
  ['seq-5', 'Sequence.referenceSeq', 'genomeBuild', 'chromosome'],
  ['tim-1', 'Timing.repeat', 'duration', 'durationUnit'],
  ['tim-2', 'Timing.repeat', 'period', 'periodUnit'],
  ['tim-6', 'Timing.repeat', 'periodMax', 'period'],
  ['tim-7', 'Timing.repeat', 'durationMax', 'duration'],
  ['tim-8', 'Timing.repeat', 'countMax', 'count'],
  ['tim-9', 'Timing.repeat', 'offset', 'when'],
  ['vsd-10', 'ValueSet.expansion.contains', 'code', 'system'],
];

/**
 * The constraints that taking elements away can break, as far as they can be said of one object's elements. Extensions cannot be marked as masked: an extension's `url` is
 * no element in XML, and a narrative's `div` has no extensions (FHIR R4, sections 2.5 and 2.4).
 */
export const CONSTRAINTS: readonly Constraint[] = [
  { key: 'url', types: ['Extension'], oneOf: ['url'], without: 'removed' },
  { key: 'ext-1', types: ['Extension'], oneOf: ['value', 'extension'], without: 'removed' },
  { key: 'div', types: ['Narrative'], oneOf: ['div'], without: 'removed' },
  {
    key: 'reference',
    types: ['Reference'],
    oneOf: ['reference', 'identifier', 'display', 'extension'],
    without: 'removed',
    isOwn: true,
  },
  { key: 'bdl-5', types: ['Bundle.entry'], oneOf: ['resource', 'request', 'response'], without: 'removed' },
  { key: 'cmp-1', types: ['Composition.section'], oneOf: ['text', 'entry', 'section'], without: 'removed' },
  { key: 'qty-3', types: QUANTITIES, beside: 'code', oneOf: ['system'], without: 'masked' },
  ...ONE_OF.map(([key, path, ...oneOf]): Constraint => ({ key, types: [path], oneOf, without: 'masked' })),
  ...BESIDE.map(([key, path, beside, needed]): Constraint => ({
    key,
    types: [path],
    beside,
    oneOf: [needed],
    without: 'masked',
  })),
  // Not beside a verificationStatus of entered-in-error; con-3 is a warning in R4.
  { key: 'ait-1', types: ['AllergyIntolerance'], oneOf: ['clinicalStatus'], without: 'masked', isOwn: true },
  { key: 'con-3', types: ['Condition'], oneOf: ['clinicalStatus'], without: 'masked', isOwn: true },
];
