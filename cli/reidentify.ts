import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Configuration } from '../functions/deid/configuration/configuration.js';
import { keyBytes, keyOf } from '../functions/deid/configuration/keys.js';
import { CRYPTO_HASH } from '../functions/deid/methods/cryptoHash.js';
import { ENCRYPT } from '../functions/deid/methods/encrypt.js';
import type { Method } from '../functions/deid/methods/method.js';
import { FhirModel } from '../functions/deid/model/fhirModel.js';
import { pinnedText } from '../functions/deid/readConfiguration.js';
import { configurationDigest } from '../functions/export/request/pinnedConfiguration.js';
import { isJsonObject, JsonError, parseJson, stringifyJson } from '../functions/json/json.js';
import { decodeUtf8 } from '../functions/json/utf8.js';
import { resourceBytes } from './anonymizeFile.js';
import { ArgumentsError, type Given, UsageError } from './command.js';
import { missingKeys, readConfigurationFile, withKeys } from './configurationFile.js';
import { fileFault } from './fileFault.js';
import { Decryption } from './reidentify/decryption.js';
import { PrivateFile } from './reidentify/privateFile.js';
import { PseudonymTable, type PseudonymRow } from './reidentify/pseudonymTable.js';
import { openReidentification } from './reidentify/services.js';
import { sourceReferences } from './reidentify/sourceIds.js';

const AUDIT_FILE = 'reidentify-audit.ndjson';
const NO_SECRET = new Uint8Array(32);

/** `fhir-deid reidentify ids`. */
export async function ids(given: Given): Promise<number> {
  const { ids: file, types, pseudonyms, output = '', audit = AUDIT_FILE } = given.values;
  if ((file === undefined) === (types === undefined))
    throw new ArgumentsError('Give --ids, a file, or --types, which are read from the source.');
  const { configuration, digest } = await readConfiguration(given, CRYPTO_HASH);
  const wanted = pseudonyms === undefined ? undefined : await setOfLines(pseudonyms);
  const table = new PseudonymTable(configuration, wanted);
  const values =
    file === undefined
      ? sourceReferences(
          (types ?? '').split(',').map((type) => type.trim()),
          given.environment,
        )
      : linesOf(file);
  const written = new PrivateFile(output);
  let count = 0;
  try {
    for await (const value of values) {
      table.add(value);
      count++;
    }
    written.line('pseudonym,value,unique');
    for (const row of table.rows()) written.line(csvLine(row));
  } catch (error) {
    written.discard();
    throw error;
  }
  if (count > 0 && table.size === 0) {
    written.discard();
    console.error(
      wanted === undefined
        ? 'No value could be hashed: see the form of the ids.'
        : `None of ${wanted.size} pseudonyms was found: the key is not that of the export, or the values are others.`,
    );
    return 1;
  }
  const counts = {
    given: count,
    pseudonyms: table.size,
    notUnique: table.ambiguous,
    ...(wanted === undefined ? {} : { wanted: wanted.size, notFound: wanted.size - table.size }),
  };
  written.complete(audit, { command: 'reidentify ids', configuration: digest, counts });
  console.log(`values: ${count}\npseudonyms: ${table.size}`);
  if (wanted !== undefined) console.log(`not found: ${wanted.size - table.size} of ${wanted.size}`);
  if (table.failed > 0) console.log(`values that cannot be hashed: ${table.failed}`);
  if (table.ambiguous > 0)
    console.log(
      `pseudonyms of several values: ${table.ambiguous}. Each has a row for each value, with unique=false: truncate is short.`,
    );
  return 0;
}

/** `fhir-deid reidentify decrypt`. */
export async function decrypt(given: Given): Promise<number> {
  const { input = '', output = '', audit = AUDIT_FILE } = given.values;
  const { configuration, digest } = await readConfiguration(given, ENCRYPT);
  const key = keyBytes(ENCRYPT, configuration.parameters, NO_SECRET);
  const decryption = new Decryption(
    key,
    FhirModel.of(configuration.fhirVersion),
    configuration.parameters.dialect,
  );
  const written = new PrivateFile(output);
  let count = 0;
  let errors = 0;
  try {
    for await (const [line, bytes] of resourceBytes(input)) {
      count++;
      const resource = resourceOf(bytes);
      if (resource !== undefined) written.line(stringifyJson(decryption.resource(resource)));
      else {
        errors++;
        console.error(`${input}:${line}: Not a JSON object`);
      }
    }
  } catch (error) {
    written.discard();
    throw unreadable(input, error);
  }
  if (errors > 0) {
    written.discard();
    console.error(`No output, since ${errors} of ${count} lines cannot be read.`);
    return 1;
  }
  const { decrypted, kept } = decryption;
  if (decrypted === 0 && kept > 0) {
    written.discard();
    console.error(
      `None of ${kept} texts that may be encrypted could be decrypted: the key is not that of the export.`,
    );
    return 1;
  }
  const counts = { resources: count, decrypted, kept };
  written.complete(audit, { command: 'reidentify decrypt', configuration: digest, counts });
  console.log(
    `resources: ${count}\ndecrypted: ${decrypted}\nof the form of encrypted texts, and kept: ${kept}`,
  );
  return 0;
}

