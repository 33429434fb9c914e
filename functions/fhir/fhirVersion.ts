/** FHIR versions the engine knows, with their numbers in a CapabilityStatement. */
export const FHIR_VERSION_NUMBERS = { STU3: '3.0.2', R4: '4.0.1', R4B: '4.3.0', R5: '5.0.0' } as const;

export type FhirVersion = keyof typeof FHIR_VERSION_NUMBERS;

export const FHIR_VERSIONS = Object.keys(FHIR_VERSION_NUMBERS) as readonly FhirVersion[];
