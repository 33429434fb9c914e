import { isUtf8 } from 'node:buffer';
import { isConfigurationName } from '../../export/request/configurationName.js';
import type { RequestedConfiguration } from '../../export/request/kickOff.js';
import { type OciReference, readOciReference } from '../../export/request/ociReference.js';
import { errorIssue, type IssueType } from '../../fhir/operationOutcome.js';
import { notJson } from '../../json/json.js';
import { ARRAY, JsonTape, OBJECT, type TapeValue } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import { notUtf8 } from '../../json/utf8.js';
import { RequestError } from '../respond.js';

/** What a request of `$de-identify` asks for. */
export interface DeIdentifyRequest {
  readonly resource: TapeValue;
  readonly configuration:
    | { readonly kind: 'default' }
    | { readonly kind: 'named'; readonly requested: RequestedConfiguration }
    /** The text of one that was sent along. */
    | { readonly kind: 'sent'; readonly text: string };
  /** What the domains of pseudonyms are to begin with. */
  readonly domainPrefix: string | undefined;
}

/** Parameters that are texts: those that `$export` has under the same names, and a configuration itself. */
const NAME = '_anonymizationConfig';
const COLLECTION = '_anonymizationConfigCollectionReference';
const SENT = 'configuration';
const TEXTS: readonly string[] = [NAME, COLLECTION, SENT];
/** The setting that there is, as fhir-pseudonymizer names it. */
const DOMAIN_PREFIX = 'domain-prefix';
const IN_URL: readonly string[] = [NAME, COLLECTION];
/** The keys of the host, which are no parameters of the operation. */
const OF_HOST: readonly string[] = ['code', 'clientid'];
const MAX_PARAMETERS = 100;

// Before any data is read: a tape does not know a name that gets its number later.
const RESOURCE_TYPE = nameNumber('resourceType');
const PARAMETER = nameNumber('parameter');
const PART = nameNumber('part');
const NAME_OF_PART = nameNumber('name');
const VALUE_STRING = nameNumber('valueString');
const RESOURCE = nameNumber('resource');

/**
 * Reads a request: a resource, or a `Parameters` resource (https://hl7.org/fhir/R4/parameters.html) with one in it.
 * Nothing of what was sent is in the words of a refusal.
 * @param body JSON, as it came
 * @param search of the URL
 * @throws RequestError 400 that names what is wrong
 */
export function readDeIdentifyRequest(body: Buffer, search: string): DeIdentifyRequest {
  const { tape, node, bytes } = jsonOf(body);
  const texts = new Map<string, string>();
  readUrl(search, texts);
  const isParameters = tape.textOf(node, RESOURCE_TYPE) === 'Parameters';
  const resource = isParameters ? readParameters(tape, node, texts) : node;
  return {
    resource: { tape, node: resource, bytes },
    configuration: configurationOf(texts),
    domainPrefix: texts.get(DOMAIN_PREFIX),
  };
}

function jsonOf(body: Buffer): TapeValue {
  if (body.length === 0)
    throw wrong('required', 'The body is empty: send a resource, or Parameters with one.');
  const tape = new JsonTape();
  if (!isUtf8(body)) throw wrong('invalid', `The body is not JSON: ${notUtf8(body).message}.`);
  if (!tape.read(body)) throw wrong('invalid', `The body is not JSON: ${notJson(tape).message}.`);
  if (tape.kind(tape.root) !== OBJECT)
    throw wrong('invalid', 'The body must be one resource, a JSON object with resourceType.');
  return { tape, node: tape.root, bytes: body };
}

function readUrl(search: string, texts: Map<string, string>): void {
  for (const [spelled, value] of new URLSearchParams(search)) {
    if (OF_HOST.includes(spelled.toLowerCase())) continue;
    const name = IN_URL.find((known) => known.toLowerCase() === spelled.toLowerCase());
    if (name === undefined)
      throw wrong(
        'not-supported',
        `The URL has a parameter that is not known: it takes ${IN_URL.join(' and ')}.`,
      );
    addText(texts, name, value);
  }
}

