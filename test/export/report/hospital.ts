import type { ReportOfType } from '../../../functions/export/output/report.js';
import type { ReportedExport } from '../../../functions/export/report/part.js';
import { ofType } from './invented.js';

/** An invented type: its resources, the elements beside `id` that all of them have, and the share that has others. */
interface Kind {
  readonly type: string;
  readonly resources: number;
  readonly dates: readonly string[];
  readonly coded: readonly string[];
  readonly some: Readonly<Record<string, number>>;
}

const KINDS: readonly Kind[] = [
  {
    type: 'AllergyIntolerance',
    resources: 611,
    dates: ['recordedDate'],
    coded: ['code'],
    some: { note: 40 },
  },
  { type: 'CarePlan', resources: 1490, dates: ['created'], coded: ['category'], some: { note: 7 } },
  {
    type: 'Condition',
    resources: 9122,
    dates: ['recordedDate'],
    coded: ['code'],
    some: { abatementDateTime: 4300 },
  },
  { type: 'Device', resources: 77, dates: ['manufactureDate'], coded: ['type'], some: { serialNumber: 77 } },
  {
    type: 'DiagnosticReport',
    resources: 14_880,
    dates: ['issued'],
    coded: ['code'],
    some: { conclusion: 910 },
  },
  {
    type: 'Encounter',
    resources: 21_340,
    dates: ['period'],
    coded: ['type'],
    some: { hospitalization: 1204 },
  },
  { type: 'ImagingStudy', resources: 4, dates: ['started'], coded: ['modality'], some: {} },
  { type: 'Immunization', resources: 6020, dates: ['occurrenceDateTime'], coded: ['vaccineCode'], some: {} },
  {
    type: 'MedicationRequest',
    resources: 17_455,
    dates: ['authoredOn'],
    coded: ['medicationCodeableConcept'],
    some: {},
  },
  {
    type: 'Observation',
    resources: 61_230,
    dates: ['effectiveDateTime', 'issued'],
    coded: ['code'],
    some: { note: 12 },
  },
  { type: 'Organization', resources: 38, dates: [], coded: ['type'], some: { address: 38 } },
  {
    type: 'Patient',
    resources: 1204,
    dates: ['birthDate'],
    coded: ['maritalStatus'],
    some: { deceasedDateTime: 131 },
  },
  { type: 'Practitioner', resources: 212, dates: [], coded: ['qualification'], some: {} },
  { type: 'Procedure', resources: 11_702, dates: ['performedPeriod'], coded: ['code'], some: { note: 55 } },
];

function reportOf({ type, resources, dates, coded, some }: Kind): ReportOfType {
  const operations: Record<string, Record<string, number>> = {
    [`${type}.id`]: { CRYTOHASH: resources },
    'Reference.reference': { CRYTOHASH: 2 * resources },
    'Narrative.div': { REDACTED: resources },
    'CodeableConcept.text': { REDACTED: coded.length * resources },
    ...Object.fromEntries(dates.map((date) => [`${type}.${date}`, { PERTURBED: resources }])),
    ...(type === 'Patient'
      ? { 'Address.postalCode': { ABSTRED: 1198 }, 'HumanName.family': { REDACTED: 1310 } }
      : {}),
    ...('note' in some ? { 'Annotation.text': { REDACTED: some['note'] ?? 0 } } : {}),
  };
  const labels: Record<string, number> = {};
  for (const counts of Object.values(operations))
    for (const [label, count] of Object.entries(counts)) labels[label] = (labels[label] ?? 0) + count;
  const isCut = type === 'Observation';
  return ofType(type, {
    read: resources + (isCut ? 14 : 0),
    written: resources,
    bytes: resources * 1100,
    seconds: Math.round(resources / 40) / 100,
    labels,
    operations,
    dropped: type === 'Encounter' ? { 'Encounter.(unknown)': 31 } : {},
    failures: isCut
      ? [{ type, code: 'invalid-resource', message: 'Not a resource of a type of FHIR R4', count: 14 }]
      : [],
    content: {
      resources,
      notValid: 0,
      problems: {},
      elements: {
        id: resources,
        ...Object.fromEntries([...dates, ...coded].map((name) => [name, resources])),
        ...some,
      },
      dates: {
        year: type === 'Patient' ? resources : 0,
        month: 0,
        day: dates.length * resources,
        time: 0,
        timeWithOffset: 0,
      },
      references: {},
      extensions:
        type === 'Patient'
          ? { 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race': 1204, other: 66 }
          : {},
      systems: coded.length === 0 ? {} : { 'http://snomed.info/sct': resources, 'http://loinc.org': 20 },
    },
  });
}

/** The report of an invented hospital: as long as real ones are. */
export const HOSPITAL: ReportedExport = {
  transactionTime: '2026-03-02T22:00:00.000Z',
  startedAt: '2026-03-02T22:00:11.000Z',
  finishedAt: '2026-03-02T22:00:58.400Z',
  seconds: 47.4,
  cost: { sourceRequests: 1512, cpuSeconds: 31.6 },
  engineVersion: '0.1.0',
  configuration: {
    name: 'cohort-study.yaml',
    digest: 'sha256:6be91b55872ee4ce75fe0831359c45afebe18f70cc717ce970e0969f788ebe79',
    extends: 'hipaa-safe-harbor-r4@2',
    coverage: { isComplete: true, left: {} },
    approval: 'coverage',
  },
  fhirVersion: 'R4',
  notValid: 0,
  risk: {
    quasiIdentifiers: [
      'Patient.birthDate.toString().substring(0, 4)',
      'Patient.gender',
      'Patient.address.state',
    ],
    patients: 1204,
    classes: 61,
    least: 3,
    median: 17,
    unique: 0,
    histogram: [
      { least: 1, most: 1, patients: 0 },
      { least: 2, most: 2, patients: 0 },
      { least: 3, most: 4, patients: 19 },
      { least: 5, most: 9, patients: 133 },
      { least: 10, most: 19, patients: 402 },
      { least: 20, most: 49, patients: 650 },
    ],
  },
  types: KINDS.map(reportOf),
  files: KINDS.map(({ type, resources }, place) => ({
    type,
    name: `${type}-${place}.ndjson`,
    count: resources,
    bytes: resources * 1100,
  })),
};
