import type { ReportOfType } from '../../../functions/export/output/report.js';
import type { ReportedExport } from '../../../functions/export/report/part.js';
import { emptyReport } from '../../../functions/export/records/job.js';

/** What an export did to a type; what is not given is nothing. */
export function ofType(type: string, counts: Partial<ReportOfType>): ReportOfType {
  return { ...emptyReport(), type, files: 1, bytes: 0, ofOthers: 0, seconds: 1.5, ...counts };
}

/** The report of an export that never was. */
export const INVENTED: ReportedExport = {
  transactionTime: '2026-01-02T03:04:05Z',
  startedAt: '2026-01-02T03:04:15Z',
  finishedAt: '2026-01-02T03:14:15Z',
  seconds: 600,
  cost: { sourceRequests: 1417, cpuSeconds: 83.217 },
  engineVersion: '0.1.0',
  configuration: {
    name: 'study <1> & "two".json',
    digest: 'a'.repeat(64),
    extends: 'hipaa-safe-harbor-r4@1',
    coverage: { isComplete: false, left: { dates: ['date', 'dateTime'] } },
    approval: 'digest',
  },
  fhirVersion: 'R4',
  notValid: 7,
  risk: {
    quasiIdentifiers: ['birthDate.toString().substring(0, 4)', 'gender'],
    patients: 120,
    classes: 14,
    least: 1,
    median: 9,
    unique: 3,
    histogram: [
      { least: 1, most: 1, patients: 3 },
      { least: 2, most: 2, patients: 4 },
      { least: 3, most: 4, patients: 20 },
      { least: 5, most: 9, patients: 88 },
      { least: 10, most: 19, patients: 5 },
    ],
  },
  types: [
    ofType('Condition', {
      read: 4,
      written: 4,
      labels: { REDACTED: 4 },
      operations: { 'Condition.note': { REDACTED: 4 } },
      bytes: 4000,
    }),
    ofType('Observation', {
      read: 1243,
      written: 1234,
      labels: { REDACTED: 3000, CRYTOHASH: 2468 },
      operations: {
        'Observation.issued': { REDACTED: 1200 },
        'Annotation.text': { REDACTED: 1800 },
        'Observation.id': { CRYTOHASH: 1234 },
        'Reference.reference': { CRYTOHASH: 1234 },
      },
      dropped: { 'Observation.(unknown)': 12 },
      undecided: { 'fhirPathRules[3]': 15 },
      failures: [
        {
          type: 'Observation',
          code: 'invalid-resource',
          message: 'Not a resource of a type of FHIR R4',
          count: 9,
        },
      ],
      content: {
        resources: 1234,
        notValid: 7,
        problems: { 'Observation.status required': 7 },
        elements: { id: 1234, status: 1227, valueQuantity: 640 },
        dates: { year: 1230, month: 0, day: 0, time: 0, timeWithOffset: 4 },
        references: { Patient: 1234 },
        extensions: { 'http://hl7.org/fhir/StructureDefinition/data-absent-reason': 18, other: 3, part: 40 },
        systems: { 'http://loinc.org': 1234, other: 640 },
      },
      bytes: 1_234_000,
    }),
    ofType('Patient', {
      read: 120,
      written: 120,
      ofOthers: 0,
      labels: { REDACTED: 360, CRYTOHASH: 120 },
      operations: {
        'HumanName.family': { REDACTED: 240 },
        'Patient.birthDate': { REDACTED: 120 },
        'Patient.id': { CRYTOHASH: 120 },
      },
      content: {
        resources: 120,
        notValid: 0,
        problems: {},
        elements: { id: 120, gender: 117, birthDate: 3 },
        dates: { year: 3, month: 0, day: 0, time: 0, timeWithOffset: 0 },
        references: {},
        extensions: {},
        systems: {},
      },
      bytes: 24_000,
    }),
  ],
  files: [
    { type: 'Condition', name: 'Condition-1.ndjson', count: 4, bytes: 4000 },
    { type: 'Observation', name: 'Observation-2.ndjson', count: 1234, bytes: 1_234_000 },
    { type: 'Patient', name: 'Patient-3.ndjson', count: 120, bytes: 24_000 },
  ],
};
