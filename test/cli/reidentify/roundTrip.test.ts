import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decryption } from '../../../cli/reidentify/decryption.js';
import { PseudonymTable } from '../../../cli/reidentify/pseudonymTable.js';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import type { Configuration } from '../../../functions/deid/configuration/configuration.js';
import { keyBytes } from '../../../functions/deid/configuration/keys.js';
import { ENCRYPT } from '../../../functions/deid/methods/encrypt.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { anonymizeText } from '../../../functions/deid/run/anonymizeText.js';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../../../functions/json/json.js';
import { randomly } from '../../random.js';

const SECRET = new Uint8Array(32);

function configurationOf(parameters: object): Configuration {
  const text = JSON.stringify({
    fhirPathRules: [
      { path: 'Resource.id', method: 'cryptoHash' },
      { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
      { path: 'Observation.identifier.value', method: 'cryptoHash' },
      { path: 'Observation.note.text', method: 'encrypt' },
      { path: 'Observation.value', method: 'encrypt' },
      { path: 'Observation.component.value', method: 'encrypt' },
    ],
    parameters: { cryptoHashKey: 'a-key', encryptKey: '0123456789abcdef', ...parameters },
  });
  const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error(JSON.stringify(issues));
  return configuration;
}

/** What an export writes of a resource. */
function exported(configuration: Configuration, resource: object): JsonObject {
  const engine = compileEngine(configuration, {
    fhirVersion: 'R4',
    now: 0,
    jobSecret: SECRET,
    randomBytes: (size) => randomBytes(size),
    validation: 'off',
  });
  const made = anonymizeText(engine, JSON.stringify(resource));
  const json = made.outcome === 'anonymized' ? parseJson(made.line) : undefined;
  if (!isJsonObject(json)) throw new Error(JSON.stringify(made));
  return json;
}

const id = fc.stringMatching(/^[A-Za-z0-9\-.]{1,64}$/);
/** Forms of a reference, and what a list of the source has for each. */
const reference = fc.oneof(
  id.map((each) => `Patient/${each}`),
  id.map((each) => `Patient/${each}/_history/1`),
  id.map((each) => `https://fhir.example.org/r4/Patient/${each}`),
  fc.uuid().map((each) => `urn:uuid:${each}`),
  fc.constantFrom('urn:oid:1.2.3.4', '#contained', 'Patient?identifier=a|b', 'Patient/with_underscore'),
);
const parameters = fc.record({
  cryptoHashFunction: fc.constantFrom('sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-512'),
  truncate: fc.option(fc.integer({ min: 32, max: 64 })),
  referenceServers: fc.constantFrom('keep', 'hash'),
  validOutput: fc.boolean(),
  dialect: fc.constantFrom('microsoft', 'miracum'),
  keyDerivationContext: fc.option(fc.string()),
});
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((each) => !/[^\P{Cc}\t\n\r]|\p{Surrogate}|^\s*$/u.test(each));

describe('after an export, who has the keys finds again', () => {
  it('with cryptoHash: the true id, alone among those given, of ids, references and texts', () => {
    fc.assert(
      fc.property(
        parameters,
        fc.uniqueArray(id, { minLength: 1, maxLength: 20 }),
        reference,
        text,
        fc.nat(),
        (given, ids, subject, identifier, chosen) => {
          const configuration = configurationOf(given);
          const own = ids[chosen % ids.length] ?? '';
          const made = exported(configuration, {
            resourceType: 'Observation',
            id: own,
            subject: { reference: subject },
            identifier: [{ value: identifier }],
          }) as { id?: string; subject: { reference: string }; identifier: Array<{ value: string }> };
          const table = new PseudonymTable(configuration);
          for (const value of [...ids, subject, identifier]) table.add(value);
          const rows = [...table.rows()];
          const of = (pseudonym: string | undefined): unknown =>
            rows
              .filter((row) => row.pseudonym === pseudonym)
              .map(({ value, isUnique }) => ({ value, isUnique }));
          const alone = (value: string): unknown => [{ value, isUnique: true }];
          // With validOutput an id that is longer than ids may be is taken away.
          if (made.id !== undefined) expect(of(made.id)).toEqual(alone(own));
          expect(of(made.identifier[0]?.value)).toEqual(alone(identifier));
          // Versions of one resource have one pseudonym where they are left out.
          expect(of(made.subject.reference)).toContainEqual({ value: subject, isUnique: true });
        },
      ),
      randomly(100),
    );
  });

  it('with encrypt: the text itself, numbers and booleans as such, and all else as it came', () => {
    fc.assert(
      fc.property(
        text,
        fc.boolean(),
        fc.integer(),
        fc.constantFrom('microsoft', 'miracum'),
        (note, isTrue, integer, dialect) => {
          const configuration = configurationOf({ dialect });
          const resource = {
            resourceType: 'Observation',
            id: 'o',
            status: 'final',
            note: [{ text: note }],
            valueInteger: integer,
            component: [{ valueBoolean: isTrue }, { valueString: note }],
          };
          const made = exported(configuration, resource);
          const decryption = new Decryption(
            keyBytes(ENCRYPT, configuration.parameters, SECRET),
            FhirModel.of('R4'),
            configuration.parameters.dialect,
          );
          const found = decryption.resource(made);
          expect({ ...(JSON.parse(stringifyJson(found)) as object), id: 'o', meta: undefined }).toEqual({
            ...resource,
            meta: undefined,
          });
          expect(decryption).toMatchObject({ decrypted: 4, kept: 0 });
        },
      ),
      randomly(100),
    );
  });
});

describe('the table of pseudonyms', () => {
  it('has all candidates of a truncated pseudonym that is of several values, each marked', () => {
    // No such values are known for 32 digits, the fewest that a configuration may ask for.
    const configuration = configurationOf({});
    const short = { ...configuration, parameters: { ...configuration.parameters, truncate: 2 } };
    const table = new PseudonymTable(short);
    const values = Array.from({ length: 300 }, (_, index) => `id-${index}`);
    for (const value of [...values, ...values]) table.add(value);
    const rows = [...table.rows()];
    expect(new Set(rows.map(({ value }) => value))).toEqual(new Set(values));
    expect(table.size).toBeLessThan(257);
    expect(table.ambiguous).toBeGreaterThan(10);
    for (const { pseudonym, value, isUnique } of rows) {
      const others = rows.filter((row) => row.pseudonym === pseudonym && row.value !== value);
      expect(isUnique).toBe(others.length === 0);
      expect(pseudonym).toBe(exported(short, { resourceType: 'Observation', id: value })['id']);
    }
  });

  it('has only what is looked for, where that is said', () => {
    const configuration = configurationOf({});
    const wanted = exported(configuration, { resourceType: 'Observation', id: 'b' })['id'];
    const table = new PseudonymTable(configuration, new Set([String(wanted), 'unknown']));
    for (const value of ['a', 'b', 'c']) table.add(value);
    expect([...table.rows()]).toEqual([{ pseudonym: wanted, value: 'b', isUnique: true }]);
  });

  it('counts what the method cannot take', () => {
    const table = new PseudonymTable(configurationOf({}));
    table.add('\ud800');
    expect(table).toMatchObject({ size: 0 });
    expect(table.failed).toBeGreaterThan(0);
  });
});

describe('what is not encrypted stays, and so does what the key does not fit', () => {
  const decryption = (key: string): Decryption =>
    new Decryption(Buffer.from(key), FhirModel.of('R4'), 'microsoft');
  it.each<[string, string]>([
    ['a hash', 'a'.repeat(64)],
    ['Base64 of another length', Buffer.alloc(33).toString('base64')],
    ['no Base64', 'not encrypted at all, but long enough for it!'],
  ])('%s is not tried', (_what, value) => {
    const tried = decryption('0123456789abcdef');
    expect(tried.resource({ resourceType: 'Patient', id: value })).toEqual({
      resourceType: 'Patient',
      id: value,
    });
    expect(tried).toMatchObject({ decrypted: 0, kept: 0 });
  });

  it('a wrong key leaves nearly all, and says how many', () => {
    const configuration = configurationOf({});
    const tried = decryption('another-key-12345678901234567890'.slice(0, 32));
    for (let count = 0; count < 200; count++) {
      tried.resource(
        exported(configuration, { resourceType: 'Observation', note: [{ text: `a note ${count}` }] }),
      );
    }
    expect(tried.kept).toBeGreaterThan(190);
  });
});
