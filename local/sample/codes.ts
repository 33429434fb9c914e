/** A code, its display, and for what is measured its unit, range and decimal places. */
export type Code = readonly [code: string, display: string];
export type Measure = readonly [
  code: string,
  display: string,
  unit: string,
  ucum: string,
  low: number,
  high: number,
  places: number,
];

export const LOINC = 'http://loinc.org';
export const SNOMED = 'http://snomed.info/sct';
export const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
export const CVX = 'http://hl7.org/fhir/sid/cvx';
export const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
export const UCUM = 'http://unitsofmeasure.org';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';

/** The URL of one of HL7's own code systems. */
export function hl7(name: string): string {
  return `${TERMINOLOGY}/${name}`;
}

export const VITAL_SIGNS: readonly Measure[] = [
  ['29463-7', 'Body weight', 'kg', 'kg', 42, 118, 2],
  ['8302-2', 'Body height', 'cm', 'cm', 140, 200, 1],
  ['39156-5', 'Body mass index (BMI) [Ratio]', 'kg/m2', 'kg/m2', 17, 38, 2],
  ['8310-5', 'Body temperature', 'Cel', 'Cel', 36, 39, 1],
  ['8867-4', 'Heart rate', '/min', '/min', 52, 110, 0],
  ['9279-1', 'Respiratory rate', '/min', '/min', 10, 22, 0],
  ['2708-6', 'Oxygen saturation in Arterial blood', '%', '%', 90, 100, 1],
];

export const LABORATORY: readonly Measure[] = [
  ['2093-3', 'Cholesterol [Mass/volume] in Serum or Plasma', 'mg/dL', 'mg/dL', 130, 280, 1],
  ['2571-8', 'Triglyceride [Mass/volume] in Serum or Plasma', 'mg/dL', 'mg/dL', 60, 300, 2],
  ['2085-9', 'Cholesterol in HDL [Mass/volume] in Serum or Plasma', 'mg/dL', 'mg/dL', 30, 80, 3],
  ['4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood', '%', '%', 4, 11, 1],
  ['2345-7', 'Glucose [Mass/volume] in Serum or Plasma', 'mg/dL', 'mg/dL', 65, 240, 0],
  ['2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', 'mg/dL', 'mg/dL', 0.5, 2.5, 2],
  ['718-7', 'Hemoglobin [Mass/volume] in Blood', 'g/dL', 'g/dL', 9, 18, 1],
  ['6690-2', 'Leukocytes [#/volume] in Blood by Automated count', '10*3/uL', '10*3/uL', 3, 14, 2],
  ['777-3', 'Platelets [#/volume] in Blood by Automated count', '10*3/uL', '10*3/uL', 120, 420, 0],
  ['2951-2', 'Sodium [Moles/volume] in Serum or Plasma', 'mmol/L', 'mmol/L', 132, 148, 1],
];

export const CONDITIONS: readonly (readonly [snomed: string, icd10: string, display: string])[] = [
  ['38341003', 'I10', 'Hypertensive disorder'],
  ['44054006', 'E11.9', 'Diabetes mellitus type 2'],
  ['195967001', 'J45.909', 'Asthma'],
  ['444814009', 'J32.9', 'Viral sinusitis'],
  ['13645005', 'J44.9', 'Chronic obstructive lung disease'],
  ['84114007', 'I50.9', 'Heart failure'],
  ['396275006', 'M19.90', 'Osteoarthritis'],
  ['35489007', 'F32.9', 'Depressive disorder'],
];

export const PROCEDURES: readonly Code[] = [
  ['430193006', 'Medication reconciliation'],
  ['29303009', 'Electrocardiographic procedure'],
  ['73761001', 'Colonoscopy'],
  ['232717009', 'Coronary artery bypass grafting'],
  ['399208008', 'Plain X-ray of chest'],
  ['710824005', 'Assessment of health and social care needs'],
];

export const MEDICATIONS: readonly Code[] = [
  ['314076', 'lisinopril 10 MG Oral Tablet'],
  ['860975', '24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet'],
  ['617312', 'atorvastatin 20 MG Oral Tablet'],
  ['308136', 'amlodipine 2.5 MG Oral Tablet'],
  ['313782', 'acetaminophen 325 MG Oral Tablet'],
  ['245314', 'albuterol 5 MG/ML Inhalation Solution'],
];

export const VACCINES: readonly Code[] = [
  ['140', 'Influenza, seasonal, injectable, preservative free'],
  ['113', 'Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed'],
  ['133', 'Pneumococcal conjugate PCV 13'],
  ['121', 'zoster, live'],
];

export const ALLERGENS: readonly Code[] = [
  ['764146007', 'Penicillin'],
  ['256277009', 'Grass pollen'],
  ['91935009', 'Allergy to peanuts'],
  ['111088007', 'Latex'],
];

export const ENCOUNTER_TYPES: readonly Code[] = [
  ['162673000', 'General examination of patient'],
  ['185345009', 'Encounter for symptom'],
  ['390906007', 'Follow-up encounter'],
  ['50849002', 'Emergency room admission'],
];

export const RACES: readonly Code[] = [
  ['2106-3', 'White'],
  ['2054-5', 'Black or African American'],
  ['2028-9', 'Asian'],
  ['1002-5', 'American Indian or Alaska Native'],
];

export const ETHNICITIES: readonly Code[] = [
  ['2186-5', 'Not Hispanic or Latino'],
  ['2135-2', 'Hispanic or Latino'],
];
