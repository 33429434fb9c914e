import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobIdOf } from '../../../console/exports/appServer.js';
import { joined, readConfigurations, withConfiguration } from '../../../console/exports/configurations.js';
import {
  EMPTY_FORM,
  kickOffOf,
  percentOf,
  rateOf,
  readList,
  readProgress,
  withSample,
} from '../../../console/exports/jobs.js';
import { problemsIn, readManifest } from '../../../console/exports/manifest.js';
import { type JobWatch, readStatus, secondsToWait } from '../../../console/exports/watch.js';
import { plain, refusalWords, wordsOf } from '../../../console/exports/words.js';
import { randomly } from '../../random.js';

const ID = '0123456789abcdef0123456789abcdef';
const answer = (status: number, text = '', headers: Record<string, string> = {}) => ({
  status,
  text,
  header: (name: string) => headers[name],
});
const outcome = (diagnostics: string): string =>
  JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: 'x', diagnostics }],
  });

describe('what the page makes of the answers of an app', () => {
  it.each([
    [`https://app/fhir/_operations/export/${ID}`, ID],
    [`https://other/x/_operations/export/${ID}`, ID],
    [`https://app/fhir/_operations/export/${ID}/files/x`, undefined],
    ['https://app/fhir/_operations/export/../x', undefined],
    [undefined, undefined],
  ])('of a status URL %s the id alone counts', (url, id) => {
    expect(jobIdOf(url)).toBe(id);
  });

  it('a form gives each parameter by itself, and none that is empty', () => {
    const form = {
      ...EMPTY_FORM,
      level: 'group' as const,
      groupId: ' g/1 ',
      types: 'Patient, Condition Patient',
    };
    expect(kickOffOf({ ...form, filters: 'Condition?code=1,2\n\n x?y=z ', container: ' research ' })).toEqual(
      {
        level: { kind: 'group', groupId: 'g/1' },
        method: 'POST',
        parameters: [
          ['_type', 'Patient'],
          ['_type', 'Condition'],
          ['_typeFilter', 'Condition?code=1,2'],
          ['_typeFilter', 'x?y=z'],
          ['_container', 'research'],
        ],
      },
    );
    expect(kickOffOf(EMPTY_FORM)).toEqual({ level: { kind: 'system' }, method: 'POST', parameters: [] });
  });

  it.each([
    ['94%: 2712 of 2856 resources; Patient', 94],
    ['250%', 100],
    ['planning', undefined],
  ])('X-Progress %s has %s percent', (text, percent) => {
    expect(percentOf(text)).toBe(percent);
  });

  it('a rate is that of the latest answers', () => {
    let samples = withSample([], { at: 1000, resources: 0 });
    expect(rateOf(samples)).toBeUndefined();
    for (let second = 2; second < 30; second++)
      samples = withSample(samples, { at: second * 1000, resources: second * 50 });
    expect(samples).toHaveLength(6);
    expect(rateOf(samples)).toBe(50);
  });

  it.each<[string, ReturnType<typeof answer>, JobWatch['phase'], RegExp]>([
    ['runs', answer(202, '', { 'x-progress': '5%' }), 'running', /^$/],
    ['is complete', answer(200, '{}'), 'complete', /^$/],
    ['failed', answer(500, outcome('the source is gone')), 'failed', /^the source is gone$/],
    ['has too few patients', answer(403, outcome('fewer than 10')), 'failed', /^fewer than 10$/],
    ['is unknown', answer(404, outcome('not found')), 'gone', /^not found$/],
    ['takes a key', answer(401), 'refused', /Sign in again/],
    ['is asked for too often', answer(429, outcome('wait')), 'running', /^wait It is asked for again/],
    ['is at an app that does not answer', answer(0), 'running', /does not answer.*asked for again/],
    ['is behind a gateway that fails', answer(500, '<html>'), 'running', /500 without words/],
  ])('a job that %s', (_name, given, phase, words) => {
    const last: JobWatch = { phase: 'running', progress: '', types: [], rates: new Map(), words: [] };
    const watch = readStatus(given, last, new Map(), 0);
    expect(watch.phase).toBe(phase);
    expect(watch.words.join(' ')).toMatch(words);
  });

  it.each([
    [{ 'retry-after': '7' }, 7],
    [{ 'retry-after': '100000' }, 300],
    [{ 'retry-after': '-1' }, 5],
    [{}, 5],
  ])('after %j, %i seconds pass', (headers, seconds) => {
    expect(secondsToWait(answer(202, '', headers))).toBe(seconds);
  });

  it('a manifest names files by the last part of their URLs, and links of other kinds are left out', () => {
    const manifest = readManifest({
      transactionTime: '2026-01-01T00:00:00Z',
      requiresAccessToken: true,
      output: [
        { type: 'Patient', url: `https://other/x/files/P%20a.ndjson`, count: 3 },
        { type: 'Patient', url: 'javascript:alert(1)' },
        { type: 'Patient', url: 7 },
      ],
      error: [{ type: 'OperationOutcome', url: 'https://other/e.ndjson', count: 1 }],
      extension: {
        deidentified: true,
        notes: ['a note', 7],
        report: 'https://other/x/files/report.json',
        sharedReport: 'javascript:alert(2)',
        reportPage: 'https://other/x/files/report.html',
        configuration: 'c.json',
      },
    });
    expect(manifest).toMatchObject({
      files: [
        { kind: 'output', type: 'Patient', count: 3, name: 'P a.ndjson' },
        { kind: 'error', name: 'e.ndjson' },
      ],
      notes: ['a note'],
      reports: [
        { kind: 'output', type: 'Release report', name: 'report.html' },
        { kind: 'output', type: 'Report with all counts', name: 'report.json' },
      ],
      facts: [
        ['De-identified', 'yes'],
        ['Configuration', 'c.json'],
      ],
    });
    expect(manifest.files.every(({ link }) => link === undefined)).toBe(true);
    const signed = {
      requiresAccessToken: false,
      output: [{ type: 'Patient', url: 'https://blobs/f.ndjson?sig=x' }],
    };
    expect(readManifest(signed).files[0]).toMatchObject({
      name: 'f.ndjson',
      link: 'https://blobs/f.ndjson?sig=x',
    });
    expect(readManifest(signed).facts[0]?.[1]).toMatch(/^no: /);
  });

  it('a list takes the ids of its URLs and the cursor of its link', () => {
    const url = `https://other/fhir/_operations/export/${ID}`;
    expect(
      readList({
        exports: [
          { url, state: 'completed', level: 'system', types: ['Patient', 7], counts: { files: 1, x: 'y' } },
          { url: 'https://other/' },
          7,
        ],
        link: [{ relation: 'next', url: 'https://other/fhir/_operations/export?cursor=abc' }],
      }),
    ).toEqual({
      jobs: [{ id: ID, state: 'completed', level: 'system', types: ['Patient'], counts: { files: 1 } }],
      cursor: 'abc',
    });
  });

  it('a list of configurations has what a kick-off names, as it came, and the version that is listed', () => {
    const image = `r.example:5000/team/configs`;
    const list = readConfigurations({
      configurations: [
        { configuration: 'a.json', configurationEtag: '0x1', configurationDigest: 'd', configurationApproval: 'coverage', deidentified: true }, // prettier-ignore
        { configuration: 'a.json', collectionReference: `${image}:v1`, collectionDigest: 'sha256:1' },
        { configuration: 7 },
        7,
      ],
      issue: [{ diagnostics: 'not all' }],
      link: [{ relation: 'next', url: 'https://other/fhir/_operations/configurations?cursor=abc' }],
    });
    expect(list).toMatchObject({ notes: ['not all'], cursor: 'abc' });
    expect(list.listed.map(({ isDeidentified }) => isDeidentified)).toEqual([true, false]);
    expect(new Set(list.listed.map(({ key }) => key)).size).toBe(2);
    const named = list.listed.map((one) => kickOffOf(withConfiguration(EMPTY_FORM, one)).parameters);
    expect(named).toEqual([
      [
        ['_anonymizationConfig', 'a.json'],
        ['_anonymizationConfigEtag', '0x1'],
      ],
      [
        ['_anonymizationConfig', 'a.json'],
        ['_anonymizationConfigCollectionReference', `${image}@sha256:1`],
      ],
    ]);
    expect(joined(list, list)).toEqual(list);
    expect(joined(list, { listed: [], notes: [] }).cursor).toBeUndefined();
  });

  it.each<[unknown, object | undefined]>([
    [
      { exports: 'default', configuration: 'a.json', collectionReference: 'r.example/a:1' },
      { exports: 'default', name: 'a.json', collection: 'r.example/a:1' },
    ],
    [
      { exports: 'default', configuration: 'a.json' },
      { exports: 'default', name: 'a.json' },
    ],
    [{ exports: 'default' }, undefined],
    [{ exports: 'raw' }, { exports: 'raw' }],
    [{ exports: 'nothing' }, { exports: 'nothing' }],
    [{ exports: 'other' }, undefined],
    [undefined, undefined],
  ])('what an export without a configuration has is what the app says of it: %j', (unnamed, expected) => {
    const list = readConfigurations({ configurations: [], unnamed });
    expect(list.unnamed).toEqual(expected);
    expect(joined({ listed: [], notes: [] }, list)).toEqual(list);
  });

  it('words are those of the issues, in one line, without signs that cannot be seen', () => {
    expect(wordsOf(outcome('a\n\u202eb\u0000'))).toEqual(['a \uFFFDb\uFFFD']);
    expect(refusalWords('The export', 401, '')[0]).toContain('Sign in again');
    expect(problemsIn(`${outcome('one')}\n${outcome('two')}\n`, wordsOf)).toEqual(['one', 'two']);
    expect(plain('x'.repeat(10_000)).length).toBe(2000);
  });

  it('nothing that an app answers throws', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 4 }), (body) => {
        const shaped = {
          ...body,
          exports: [body],
          output: [body, { url: body }],
          extension: body,
          link: [body],
        };
        readList(shaped);
        readConfigurations({
          ...shaped,
          configurations: [body, { configuration: 'x', ...body }],
          unnamed: { exports: 'default', ...body },
          issue: body,
        });
        readManifest(shaped);
        readProgress({ progress: [body, { type: 'x', resources: 1 }] });
        wordsOf(JSON.stringify({ issue: [body] }));
      }),
      randomly(200),
    );
  });
});
