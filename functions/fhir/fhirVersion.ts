/** FHIR versions the engine knows. */
export type FhirVersion = 'STU3' | 'R4' | 'R4B' | 'R5';
