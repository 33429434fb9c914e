import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportOfType } from '../../../functions/export/output/report.js';
import type { ReportedRisk } from '../../../functions/export/report/reportedRisk.js';
import { sharedReport, type SharedReport } from '../../../functions/export/report/sharedReport.js';
import { randomly } from '../../random.js';
import { INVENTED, ofType } from './invented.js';

const MIN = 10;

/** A type whose elements are dates: each resource has one value of each at most, to which a rule was applied. */
function datesOf(type: string, resources: number, elements: Readonly<Record<string, number>>): ReportOfType {
  const day = Object.values(elements).reduce((sum, count) => sum + count, 0);
  const names = Object.entries(elements).map(([name, count]) => [`${type}.${name}`, count] as const);
  return ofType(type, {
    read: resources,
    written: resources,
    labels: { PERTURBED: day },
    operations: Object.fromEntries(names.map(([name, count]) => [name, { PERTURBED: count }])),
    dropped: Object.fromEntries(names),
    undecided: Object.fromEntries(names),
    content: {
      resources,
      notValid: 0,
      problems: Object.fromEntries(names),
      elements,
      dates: { year: 0, month: 0, day, time: 0, timeWithOffset: 0 },
      references: {},
      extensions: Object.fromEntries(names),
      systems: { 'http://loinc.org': day },
    },
  });
}

function shared(types: ReportOfType[], risk?: ReportedRisk): SharedReport {
  return sharedReport(
    { ...INVENTED, types, files: [], ...(risk === undefined ? { risk: undefined as never } : { risk }) },
    { minCount: MIN },
  );
}

function countsOf({ parts }: SharedReport, id: string): unknown[] {
  const tables = parts.flatMap((part) => part.tables);
  return (tables.find((table) => table.id === id)?.rows ?? []).map((row) => Object.values(row).at(-1));
}

describe('counts of values do not show what is hidden of resources', () => {
  it.each<[string, number, Record<string, number>, unknown[], unknown[], unknown]>([
    ['an element that few lack', 100, { birthDate: 97 }, ['>90'], ['≥90'], '≥90'],
    [
      'an element that few have, beside one that all have',
      100,
      { birthDate: 100, deceasedDateTime: 3 },
      [100, '<10'],
      ['≥90', '<10'],
      '≥90',
    ],
    [
      'elements of few resources',
      9,
      { issued: 9, effectiveDateTime: 9 },
      ['<10', '<10'],
      ['hidden', 'hidden'],
      'hidden',
    ],
    ['a multiple of the bound that lacks one', 101, { birthDate: 100 }, ['>91'], ['≥90'], '≥90'],
    ['one of few more resources than the bound', 11, { birthDate: 10 }, ['hidden'], ['hidden'], 'hidden'],
    ['what is not near to all', 100, { birthDate: 58 }, [58], ['≥50'], '≥50'],
  ])('%s', (_, resources, elements, kept, operations, days) => {
    const report = shared([datesOf('Patient', resources, elements)]);
    expect(countsOf(report, 'kept')).toEqual(kept);
    for (const id of ['elements', 'extensions', 'droppedElements', 'undecided', 'problems'])
      expect(countsOf(report, id), id).toEqual(operations);
    const dates = report.parts.flatMap(({ tables }) => tables).find(({ id }) => id === 'dates');
    expect([dates?.rows[0]?.['day'], dates?.total?.['day']]).toEqual([days, days]);
    expect(countsOf(report, 'systems')).toEqual([days]);
  });

  it('a sum is that of the rounded counts, and of no other digit', () => {
    const types = ['A', 'B', 'C'].map((type) => datesOf(type, 1000, { date: 199 }));
    expect(countsOf(shared(types), 'methods')).toEqual(['≥570']);
  });
});

function riskOf(counts: Partial<ReportedRisk>): Record<string, string> {
  const risk = {
    quasiIdentifiers: ['gender'],
    patients: 100,
    classes: 99,
    unique: 98,
    histogram: [],
    ...counts,
  };
  const part = shared([], risk).parts.find(({ id }) => id === 'risk');
  return Object.fromEntries((part?.facts ?? []).map(({ name, value }) => [name, value]));
}

describe('numbers of classes do not show what the merged table hides', () => {
  const pair = [
    { least: 1, most: 1, patients: 98 },
    { least: 2, most: 2, patients: 2 },
  ];
  it.each<[string, Partial<ReportedRisk>, Record<string, string>]>([
    [
      'two who are a pair',
      { least: 1, median: 1, histogram: pair },
      { unique: '>90', least: '<10', median: '<10' },
    ],
    ['as many classes as Patients less one', {}, { unique: '>90', classes: '≥90' }],
    [
      'few unique ones',
      { unique: 3, classes: 40, least: 12 },
      { unique: '<10', classes: '≥40', least: '12' },
    ],
    ['none unique', { unique: 0, classes: 45 }, { unique: '0', classes: '≥40' }],
    ['few Patients', { patients: 9, unique: 8, classes: 9 }, { unique: '<10', classes: 'hidden' }],
  ])('%s', (_, counts, expected) => {
    const { quasiIdentifiers: _names, ...facts } = riskOf(counts);
    expect(facts).toEqual(expected);
  });
});

it.each<[string, number, string]>([
  ['is shown where all counts of resources are', 40, '2 468'],
  ['is hidden where one is: it may be of requests for each resource', 3, 'hidden'],
])('the number of requests %s', (_, few, expected) => {
  const types = [datesOf('Patient', 100, { birthDate: few })];
  const { parts } = sharedReport({ types, files: [], cost: { sourceRequests: 2468 } }, { minCount: MIN });
  const facts = parts.find(({ id }) => id === 'cost')?.facts ?? [];
  expect(facts.find(({ name }) => name === 'sourceRequests')?.value).toBe(expected);
});

it('the whole report is the same, whichever small count it hides', () => {
  const small = fc.integer({ min: 1, max: MIN - 1 });
  fc.assert(
    fc.property(
      fc.integer({ min: MIN, max: 300 }),
      fc.nat({ max: 3 }),
      fc.boolean(),
      small,
      small,
      (resources, whole, isLack, one, other) => {
        const full = Object.fromEntries(
          Array.from({ length: whole }, (_, place) => [`full${place}`, resources]),
        );
        const [first, second] = [one, other].map((few) => {
          const count = isLack ? resources - few : few;
          // With fewer, what few lack is what few have.
          if (count <= 0) return undefined;
          return shared([
            datesOf('Patient', resources, { ...full, rare: count }),
            datesOf('Observation', 1000, { issued: 640 }),
          ]);
        });
        expect(first).toEqual(second);
      },
    ),
    randomly(200),
  );
});

it('the report of the classes is the same, whichever few are not unique', () => {
  const few = fc.integer({ min: 1, max: MIN - 1 });
  fc.assert(
    fc.property(fc.integer({ min: 2 * MIN, max: 300 }), few, few, (patients, one, other) => {
      const [first, second] = [one, other].map((rest) =>
        riskOf({
          patients,
          unique: patients - rest,
          classes: patients - rest + 1,
          histogram: [
            { least: 1, most: 1, patients: patients - rest },
            { least: 2, patients: rest },
          ],
        }),
      );
      expect(first).toEqual(second);
    }),
    randomly(200),
  );
});
