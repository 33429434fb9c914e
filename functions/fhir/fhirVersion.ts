/** FHIR versions the engine knows. */
export const FHIR_VERSIONS = ['STU3', 'R4', 'R4B', 'R5'] as const;
export type FhirVersion = (typeof FHIR_VERSIONS)[number];

/** As a CapabilityStatement has them. */
export const FHIR_VERSION_NUMBERS = { STU3: '3.0.2', R4: '4.0.1', R4B: '4.3.0', R5: '5.0.0' } as const;
