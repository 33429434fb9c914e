/** How a primitive is written in JSON, and what is checked of it. */
export type PrimitiveKind = 'string' | 'boolean' | 'integer' | 'decimal' | 'date' | 'dateTime' | 'time';

/** A FHIR type: a primitive, a data type, a backbone element, or a resource. */
export interface FhirType {
  /** As FHIRPath sees it: `HumanName`, `date`, `BackboneElement`, `Patient`. */
  readonly name: string;
  /** Where it is defined: the name, or for a backbone element its path (`Patient.contact`). */
  readonly path: string;
  readonly isResource: boolean;
  /** Set for primitives. Their elements are `id` and `extension`. */
  readonly primitive: PrimitiveKind | null;
  /** Elements by JSON name (`valueQuantity`), in the order of the definition. */
  readonly elements: ReadonlyMap<string, FhirElement>;
}

/** An element of a type. */
export interface FhirElement {
  /** Name in JSON: `valueQuantity`. */
  readonly key: string;
  /** Name in FHIRPath: `value`. */
  readonly name: string;
  /** The type that it is an element of. */
  readonly parent: FhirType;
  /** Null for an element that holds any resource. */
  readonly type: FhirType | null;
  readonly repeats: boolean;
  /** Whether the type demands it; for a choice, one of its elements. */
  readonly isRequired: boolean;
  /** Allowed codes, for a `code` whose binding is required and whose value set is a short list. */
  readonly codes: ReadonlySet<string> | undefined;
  /** Path of its definition, safe to report: `HumanName.family`, `Patient.contact.name`. */
  readonly path: string;
}
