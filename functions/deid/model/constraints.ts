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
  /** Whether it is our own: FHIR allows an object without them, but nothing is left of what it said. */
  readonly isOwn?: true;
}

const QUANTITIES = ['Quantity', 'Age', 'Count', 'Distance', 'Duration', 'SimpleQuantity', 'MoneyQuantity'];

/**
 * The constraints that taking elements away can break. Extensions cannot be marked as masked: an extension's `url` is
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
  {
    key: 'pat-1',
    types: ['Patient.contact'],
    oneOf: ['name', 'telecom', 'address', 'organization'],
    without: 'masked',
  },
  { key: 'obs-3', types: ['Observation.referenceRange'], oneOf: ['low', 'high', 'text'], without: 'masked' },
  { key: 'qty-3', types: QUANTITIES, beside: 'code', oneOf: ['system'], without: 'masked' },
  { key: 'cpt-2', types: ['ContactPoint'], beside: 'value', oneOf: ['system'], without: 'masked' },
  { key: 'tim-1', types: ['Timing.repeat'], beside: 'duration', oneOf: ['durationUnit'], without: 'masked' },
  { key: 'tim-2', types: ['Timing.repeat'], beside: 'period', oneOf: ['periodUnit'], without: 'masked' },
  { key: 'att-1', types: ['Attachment'], beside: 'data', oneOf: ['contentType'], without: 'masked' },
  { key: 'rat-1', types: ['Ratio'], beside: 'numerator', oneOf: ['denominator'], without: 'masked' },
  { key: 'rat-1', types: ['Ratio'], beside: 'denominator', oneOf: ['numerator'], without: 'masked' },
];
