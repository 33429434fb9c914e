import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { engineOf, hasShared, readText } from '../deid/shared.js';

/** Cases that no other test runs: coverage, patterns and few patients have theirs beside their own tests. */
const isThere = hasShared('cases');

const sampleOf = (version: 'R4' | 'R5'): string =>
  readFileSync(
    new URL(`../../configurations/hipaa-safe-harbor-${version.toLowerCase()}.json`, import.meta.url),
    'utf8',
  );

function linesOf(config: string, version: 'R4' | 'R5', ...file: string[]): string[] {
  const engine = engineOf(config, version);
  return readText('cases', ...file)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const result = engine.anonymize(line);
      // What fails is reported, and does not leave.
      return result.outcome === 'failed' ? [] : [result.line];
    });
}

describe.runIf(isThere)('cases that went wrong: the Safe Harbor samples leave', () => {
  it('no age over 89, however it is written', () => {
    for (const line of linesOf(sampleOf('R4'), 'R4', '12-safe-harbor-ages', 'input.ndjson'))
      expect(line).not.toMatch(/"(?:value|valueInteger)":(?:9[0-9]|35000)/);
  });

  it.each([
    ['names in extensions and texts', 'leaky.ndjson', /Featherstonehaugh|Quincy|John Doe|1931-02-03/],
    ['names', 'nm.ndjson', /Doe|Roe|Jane/],
    ['streets, cities and days of birth', 'r4-edge.ndjson', /1 Elm|Boston|1950-02-03/],
  ])('no %s', (_what, file, identities) => {
    for (const line of linesOf(sampleOf('R4'), 'R4', 'attacker', file)) expect(line).not.toMatch(identities);
  });

  it('no days of a repeated appointment in R5', () => {
    for (const line of linesOf(sampleOf('R5'), 'R5', 'attacker', 'r5-edge.ndjson'))
      expect(line).not.toMatch(/2026-(?:03-04|12-24)|Menominee/);
  });
});

describe.runIf(isThere)('cases that went wrong: right results', () => {
  it('a consent keeps its "deny", however deep', () => {
    const keepAll = JSON.stringify({ fhirPathRules: [{ path: 'Resource.id', method: 'redact' }] });
    expect(linesOf(keepAll, 'R4', 'attacker', 'consent-r4.ndjson').join()).toContain(
      '"provision":{"type":"permit","provision":[{"type":"deny","class":[{"code":"Observation"}],"provision":[{"type":"permit"}]}]}',
    );
  });

  it("dates move with the patient's by urn:uuid within a Bundle", () => {
    const folder = '17-patient-scope-in-bundles';
    const [line = ''] = linesOf(readText('cases', folder, 'config.json'), 'R4', folder, 'input.json');
    const [, born = '', seen = ''] =
      /"birthDate":"([0-9-]+)".*"effectiveDateTime":"([0-9-]+)"/.exec(line) ?? [];
    const days = (one: string, two: string): number => (Date.parse(one) - Date.parse(two)) / 86_400_000;
    expect(days(born, '1980-06-15')).toBe(days(seen, '2020-06-15'));
  });
});
