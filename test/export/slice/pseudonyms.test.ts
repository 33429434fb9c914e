import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import {
  JobPseudonyms,
  type PseudonymPair,
  type PseudonymService,
} from '../../../functions/export/output/jobPseudonyms.js';
import type { LineMaker, LineSink } from '../../../functions/export/output/lineMaker.js';
import type { SearchRow } from '../../../functions/export/source/resourceRow.js';
import { PageWriter } from '../../../functions/export/slice/pageWriter.js';
import { type JsonObject, parseJson, tapeOf } from '../../../functions/json/json.js';
import { configurationOf, engineOptions, madePseudonym } from '../../deid/shared.js';
import { randomly } from '../../random.js';

const RULES = JSON.stringify({
  processingErrors: 'skip',
  fhirPathRules: [
    { path: 'Resource.id', method: 'pseudonymize' },
    { path: "nodesByType('Reference').reference", method: 'pseudonymize' },
    { path: "nodesByType('Identifier').value", method: 'pseudonymize', domain: 'MRN' },
    { path: 'Resource', method: 'redact' },
  ],
});

/** A value that no pseudonym has a part of. */
const secret = (kind: string, number: number): string => `SECRET-${kind}-${number}`;

function observation(number: number, patient: number): JsonObject {
  return {
    resourceType: 'Observation',
    id: secret('o', number),
    identifier: [{ value: secret('mrn', patient) }],
    subject: { reference: `Patient/${secret('p', patient)}` },
  };
}

function rowOf(resource: JsonObject): SearchRow {
  const text = JSON.stringify(resource);
  return {
    id: resource['id'] as string,
    lastUpdated: undefined,
    json: tapeOf(text),
    resource: () => parseJson(text) as JsonObject,
  };
}

interface Calls extends PseudonymService {
  calls: Array<readonly string[]>;
}

/** @param answer what becomes of the right one */
function serviceOf(
  batchSize: number,
  answer: (pairs: PseudonymPair[], call: number) => PseudonymPair[] | Promise<PseudonymPair[]> = (pairs) =>
    pairs,
): Calls {
  const calls: Array<readonly string[]> = [];
  return {
    batchSize,
    calls,
    async pseudonyms(domain, values) {
      calls.push(values);
      const number = calls.length;
      await new Promise((resolve) => setImmediate(resolve));
      return answer(
        values.map((value) => [value, madePseudonym(domain, value)]),
        number,
      );
    },
  };
}

/** Writes pages as a slice does. */
async function written(
  pages: ReadonlyArray<readonly JsonObject[]>,
  service: PseudonymService,
  maxKnown?: number,
) {
  const pseudonyms = new JobPseudonyms(service, maxKnown);
  const engine = compileEngine(configurationOf(RULES, 'R4'), { ...engineOptions('R4'), pseudonyms });
  const lineMaker: LineMaker = {
    processingErrors: engine.processingErrors,
    makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
    askPseudonyms: () => pseudonyms.ask(),
  };
  const lines: string[] = [];
  const patients: string[] = [];
  const file: LineSink = {
    writeLines: (bytes) => {
      lines.push(...Buffer.from(bytes).toString().trimEnd().split('\n'));
      return undefined;
    },
    close: async () => undefined,
    bytes: 0,
    lines: 0,
  };
  const writer = new PageWriter('Observation', {
    lineMaker,
    patients: {
      look: () => ({ patients: new Set(), targets: [] }),
      add: (_part, _seen, id) => void patients.push(id ?? ''),
      isFull: () => false,
    },
    openFile: async () => file,
    clock: () => 0,
  });
  const run = async () => {
    for (const page of pages) await writer.write('', page.map(rowOf), () => true);
    return writer.close();
  };
  const outcome = await run().then(
    ({ report }) => ({ report }),
    (failure: unknown) => ({ failure }),
  );
  return { lines, patients, ...outcome };
}

/** What a resource has to become. */
function expected(number: number, patient: number): unknown {
  return {
    resourceType: 'Observation',
    id: madePseudonym({ domain: 'Observation' }, secret('o', number)),
    identifier: [{ value: madePseudonym({ domain: 'MRN' }, secret('mrn', patient)) }],
    subject: { reference: `Patient/${madePseudonym({ domain: 'Patient' }, secret('p', patient))}` },
  };
}

function withoutMeta(line: string): unknown {
  const { meta: _, ...rest } = JSON.parse(line) as JsonObject;
  return rest;
}

