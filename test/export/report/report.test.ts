import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { reportPage } from '../../../functions/export/report/reportPage.js';
import { sharedReport } from '../../../functions/export/report/sharedReport.js';
import { STYLE } from '../../../functions/export/report/style.js';
import { INVENTED } from './invented.js';

const golden = (name: string): URL => new URL(`golden/${name}`, import.meta.url);
const shared = sharedReport(INVENTED, { minCount: 10 });
const page = reportPage(shared);

describe('the report of an invented export', () => {
  it.each([
    ['report.html', page],
    ['report-shared.json', `${JSON.stringify(shared, undefined, 2)}\n`],
  ])('is as it was: %s (UPDATE_GOLDEN=1 writes it anew)', (name, text) => {
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden(name), text);
    expect(text).toBe(readFileSync(golden(name), 'utf8'));
  });

  it('shows in the page what the JSON has, and nothing else', () => {
    const inPage = [...page.matchAll(/<t[hd](?: [^>]*)?>([^]*?)<\/t[hd]>/g)].map(([, cell = '']) =>
      unescaped(cell).trim(),
    );
    const inJson = shared.parts.flatMap(({ tables }) =>
      tables
        .filter(({ rows }) => rows.length > 0)
        .flatMap(({ columns, rows, total }) => [
          ...columns.map(({ title }) => title),
          ...[...rows, ...(total === undefined ? [] : [total])].flatMap((row) =>
            columns.map(({ name }) => String(row[name])),
          ),
        ]),
    );
    expect(inPage.slice(0, inJson.length)).toEqual(inJson);
  });

  it('has no script, no link and no style but its own', () => {
    const digest = createHash('sha256').update(STYLE).digest('base64');
    expect(unescaped(page)).toContain(
      `content="default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(page).toContain(`<style>${STYLE}</style>`);
    expect(page).not.toMatch(/<(?:script|link|img|iframe|object|a|form)\b|\son\w+=|\sstyle=|javascript:/i);
  });

  it('has text where a name has HTML in it', () => {
    expect(page).toContain('<dd>study &lt;1&gt; &amp; &quot;two&quot;.json</dd>');
    const hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
    const [first] = INVENTED.types;
    if (first === undefined) throw new Error('No type');
    const types = [{ ...first, type: hostile, dropped: { [hostile]: 100 } }];
    const made = reportPage(sharedReport({ ...INVENTED, types }, { minCount: 0 }));
    expect(made).not.toMatch(/<script|<img/);
  });

  it('has no small count of the data', () => {
    const small = shared.parts
      .flatMap(({ tables }) => tables)
      .flatMap(({ rows, total }) => [...rows, ...(total === undefined ? [] : [total])])
      .flatMap((row) => Object.values(row))
      .filter((cell) => typeof cell === 'number' && cell > 0 && cell < 10);
    expect(small).toEqual([]);
  });
});

describe('sizes of classes', () => {
  const rows = (patients: number[]): unknown[] => {
    const ranges = [1, 2, 3].map((size, place) => ({
      least: size,
      ...(size < 3 ? { most: size } : {}),
      patients: patients[place] ?? 0,
    }));
    const risk = { quasiIdentifiers: ['gender'], patients: 0, classes: 9, unique: 0, histogram: ranges };
    const { parts } = sharedReport({ types: [], files: [], risk }, { minCount: 10 });
    const [table] = parts.find(({ id }) => id === 'risk')?.tables ?? [];
    return (table?.rows ?? []).map((row) => Object.values(row));
  };
  it.each<[string, number[], unknown[]]>([
    [
      'each by itself, where none is small',
      [10, 20, 30],
      [
        ['1', 10],
        ['2', 20],
        ['3 or more', 30],
      ],
    ],
    ['small ones with the next', [3, 4, 30], [['1 or more', 37]]],
    [
      'a small last one with the one before',
      [10, 20, 3],
      [
        ['1', 10],
        ['2 or more', 23],
      ],
    ],
    [
      'nothing is not small',
      [0, 20, 10],
      [
        ['1', 0],
        ['2', 20],
        ['3 or more', 10],
      ],
    ],
    ['few Patients in all', [1, 2, 3], [['1 or more', '<10']]],
  ])('%s', (_, patients, expected) => {
    expect(rows(patients)).toEqual(expected);
  });
});

it('is of raw data where there was no configuration, and says so', () => {
  expect(reportPage(sharedReport({ ...INVENTED, configuration: null }, { minCount: 10 }))).toContain(
    '<dd>none: the files are raw data</dd>',
  );
});

it('is of nothing where nothing was exported', () => {
  const made = sharedReport({ types: [], files: [] }, { minCount: 10 });
  expect(reportPage(made)).toContain('None.');
});

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