/** `fhir-deid reidentify service`. */
export async function service(given: Given): Promise<number> {
  const { domain = '', pseudonyms = '', ids: file, output = '', audit = AUDIT_FILE } = given.values;
  const asked = openReidentification(domain, given.environment);
  const wanted = await setOfLines(pseudonyms);
  if (asked.by === 'value' && file === undefined)
    throw new ArgumentsError('The table has no values: give --ids, a file of those that may be looked for.');
  const written = new PrivateFile(output);
  let found = 0;
  try {
    written.line('pseudonym,value,unique');
    const keys = asked.by === 'value' ? await setOfLines(file ?? '') : wanted;
    for (const key of keys) {
      const other = asked.by === 'value' ? await asked.pseudonymOf(key) : await asked.valueOf(key);
      const [pseudonym, value] = asked.by === 'value' ? [other, key] : [key, other];
      if (pseudonym === undefined || value === undefined || !wanted.has(pseudonym)) continue;
      // A service gives one value one pseudonym, and no other value the same.
      written.line(csvLine({ pseudonym, value, isUnique: true }));
      found++;
    }
  } catch (error) {
    written.discard();
    throw error;
  }
  const counts = { wanted: wanted.size, notFound: wanted.size - found };
  written.complete(audit, { command: 'reidentify service', domain, counts });
  console.log(`pseudonyms: ${found}\nnot found: ${counts.notFound} of ${wanted.size}`);
  if (found === 0) console.log('None was found: is --domain the one of the export, with its prefix?');
  return 0;
}

/** Reads a configuration with its keys, of which that of a method has to be one that lasts. */
async function readConfiguration(
  given: Given,
  method: Method,
): Promise<{ configuration: Configuration; digest: string }> {
  const { environment } = given;
  const read = await readConfigurationFile(given.values['config'] ?? '', given, {});
  const { name, key } = method;
  if (!read.configuration.rules.some((rule) => rule.method === method))
    throw new UsageError(`The configuration has no rule with ${name}.`);
  if (key === undefined || keyOf(key, read.configuration.parameters).kind === 'job')
    throw new UsageError(
      `The configuration gives no ${key?.name}: the key of each export was random, and was destroyed with its job.`,
    );
  const { configuration, missing } = await withKeys(read.configuration, environment);
  if (missing.length > 0) throw new UsageError(`${missingKeys(missing, environment)}.`);
  return { configuration, digest: configurationDigest(pinnedText(read.text)) };
}

function resourceOf(bytes: Buffer): ReturnType<typeof parseObject> {
  try {
    return parseObject(bytes);
  } catch (error) {
    // A RangeError: nested too deeply.
    if (error instanceof JsonError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function parseObject(bytes: Buffer): Parameters<Decryption['resource']>[0] | undefined {
  const json = parseJson(decodeUtf8(bytes));
  return isJsonObject(json) ? json : undefined;
}

async function setOfLines(path: string): Promise<Set<string>> {
  const lines = new Set<string>();
  for await (const line of linesOf(path)) lines.add(line);
  return lines;
}

/** The lines of a file that hold something. */
async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    for await (const line of createInterface({
      input: createReadStream(path, 'utf8'),
      crlfDelay: Infinity,
    })) {
      if (line !== '') yield line;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new UsageError(`The file ${path} cannot be read (${fileFault(error)}).`);
}

/** A line of CSV: https://www.rfc-editor.org/rfc/rfc4180 */
function csvLine({ pseudonym, value, isUnique }: PseudonymRow): string {
  return [pseudonym, value, String(isUnique)].map(csvField).join(',');
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