const byId = (one: unknown, other: unknown): number =>
  (one as { id: string }).id < (other as { id: string }).id ? -1 : 1;

const PAGES = [0, 1, 2].map((page) =>
  Array.from({ length: 20 }, (_, at) => observation(20 * page + at, at % 7)),
);

describe('a page whose values are pseudonymized', () => {
  it('is written with the pseudonyms of all values, each asked for once', async () => {
    const service = serviceOf(10);
    const { lines, patients, report } = (await written(PAGES, service)) as {
      lines: string[];
      patients: string[];
      report: { read: number; content: unknown };
    };
    const all = PAGES.flatMap((_, page) =>
      Array.from({ length: 20 }, (_none, at) => expected(20 * page + at, at % 7)),
    );
    expect(lines.map(withoutMeta).sort(byId)).toEqual(all.sort(byId));
    expect(report).toMatchObject({ read: 60, failures: [], content: { resources: 60 } });
    expect(new Set(patients).size).toBe(60);
    const values = service.calls.flat();
    expect(new Set(values).size).toBe(values.length);
    expect(Math.max(...service.calls.map(({ length }) => length))).toBe(10);
  });

  it('has all pseudonyms that it needs, although fewer can be known at a time than the job has', async () => {
    const { lines } = await written(PAGES, serviceOf(5), 30);
    expect(lines.length).toBe(60);
    expect(lines.join()).not.toContain('SECRET');
  });

  it('ends in the same lines after a crash', async () => {
    const crashed = await written(
      PAGES,
      serviceOf(5, (pairs, call) => {
        if (call > 4) throw new ExportError('pseudonym-service-unavailable', 'no answer', true);
        return pairs;
      }),
    );
    expect(crashed).toMatchObject({ failure: { code: 'pseudonym-service-unavailable' } });
    const [again, never] = await Promise.all([written(PAGES, serviceOf(5)), written(PAGES, serviceOf(50))]);
    expect(again.lines.toSorted()).toEqual(never.lines.toSorted());
    for (const line of crashed.lines) expect(again.lines).toContain(line);
  });

  it.each<[string, (pairs: PseudonymPair[]) => PseudonymPair[], boolean]>([
    ['half an answer', (pairs) => pairs.slice(0, Math.floor(pairs.length / 2)), true],
    ['the values themselves', (pairs) => pairs.map(([value]) => [value, value]), false],
    ['one pseudonym for all', (pairs) => pairs.map(([value]) => [value, 'same']), false],
  ])('fails with %s', async (_, answer, retryable) => {
    const { lines, failure } = (await written(PAGES, serviceOf(10, answer))) as {
      lines: string[];
      failure: unknown;
    };
    expect(failure).toMatchObject({ code: 'pseudonym-service-wrong', retryable });
    expect(lines.join()).not.toContain('SECRET');
  });

  it('never lets a value pass, whatever the service does', async () => {
    const fault = fc.constantFrom<(pairs: PseudonymPair[]) => PseudonymPair[]>(
      (pairs) => pairs,
      (pairs) => pairs.slice(1),
      (pairs) => [...pairs, ...pairs],
      (pairs) => pairs.map(([value]) => [value, value]),
      (pairs) => pairs.map(([value]) => [value, '']),
      (pairs) => pairs.map(([value]) => [value, 'same']),
      (pairs) => pairs.map(([value], at) => [value, pairs[(at + 1) % pairs.length]?.[1] ?? '']),
      (pairs) => pairs.map(([, pseudonym]) => [pseudonym, pseudonym]),
      () => {
        throw new ExportError('pseudonym-service-unavailable', 'no answer', true);
      },
    );
    const pages = fc.array(fc.array(fc.tuple(fc.nat(20), fc.nat(5)), { maxLength: 6 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        pages,
        fc.integer({ min: 1, max: 6 }),
        fc.array(fault, { maxLength: 6 }),
        fc.nat(10),
        async (given, size, faults, known) => {
          const resources = given.map((page) =>
            page.map(([number, patient]) => observation(number, patient)),
          );
          const service = serviceOf(size, (pairs, call) => faults[call - 1]?.(pairs) ?? pairs);
          const result = await written(resources, service, known);
          const { patients: _, ...shown } = result;
          expect(JSON.stringify(shown)).not.toContain('SECRET');
          // All of it, or a failure.
          if (!('failure' in result)) expect(result.lines.length).toBe(given.flat().length);
          else expect(result.failure).toBeInstanceOf(ExportError);
        },
      ),
      randomly(100),
    );
  });
});
