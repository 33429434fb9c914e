import {
  EXTENSION_NAMES,
  FHIR_SYSTEM_NAMES,
  TERMINOLOGY_NAMES,
  US_CORE_NAMES,
  V2_TABLES,
  V3_SYSTEMS,
} from './publishedNames.js';

/** What a URI is of: an extension, or a system of codes or units. */
export const URI_KINDS = ['extensions', 'systems'] as const;
export type UriKind = (typeof URI_KINDS)[number];

/** In place of a URI that nobody has published: it may be anything. */
export const OTHER_URI = 'other';
/** In place of the URL of a part of an extension: a name that the extension around it defines. */
export const EXTENSION_PART = 'part';

/** URIs that others than HL7 have published, or HL7 elsewhere. https://terminology.hl7.org/external_terminologies.html */
const WELL_KNOWN: Readonly<Record<UriKind, string>> = {
  extensions: `
    http://fhir-registry.smarthealthit.org/StructureDefinition/capabilities
    http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris
    http://synthetichealth.github.io/synthea/disability-adjusted-life-years
    http://synthetichealth.github.io/synthea/quality-adjusted-life-years
    http://synthetichealth.github.io/synthea/utilization-encounters-extension
    http://synthetichealth.github.io/synthea/utilization-labs-extension
    http://synthetichealth.github.io/synthea/utilization-prescriptions-extension
    http://synthetichealth.github.io/synthea/utilization-procedures-extension
    https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory
    http://fhir.de/StructureDefinition/gender-amtlich-de`,
  systems: `
    http://cds-hooks.hl7.org/CodeSystem/indicator
    http://dicom.nema.org/resources/ontology/DCM
    http://fhir.de/CodeSystem/bfarm/alpha-id
    http://fhir.de/CodeSystem/bfarm/atc
    http://fhir.de/CodeSystem/bfarm/icd-10-gm
    http://fhir.de/CodeSystem/bfarm/ops
    http://fdasis.nlm.nih.gov
    http://hl7.org/fhir/ndfrt
    http://hl7.org/fhir/sid/cvx
    http://hl7.org/fhir/sid/icd-10
    http://hl7.org/fhir/sid/icd-10-cm
    http://hl7.org/fhir/sid/icd-9-cm
    http://hl7.org/fhir/sid/icf-nl
    http://hl7.org/fhir/sid/mvx
    http://hl7.org/fhir/sid/ndc
    http://hl7.org/fhir/us/core/CodeSystem/careplan-category
    http://hl7.org/fhir/us/core/CodeSystem/condition-category
    http://hl7.org/fhir/us/core/CodeSystem/us-core-category
    http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category
    http://hl7.org/fhir/us/core/CodeSystem/us-core-tags
    http://hl7.org/fhir/sid/ex-icd-10-procedures
    http://id.who.int/icd/release/11/mms
    http://loinc.org
    http://ncimeta.nci.nih.gov
    http://nucc.org/provider-taxonomy
    http://snomed.info/sct
    http://unitsofmeasure.org
    http://www.ada.org/cdt
    http://www.ada.org/snodent
    http://www.ama-assn.org/go/cpt
    http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets
    http://www.cms.gov/Medicare/Coding/ICD10
    http://www.genenames.org
    http://www.nlm.nih.gov/research/umls/rxnorm
    http://www.nubc.org/patient-discharge
    http://www.radlex.org
    http://www.whocc.no/atc
    https://bluebutton.cms.gov/resources/codesystem/adjudication
    https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/HospitalAcqCond/Coding
    https://www.usps.com/
    urn:ietf:bcp:13
    urn:ietf:bcp:47
    urn:iso-astm:E1762-95:2013
    urn:iso:std:iso:11073:10101
    urn:iso:std:iso:3166
    urn:iso:std:iso:3166:-2
    urn:iso:std:iso:4217
    urn:oid:2.16.840.1.113883.6.1
    urn:oid:2.16.840.1.113883.6.12
    urn:oid:2.16.840.1.113883.6.238
    urn:oid:2.16.840.1.113883.6.3
    urn:oid:2.16.840.1.113883.6.88
    urn:oid:2.16.840.1.113883.6.90
    urn:oid:2.16.840.1.113883.6.96
    urn:oid:2.16.840.1.113883.6.101
    urn:oid:2.16.840.1.113883.6.103
    urn:oid:2.16.840.1.113883.12.292`,
};

const words = (text: string): string[] => text.trim().split(/\s+/);
const below = (base: string, names: string): string[] => words(names).map((name) => base + name);

const PUBLISHED: Readonly<Record<UriKind, ReadonlySet<string>>> = {
  extensions: new Set([
    ...below('http://hl7.org/fhir/StructureDefinition/', EXTENSION_NAMES),
    ...below('http://hl7.org/fhir/us/core/StructureDefinition/', US_CORE_NAMES),
    ...words(WELL_KNOWN.extensions),
  ]),
  systems: new Set([
    ...below('http://hl7.org/fhir/', FHIR_SYSTEM_NAMES),
    ...below('http://hl7.org/fhir/', TERMINOLOGY_NAMES),
    ...below('http://terminology.hl7.org/CodeSystem/', TERMINOLOGY_NAMES),
    ...below('http://hl7.org/fhir/v2/', V2_TABLES),
    ...below('http://terminology.hl7.org/CodeSystem/v2-', V2_TABLES),
    ...below('http://hl7.org/fhir/v3/', V3_SYSTEMS),
    ...below('http://terminology.hl7.org/CodeSystem/v3-', V3_SYSTEMS),
    ...words(WELL_KNOWN.systems),
  ]),
};

/** A URI as a report may have it: as it is, where it is published; never any other text. */
export function reportedUri(kind: UriKind, text: string): string {
  if (PUBLISHED[kind].has(text)) return text;
  return kind === 'extensions' && !text.includes(':') ? EXTENSION_PART : OTHER_URI;
}
