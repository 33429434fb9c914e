import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../../functions/deid/configuration/quasiIdentifiers.js';
import { ClassCollector } from '../../../functions/export/risk/classCollector.js';
import { classSizes } from '../../../functions/export/risk/classSizes.js';
import { PatientDigests } from '../../../functions/export/risk/patientDigests.js';
import { requireClassSize } from '../../../functions/export/risk/requireClassSize.js';
import { type Risk, riskOf } from '../../../functions/export/risk/risk.js';
import { RiskCount } from '../../../functions/export/risk/riskCount.js';
import { randomly } from '../../random.js';

const EXPRESSIONS = { quasiIdentifiers: ['Patient.gender'], notEvaluated: 0 };
const comparison = (quasiIdentifiers: readonly string[]) => ({
  quasiIdentifiers,
  fhirVersion: 'R4' as const,
  now: 0,
});
const patient = (more: object): Buffer => Buffer.from(JSON.stringify({ resourceType: 'Patient', ...more }));

/** The same, counted in the plainest way. */
function plainly(keys: readonly string[]): Map<number, number> {
  const classes = new Map<string, number>();
  for (const key of keys) classes.set(key, (classes.get(key) ?? 0) + 1);
  const sizes = new Map<number, number>();
  for (const size of classes.values()) sizes.set(size, (sizes.get(size) ?? 0) + 1);
  return sizes;
}

/** Tables of attempts that write lines, each of which holds few classes at a time. */
async function tablesOf(attempts: readonly string[][], mostHeld: number): Promise<Buffer[]> {
  const secret = randomBytes(32);
  const tables: Buffer[] = [];
  for (const cities of attempts) {
    const digests = new PatientDigests(comparison(['Patient.address.city']), secret);
    const collector = new ClassCollector(digests, async (_, table) => void tables.push(table));
    for (const [nth, city] of cities.entries()) {
      collector.add(patient({ id: String(nth), address: [{ city }] }));
      await collector.settle(mostHeld);
    }
    await collector.close();
  }
  return tables;
}

async function* each(tables: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* tables;
}

describe('class sizes', () => {
  it('are those of a plain count, over any attempts, tables and passes', async () => {
    const city = fc.oneof(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.nat(400).map(String),
      fc.string({ minLength: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(city, { maxLength: 300 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 60 }),
        async (attempts, mostHeld, mostCounted) => {
          const tables = await tablesOf(attempts, mostHeld);
          const sizes = await classSizes(() => each(tables), mostCounted);
          expect(new Map(sizes)).toEqual(plainly(attempts.flat()));
        },
      ),
      randomly(40),
    );
  });

  it('read the tables again where there are more classes than are counted at a time', async () => {
    const cities = Array.from({ length: 3000 }, (_, nth) => `city ${nth % 1000}`);
    const tables = await tablesOf([cities.slice(0, 1700), cities.slice(1700)], 64);
    let passes = 0;
    const read = (): AsyncGenerator<Buffer> => {
      passes++;
      return each(tables);
    };
    expect(new Map(await classSizes(read, 100))).toEqual(new Map([[3, 1000]]));
    expect(passes).toBeGreaterThan(8);
    passes = 0;
    await classSizes(read);
    expect(passes).toBe(1);
  });
});

describe('a description of sizes', () => {
  it.each<[string, Array<[number, number]>, Partial<Risk>]>([
    ['of no Patient', [], { patients: 0, classes: 0, unique: 0, histogram: [] }],
    ['of one', [[1, 1]], { patients: 1, classes: 1, least: 1, median: 1, unique: 1 }],
    ['of one class', [[7, 1]], { patients: 7, classes: 1, least: 7, median: 7, unique: 0 }],
    [
      'of an even number of classes',
      [
        [3, 2],
        [8, 2],
      ],
      { patients: 22, least: 3, median: 5.5 },
    ],
    [
      'of an odd number of classes',
      [
        [8, 3],
        [1, 2],
      ],
      { patients: 26, least: 1, median: 8, unique: 2 },
    ],
    [
      'of ten million',
      [
        [10_000_000, 1],
        [1, 1],
      ],
      { patients: 10_000_001, median: 5_000_000.5 },
    ],
  ])('%s', (_, sizes, expected) => {
    expect(riskOf(new Map(sizes), EXPRESSIONS)).toMatchObject(expected);
  });

  it('has a range of sizes for each class, and each Patient in one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 9 }))),
        (all) => {
          const sizes = new Map(all);
          const { patients, classes, histogram, least = 0 } = riskOf(sizes, EXPRESSIONS);
          expect(histogram.reduce((sum, range) => sum + range.patients, 0)).toBe(patients);
          expect(histogram.reduce((sum, range) => sum + range.classes, 0)).toBe(classes);
          expect(least).toBe(sizes.size === 0 ? 0 : Math.min(...sizes.keys()));
          for (const range of histogram) {
            const own = [...sizes].filter(([size]) => size >= range.least && size <= (range.most ?? size));
            expect(range.classes).toBe(own.reduce((sum, [, count]) => sum + count, 0));
          }
        },
      ),
      randomly(100),
    );
  });

  it('names the ranges up to the largest class', () => {
    const { histogram } = riskOf(
      new Map([
        [1, 4],
        [4, 1],
        [12, 1],
      ]),
      EXPRESSIONS,
    );
    expect(histogram).toEqual([
      { least: 1, most: 1, classes: 4, patients: 4 },
      { least: 2, most: 2, classes: 0, patients: 0 },
      { least: 3, most: 4, classes: 1, patients: 4 },
      { least: 5, most: 9, classes: 0, patients: 0 },
      { least: 10, most: 19, classes: 1, patients: 12 },
    ]);
    expect(riskOf(new Map([[5000, 1]]), EXPRESSIONS).histogram.at(-1)).toEqual({
      least: 1000,
      classes: 1,
      patients: 5000,
    });
  });
});