/** @returns the node of the resource that is to be de-identified */
function readParameters(tape: JsonTape, root: number, texts: Map<string, string>): number {
  let resource: number | undefined;
  for (const [index, node] of itemsOf(tape, root, PARAMETER, 'Parameters.parameter').entries()) {
    const place = `Parameters.parameter[${index}]`;
    const name = tape.kind(node) === OBJECT ? tape.textOf(node, NAME_OF_PART) : undefined;
    if (name === 'resource') {
      if (resource !== undefined)
        throw wrong('invalid', 'The parameter resource may be given once only.', place);
      resource = resourceOf(tape, node, place);
    } else if (name !== undefined && TEXTS.includes(name)) {
      const text = tape.textOf(node, VALUE_STRING);
      if (text === undefined) throw wrong('invalid', `The parameter ${name} must have a valueString.`, place);
      addText(texts, name, text);
    } else if (name === 'settings') readSettings(tape, node, place, texts);
    else {
      const known = `resource, settings, ${TEXTS.join(', ')}`;
      throw wrong('not-supported', `This parameter is not known: the operation takes ${known}.`, place);
    }
  }
  if (resource !== undefined) return resource;
  throw wrong(
    'required',
    'Parameters must have the resource that is to be de-identified: {"name":"resource","resource":{…}}.',
    'Parameters.parameter',
  );
}

/** The nodes of a list of parameters. @param name its number. @param place of the list, for messages */
function itemsOf(tape: JsonTape, object: number, name: number, place: string): number[] {
  const list = tape.lastMember(object, name);
  if (list < 0) return [];
  if (tape.kind(list) !== ARRAY) throw wrong('invalid', `${place} must be an array.`, place);
  const nodes: number[] = [];
  for (let node = tape.first(list); node < tape.after(list); node = tape.after(node)) {
    if (nodes.push(node) > MAX_PARAMETERS)
      throw wrong('too-long', `${place} has more than ${MAX_PARAMETERS} items.`, place);
  }
  return nodes;
}

function resourceOf(tape: JsonTape, parameter: number, place: string): number {
  const resource = tape.lastMember(parameter, RESOURCE);
  if (resource >= 0 && tape.kind(resource) === OBJECT) return resource;
  throw wrong(
    'invalid',
    'The parameter resource must have a resource: {"name":"resource","resource":{…}}.',
    place,
  );
}

/** A setting that were ignored would give another result than was asked for. */
function readSettings(tape: JsonTape, node: number, place: string, texts: Map<string, string>): void {
  for (const part of itemsOf(tape, node, PART, `${place}.part`)) {
    const name = tape.kind(part) === OBJECT ? tape.textOf(part, NAME_OF_PART) : undefined;
    const text = name === undefined ? undefined : tape.textOf(part, VALUE_STRING);
    if (name !== DOMAIN_PREFIX || text === undefined) {
      const known = `The operation takes one setting, ${DOMAIN_PREFIX} with a valueString`;
      throw wrong('not-supported', `${known}: put others into the configuration.`, place);
    }
    addText(texts, DOMAIN_PREFIX, text);
  }
}

function addText(texts: Map<string, string>, name: string, text: string): void {
  if (texts.has(name)) throw wrong('invalid', `${name} may be given once only.`, name);
  if (text === '') throw wrong('value', `${name} is empty. Give it a value or leave it out.`, name);
  texts.set(name, text);
}

function configurationOf(texts: ReadonlyMap<string, string>): DeIdentifyRequest['configuration'] {
  const [name, reference, text] = TEXTS.map((known) => texts.get(known));
  if (text !== undefined) {
    if (name === undefined && reference === undefined) return { kind: 'sent', text };
    throw wrong(
      'invalid',
      `${SENT} is a configuration itself, and ${NAME} names one: give one of them.`,
      SENT,
    );
  }
  if (name === undefined) {
    if (reference === undefined) return { kind: 'default' };
    throw wrong(
      'required',
      `${COLLECTION} needs ${NAME}, the name of the configuration file in the image.`,
      NAME,
    );
  }
  if (!isConfigurationName(name))
    throw wrong(
      'value',
      `${NAME} must be the name of a blob in the container anonymization, or of a file in the image of ${COLLECTION}.`,
      NAME,
    );
  const collection = reference === undefined ? undefined : collectionOf(reference);
  return { kind: 'named', requested: { name, etag: undefined, collection, isDefault: false } };
}

function collectionOf(text: string): OciReference {
  const read = readOciReference(text);
  if ('reference' in read) return read.reference;
  throw wrong('value', `${COLLECTION} ${read.problem}.`, COLLECTION);
}

function wrong(code: IssueType, message: string, expression?: string): RequestError {
  return new RequestError(400, [errorIssue(code, message, expression)]);
}
