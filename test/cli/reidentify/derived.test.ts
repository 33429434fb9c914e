import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PseudonymTable } from '../../../cli/reidentify/pseudonymTable.js';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { anonymizeText } from '../../../functions/deid/run/anonymizeText.js';
import { randomly } from '../../random.js';

const id = fc.stringMatching(/^[A-Za-z0-9\-.]{1,64}$/);

it('after an export with cryptoHash under BLAKE3, a derived key, another dialect or cut hashes, the true id is found, alone', () => {
  fc.assert(
    fc.property(
      fc.record({
        cryptoHashAlgorithm: fc.constantFrom('hmacSha256', 'blake3'),
        keyDerivationContext: fc.constantFrom(undefined, 'project-a'),
        dialect: fc.constantFrom('microsoft', 'miracum'),
      }),
      fc.constantFrom(undefined, 32),
      fc.uniqueArray(id, { minLength: 1, maxLength: 20 }),
      fc.nat(),
      (parameters, truncateToMaxLength, ids, chosen) => {
        const rule = { method: 'cryptoHash', truncateToMaxLength };
        const text = JSON.stringify({
          fhirPathRules: [
            { path: 'Resource.id', ...rule },
            { path: "nodesByType('Reference').reference", ...rule },
          ],
          parameters: { cryptoHashKey: 'k'.repeat(32), ...parameters },
        });
        const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
        if (configuration === undefined) throw new Error(JSON.stringify(issues));
        const engine = compileEngine(configuration, {
          fhirVersion: 'R4',
          now: 0,
          jobSecret: new Uint8Array(32),
          randomBytes: (size) => new Uint8Array(size),
          validation: 'off',
        });
        const own = ids[chosen % ids.length] ?? '';
        const subject = { reference: `Patient/${own}` };
        const made = anonymizeText(engine, JSON.stringify({ resourceType: 'Observation', id: own, subject }));
        if (made.outcome === 'failed') throw new Error(made.failure.message);
        const exported = JSON.parse(made.line) as { id: string; subject: { reference: string } };
        const table = new PseudonymTable(configuration);
        for (const each of ids) {
          table.add(each);
          table.add(`Patient/${each}`);
        }
        const found = [...table.rows()];
        const of = (pseudonym: string): unknown =>
          found.filter((row) => row.pseudonym === pseudonym).map(({ value, isUnique }) => [value, isUnique]);
        expect(of(exported.id)).toEqual([[own, true]]);
        expect(of(exported.subject.reference)).toEqual([[`Patient/${own}`, true]]);
      },
    ),
    randomly(100),
  );
});
