/** Version of the app and of the engine in it: that of the package, which a test checks. */
export const VERSION = '0.1.0';

/**
 * When this version was made: it changes with the version, as `CapabilityStatement.date` has to
 * (https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.date).
 */
export const RELEASED = '2026-11-25';
