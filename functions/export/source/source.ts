/** Parameters of a search, in order, not yet encoded. */
export type SearchParameters = ReadonlyArray<readonly [name: string, value: string]>;

/** The source FHIR server, as the export needs it. Every failure is an ExportError. */
export interface Source {
  /** A search of one type, of any length. */
  search(type: string, parameters: SearchParameters): Promise<SourceAnswer>;
  /** A next link of an earlier answer; refused unless it leads to the source itself. */
  follow(url: string): Promise<SourceAnswer>;
  /** The history of a type: https://hl7.org/fhir/R4/http.html#history */
  typeHistory(type: string, parameters: SearchParameters): Promise<SourceAnswer>;
  /** One resource; `undefined` where the source has none of this id. */
  read(type: string, id: string): Promise<SourceAnswer | undefined>;
  /** The CapabilityStatement: https://hl7.org/fhir/R4/http.html#capabilities */
  capabilities(): Promise<SourceAnswer>;
}

export interface SourceAnswer {
  body: Buffer;
  /** Lets another answer have the memory of the body, once it is not read any more. */
  release?: () => void;
  /** The source's clock by its `Date` header, in milliseconds since the epoch. */
  date: number | undefined;
  /** Whether the search was in a form, so that a self link need not repeat it. */
  isForm?: boolean;
}
