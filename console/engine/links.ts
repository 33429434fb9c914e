import { TOP_LEVEL } from '../../functions/deid/configuration/extended.js';
import { GENERAL } from '../../functions/deid/configuration/parameters.js';
import type { Method } from '../../functions/deid/methods/method.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { parseDocument } from '../../functions/deid/reading/document.js';
import { DocumentError } from '../../functions/deid/reading/documentError.js';
import { isJsonObject, stringifyJson, type JsonObject, type JsonValue } from '../../functions/json/json.js';
import type { ConfigurationLink } from './protocol.js';
import { CallError } from './serve.js';

/** What a fragment begins with: says how the rest is to be read. */
const PREFIX = 'c=';
/** Largest text in a link, in bytes: a configuration has at most 1 MiB of UTF-16 units. */
const MAX_BYTES = 4 * 1024 * 1024;

const METHOD_LIST: readonly Method[] = METHODS;

/** Parameters that are keys, or tell by how much values were changed: with them, what is exported can be undone. */
const SECRET = new Set(
  [...METHOD_LIST.flatMap(({ key }) => key?.name ?? []), 'dateShiftFixedOffsetInDays'].map(lower),
);
const PARAMETERS = new Set(
  [...METHOD_LIST.flatMap(({ parameters }) => Object.keys(parameters)), ...Object.keys(GENERAL)].map(lower),
);

/** A configuration as a link can hold it. @throws CallError where a text is none */
export async function linkOf(text: string): Promise<ConfigurationLink> {
  const { json, dropped } = withoutSecrets(read(text));
  const configuration = laidOut(json);
  const stream = new Blob([stringifyJson(json)]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return { fragment: PREFIX + Buffer.from(bytes).toString('base64url'), configuration, dropped };
}

/** The configuration of a link's fragment. @throws CallError where there is none in it */
export async function configurationOf(fragment: string): Promise<string> {
  if (!fragment.startsWith(PREFIX)) throw noConfiguration();
  const bytes = Buffer.from(fragment.slice(PREFIX.length), 'base64url');
  const stream = new Blob([new Uint8Array(bytes)])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (const reader = stream.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.byteLength;
      // Of what expands to more, the rest is not read.
      if (length > MAX_BYTES) throw noConfiguration();
      parts.push(value);
    }
  } catch {
    throw noConfiguration();
  }
  // Whoever made it: what is opened has no key.
  return laidOut(withoutSecrets(read(Buffer.concat(parts).toString('utf8'))).json);
}

function noConfiguration(): CallError {
  return new CallError('invalid', 'the link is damaged, or of something else.');
}

function read(text: string): JsonObject {
  try {
    const json = parseDocument(text);
    if (isJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
  }
  throw new CallError('invalid', 'The text is no configuration.');
}

/** What the engine reads of a configuration, but for its keys: what it does not know is left out, since it may be one. */
function withoutSecrets(json: JsonObject): { json: JsonObject; dropped: string[] } {
  const kept: JsonObject = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(json)) {
    const known = TOP_LEVEL.find((one) => lower(one) === lower(name));
    if (known === undefined) dropped.push(name);
    else if (known === 'parameters') kept[name] = parametersOf(value, dropped);
    else if (known.startsWith('fhirPathRules')) kept[name] = rulesOf(value, name, dropped);
    else if (isPlain(value)) kept[name] = value;
    else dropped.push(name);
  }
  return { json: kept, dropped };
}

/** Texts, and lists of texts: versions, names of samples. */
function isPlain(value: JsonValue | undefined): boolean {
  return (Array.isArray(value) ? value : [value]).every((item) => typeof item === 'string');
}

function parametersOf(value: JsonValue | undefined, dropped: string[]): JsonObject {
  const kept: JsonObject = {};
  if (!isJsonObject(value)) return kept;
  for (const [name, parameter] of Object.entries(value)) {
    // No parameter but a key has members: in those of others may be a key that is in the wrong place.
    const isKept = SECRET.has(lower(name)) ? namesSecret(parameter) : !hasMembers(parameter);
    if (PARAMETERS.has(lower(name)) && isKept) kept[name] = parameter;
    else if (parameter !== '' && parameter !== null) dropped.push(`parameters.${name}`);
  }
  return kept;
}

/** Whether an object is in a value. */
function hasMembers(value: JsonValue | undefined): boolean {
  return Array.isArray(value) ? value.some(hasMembers) : isJsonObject(value);
}

/** Whether a key is given by the name of a secret, and nothing else. */
function namesSecret(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && Object.keys(value).length === 1 && typeof value['secretName'] === 'string';
}

function rulesOf(value: JsonValue | undefined, at: string, dropped: string[]): JsonValue[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((rule, index) => {
    if (!isJsonObject(rule)) return [];
    const method = METHOD_LIST.find(({ name }) => isText(rule['method'], name));
    const known = ['path', 'method', ...Object.keys(method?.settings ?? {})];
    const kept: JsonObject = {};
    for (const [name, setting] of Object.entries(rule)) {
      const isPlainText = name === 'path' || name === 'method';
      const isKept =
        known.includes(name) && (isPlainText ? typeof setting === 'string' : !hasSecret(setting));
      if (isKept) kept[name] = setting;
      else dropped.push(`${at}[${index}].${name}`);
    }
    return [kept];
  });
}

/** Whether a member is named as a key is, anywhere in a value. */
function hasSecret(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.some(hasSecret);
  return (
    isJsonObject(value) &&
    Object.entries(value).some(([name, inner]) => SECRET.has(lower(name.trim())) || hasSecret(inner))
  );
}

/** A configuration as text, a rule on each line. */
function laidOut(json: JsonObject): string {
  const members = Object.entries(json).map(([name, value]) => {
    const text =
      Array.isArray(value) && value.length > 0 && !isPlain(value)
        ? `[\n${value.map((item) => `    ${stringifyJson(item)}`).join(',\n')}\n  ]`
        : stringifyJson(value ?? null);
    return `  ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${members.join(',\n')}\n}\n`;
}

function lower(text: string): string {
  return text.toLowerCase();
}

function isText(value: JsonValue | undefined, text: string): boolean {
  return typeof value === 'string' && lower(value) === lower(text);
}
