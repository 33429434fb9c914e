import { describe, expect, it } from 'vitest';
import { configurationOf, linkOf } from '../../console/engine/links.js';
import { parseDocument } from '../../functions/deid/reading/document.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import type { Method } from '../../functions/deid/methods/method.js';
import { HOSTILE_TEXTS, hostileConfiguration } from './hostile.js';

const KEYS = METHODS.flatMap(({ key }: Method) => key?.name ?? []);
const SECRET = 'a key that is 32 characters long';

const WAYS = KEYS.flatMap((key) => [
  `{ "parameters": { "${key}": "${SECRET}" } }`,
  `{ "PARAMETERS": { "${key.toUpperCase()}": "${SECRET}" } }`,
  `parameters:\n  ${key}: ${SECRET} # ${SECRET}\n`,
  `key: &k ${SECRET}\nparameters:\n  ${key}: *k\n`,
  `{ "parameters": { "${key}": { "secretName": "a-name", "text": "${SECRET}" } } }`,
  `{ "parameters": { "${key}": ["${SECRET}"] } }`,
  `{ "${key}": "${SECRET}" }`,
  `{ "parameters": { "${key} ": "${SECRET}" } }`,
  `{ "fhirPathRules": [{ "path": "Patient.id", "method": "cryptoHash", "${key}": "${SECRET}" }] }`,
  `{ "fhirPathRules": [{ "path": "Patient.id", "method": "no such method", "text": "${SECRET}" }, "${SECRET}"] }`,
  `{ "extends": { "sample": "x", "configuration": { "parameters": { "${key}": "${SECRET}" } } } }`,
  `{ "fhirVersion": { "parameters": "${SECRET}" }, "processingErrors": ["${SECRET}", 1] }`,
  `{ "parameters": { "dateShiftScope": { "${key}": "${SECRET}" } } }`,
  `{ "parameters": { "referenceServers": [{ "${key}": "${SECRET}" }] } }`,
  `parameters:\n  validOutput:\n    ${key}: ${SECRET}\n`,
  `{ "parameters": [{ "${key}": "${SECRET}" }] }`,
  `{ "fhirPathRules": [{ "path": { "${key}": "${SECRET}" }, "method": { "${key}": "${SECRET}" } }] }`,
  `{ "fhirPathRules": [{ "path": "Patient.id", "method": "substitute", "replaceWith": { "parameters": [{ "${key}": "${SECRET}" }] } }] }`,
  `fhirPathRules:\n  - path: Patient.id\n    method: substitute\n    replaceWith: { text: x, " ${key.toUpperCase()}": ${SECRET} }\n`,
  `// ${SECRET}\n{ /* ${SECRET} */ "fhirPathRules": [] }`,
]);

const inflated = async (fragment: string): Promise<string> => configurationOf(fragment);

describe('a link', () => {
  it.each(WAYS)('has no key: %s', async (text) => {
    const link = await linkOf(text);
    expect(link.configuration).not.toContain('32 characters');
    expect(await inflated(link.fragment)).toBe(link.configuration);
    expect(link.fragment).toMatch(/^[A-Za-z0-9_=-]+$/);
  });

  it('says what was left out', async () => {
    const { dropped } = await linkOf(
      '{ "extra": 1, "parameters": { "encryptKey": "x", "dateShiftFixedOffsetInDays": 3, "cryptoHashKey": "" } }',
    );
    expect(dropped).toEqual(['extra', 'parameters.encryptKey', 'parameters.dateShiftFixedOffsetInDays']);
  });

  it('holds all else: rules with their settings, parameters, names of secrets, numbers by their digits', async () => {
    const text = `{ "fhirVersion": ["R4", "R4B"], "processingErrors": "skip", "extends": "hipaa-safe-harbor-r4@1",
      "fhirPathRules": [{ "path": "Patient.id", "method": "CryptoHash" }, { "path": "Observation.value", "method": "perturb", "span": 1.50 },
        { "path": "Patient.name", "method": "substitute", "replaceWith": { "family": "x" } }],
      "parameters": { "dateShiftScope": "resource", "cryptoHashKey": { "secretName": "a-name" }, "validOutput": true } }`;
    const { fragment, dropped } = await linkOf(text);
    const opened = await inflated(fragment);
    expect(dropped).toEqual([]);
    expect(parseDocument(opened)).toEqual(parseDocument(text));
    expect(opened).toContain('1.50');
  });

  it.each(['', 'x', 'c=', 'c=AAAA', 'c=%%', 'c=' + 'A'.repeat(10_000)])(
    'that is none is refused: %s',
    async (fragment) => {
      await expect(configurationOf(fragment)).rejects.toThrow(/link is damaged|no configuration/);
    },
  );

  it('that expands to more than a configuration is not read to its end', async () => {
    const bomb = new Blob([' '.repeat(30_000_000)])
      .stream()
      .pipeThrough(new CompressionStream('deflate-raw'));
    const bytes = Buffer.from(await new Response(bomb).arrayBuffer());
    await expect(configurationOf(`c=${bytes.toString('base64url')}`)).rejects.toThrow('link is damaged');
  });

  it('that somebody made with a key is opened without', async () => {
    const text = new Blob([`{ "parameters": { "encryptKey": "${SECRET}" } }`]);
    const stream = text.stream().pipeThrough(new CompressionStream('deflate-raw'));
    const bytes = Buffer.from(await new Response(stream).arrayBuffer());
    expect(await configurationOf(`c=${bytes.toString('base64url')}`)).not.toContain(SECRET);
  });

  it('of a hostile configuration is made and opened', async () => {
    for (const text of HOSTILE_TEXTS.filter(({ length }) => length < 1000)) {
      const { fragment, configuration } = await linkOf(hostileConfiguration(text));
      expect(await inflated(fragment)).toBe(configuration);
    }
  });
});