describe('a digest', () => {
  it('has nothing of the values, and is another one under another secret', async () => {
    const [one] = await tablesOf([['Boston']], 1);
    const [other] = await tablesOf([['Boston']], 1);
    expect(one?.length).toBe(20);
    expect(one?.equals(other as Buffer)).toBe(false);
    expect(one?.toString('latin1')).not.toContain('Boston');
  });
});

describe('a Patient of which an expression cannot be evaluated', () => {
  const count = (patients: readonly object[]): Risk => {
    const risk = new RiskCount(comparison(['Patient.name.family.substring(0, 1)']), randomBytes(32));
    for (const more of patients) risk.add(patient(more));
    return risk.risk;
  };
  const two = { name: [{ family: 'A' }, { family: 'B' }] };

  it('is a class of its own, and counted', () => {
    const { patients, classes, unique, notEvaluated } = count([
      { id: '1', ...two },
      { id: '2', ...two },
      { id: '3', name: [{ family: 'A' }] },
      { id: '4', name: [{ family: 'Ab' }] },
    ]);
    expect({ patients, classes, unique, notEvaluated }).toEqual({
      patients: 4,
      classes: 3,
      unique: 2,
      notEvaluated: 2,
    });
  });

  it('is named where classes are to have a size', () => {
    expect(() => requireClassSize(count([{ id: '1', ...two }]), 2)).toThrow(/could not be evaluated.*mend/);
  });
});

describe('a least size of classes', () => {
  const risk = riskOf(
    new Map([
      [4, 2],
      [9, 1],
    ]),
    EXPRESSIONS,
  );
  it.each([
    ['none', undefined, true],
    ['off', 0, true],
    ['met', 4, true],
    ['missed', 5, false],
  ])('%s', (_, least, isMet) => {
    const check = (): void => requireClassSize(risk, least);
    if (isMet) expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({
          code: 'forbidden',
          message: expect.stringMatching(/fewer than 5 Patients.*MIN_CLASS_SIZE.*generalize or redact/),
        }),
      );
  });

  it('is met where no Patient is exported', () => {
    expect(() => requireClassSize(riskOf(new Map(), EXPRESSIONS), 5)).not.toThrow();
  });
});

describe('the default quasi-identifiers', () => {
  it('are described by what they are', () => {
    const risk = new RiskCount(comparison(DEFAULT_QUASI_IDENTIFIERS), randomBytes(32));
    risk.add(patient({ id: '1', gender: 'male', birthDate: '1970-01-02' }));
    risk.add(patient({ id: '2', gender: 'male', birthDate: '1970-05' }));
    risk.add(patient({ id: '3', gender: 'male', birthDate: '1971' }));
    expect(risk.risk).toMatchObject({
      quasiIdentifiers: DEFAULT_QUASI_IDENTIFIERS,
      patients: 3,
      classes: 2,
      least: 1,
      unique: 1,
    });
  });
});
