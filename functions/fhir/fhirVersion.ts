/** FHIR versions the engine knows. */
export const FHIR_VERSIONS = ['STU3', 'R4', 'R4B', 'R5'] as const;
export type FhirVersion = (typeof FHIR_VERSIONS)[number];
