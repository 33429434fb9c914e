import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, valueAt } from '../../json/json.js';
import { addCompact } from '../../json/compactJson.js';
import { JsonTape, OBJECT, refuseReleased, type TapeValue } from '../../json/jsonTape.js';
import { nameNumber, UNKNOWN_NAME, UNRESOLVED_NAME } from '../../json/keyNames.js';
import { LineBuffer, viewOf } from '../../json/lineBuffer.js';
import type { FhirModel } from '../../deid/model/fhirModel.js';
import type { RequestedElement } from '../request/elements.js';
import type { ContentCounter } from '../../deid/run/contentCounter.js';
import type { LineMaker } from './lineMaker.js';

/** Marks a resource that is not whole: https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html */
const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
} as const;
/** Without these a line is of no use. The security labels, which say what was done to the data, are in `meta`. */
const ALWAYS = ['resourceType', 'id', 'meta'] as const;

/** Adds the line of a resource that is all of a tape to a line, cut to the elements asked for. */
export interface ElementCutter {
  (tape: JsonTape, line: LineBuffer): void;
  /**
   * The same of a resource as it came, anywhere on a tape.
   * @returns false where its line has to be made first: what was added is of no use then
   */
  ofRaw(resource: TapeValue, line: LineBuffer): boolean;
}

/** Names of elements that stay. */
interface Kept {
  readonly names: ReadonlySet<string>;
  readonly numbers: ReadonlySet<number>;
}

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const META = nameNumber('meta');
const TAG = nameNumber('tag');
const RESOURCE_TYPE = nameNumber('resourceType');

/**
 * Makes the cutter for `_elements`: of the resources of the types asked for, the root elements asked for stay, choice
 * elements by their name without the type (`value` keeps `valueQuantity`), primitives with their `_` siblings, and so do
 * elements that the type has to have. Types for which no element was asked for stay whole.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function elementCutter(elements: readonly RequestedElement[], model: FhirModel): ElementCutter {
  const keptOfType = new Map<string, Kept | undefined>();
  const keptOf = (type: string): Kept | undefined => {
    const asked = elements.filter((element) => element.type === undefined || element.type === type);
    if (asked.length === 0) return undefined;
    const names = new Set(asked.map(({ element }) => element));
    const kept = new Set<string>([...ALWAYS, ...names]);
    for (const { key, name, isRequired } of model.resource(type)?.elements.values() ?? []) {
      if (isRequired || names.has(name)) kept.add(key);
    }
    const all = [...kept].flatMap((key) => [key, `_${key}`]);
    return { names: new Set(all), numbers: new Set(all.map(nameNumber)) };
  };
  const keptAt = (tape: JsonTape, node: number): Kept | undefined => {
    const type = tape.textOf(node, RESOURCE_TYPE) ?? '';
    if (!keptOfType.has(type)) keptOfType.set(type, keptOf(type));
    return keptOfType.get(type);
  };
  const cut = (tape: JsonTape, line: LineBuffer): void => {
    const kept = keptAt(tape, tape.root);
    line.begin(tape.bytes);
    if (kept === undefined) line.piece(tape.start(tape.root), tape.end(tape.root));
    else addKept(tape, kept.names, line);
    // The bytes may be used for others now.
    line.truncate(line.length);
  };
  const ofRaw = (resource: TapeValue, line: LineBuffer): boolean => {
    refuseReleased(resource);
    const { tape, node } = resource;
    const kept = tape.kind(node) === OBJECT ? keptAt(tape, node) : undefined;
    line.begin(tape.bytes);
    return kept !== undefined && addKeptAsItCame(resource, kept.numbers, line);
  };
  return Object.assign(cut, { ofRaw });
}

/** @returns false where a name is there twice or has no number */
function addKeptAsItCame({ tape, node }: TapeValue, kept: ReadonlySet<number>, line: LineBuffer): boolean {
  const end = tape.after(node);
  let mask = 0;
  let hasOthers = false;
  let hasMeta = false;
  line.byte(OPEN_BRACE);
  for (let member = tape.first(node); member < end; member = tape.after(member)) {
    const name = tape.name(member);
    const bit = 1 << (name & 31);
    if (name === UNKNOWN_NAME || name === UNRESOLVED_NAME) return false;
    if ((mask & bit) !== 0 && tape.member(node, name) !== member) return false;
    mask |= bit;
    if (!kept.has(name)) continue;
    if (hasOthers) line.byte(COMMA);
    hasOthers = true;
    line.piece(tape.nameStart(member), tape.nameEnd(member));
    line.byte(COLON);
    if (name === META) {
      hasMeta = true;
      if (!addSubsetted(tape, member, line)) return false;
    } else if (!addCompact(tape, member, line)) return false;
  }
  if (!hasMeta) {
    if (hasOthers) line.byte(COMMA);
    line.copy(META_ALONE, 0, META_ALONE.byteLength);
  }
  line.byte(CLOSE_BRACE);
  return true;
}

/** Adds a `meta` as it came, and the tag; or one that has tags already as an object would be written. */
function addSubsetted(tape: JsonTape, meta: number, line: LineBuffer): boolean {
  if (tape.kind(meta) !== OBJECT || tape.isEmpty(meta) || tape.member(meta, TAG) >= 0) {
    line.text(stringifyJson(subsetted(valueAt(tape, meta))));
    return true;
  }
  if (!addCompact(tape, meta, line)) return false;
  line.replace(line.length - 1, line.length, TAG_AT_END);
  return true;
}

function addKept(tape: JsonTape, kept: ReadonlySet<string>, line: LineBuffer): void {
  const end = tape.after(tape.root);
  let separator = '{';
  let hasMeta = false;
  for (let member = tape.first(tape.root); member < end; member = tape.after(member)) {
    const name = tape.nameText(member);
    if (!kept.has(name)) continue;
    line.text(`${separator}${JSON.stringify(name)}:`);
    separator = ',';
    if (tape.name(member) !== META) line.piece(tape.start(member), tape.end(member));
    else {
      line.text(stringifyJson(subsetted(valueAt(tape, member))));
      hasMeta = true;
    }
  }
  line.text(hasMeta ? '}' : `${separator}"meta":${stringifyJson(subsetted({}))}}`);
}

/**
 * Lines cut after they are made: what an anonymized resource is, may depend on what is cut. The report has what the cut
 * lines contain, and what was not valid of the whole resources: one that is marked as cut may lack anything.
 * @param counter absent where nothing is counted, as of raw resources
 * @param comparesWhole whether Patients are compared by their whole lines
 */
export function cuttingLines(
  lineMaker: LineMaker,
  cut: ElementCutter,
  counter: ContentCounter | undefined,
  comparesWhole = false,
): LineMaker {
  const whole = new LineBuffer();
  const tape = new JsonTape();
  return {
    ...lineMaker,
    ...(comparesWhole && { comparedLine: () => whole.slice(0, whole.length) }),
    makeLine(resource, line, report) {
      if (lineMaker.isAsItCame?.(resource) === true) {
        const { length } = line;
        if (cut.ofRaw(resource, line)) return undefined;
        line.truncate(length);
      }
      whole.truncate(0);
      const failure = report.withoutContent(() => lineMaker.makeLine(resource, whole, report));
      if (failure !== undefined) return failure;
      if (!tape.read(whole.slice(0, whole.length))) throw new TypeError('A line that is no JSON.');
      const start = line.length;
      cut(tape, line);
      if (counter === undefined) return undefined;
      if (!tape.read(line.slice(start, line.length))) throw new TypeError('A cut line that is no JSON.');
      counter.add(tape, tape.root, report.ofType(tape.textOf(tape.root, RESOURCE_TYPE) ?? ''));
      return undefined;
    },
  };
}

function subsetted(json: JsonValue): JsonObject {
  const meta = isJsonObject(json) ? json : {};
  const tags: JsonValue[] = Array.isArray(meta['tag']) ? meta['tag'] : [];
  const isMarked = tags.some(
    (tag) => isJsonObject(tag) && tag['system'] === SUBSETTED.system && tag['code'] === SUBSETTED.code,
  );
  return isMarked ? meta : { ...meta, tag: [...tags, { ...SUBSETTED }] };
}

const TAGGED = JSON.stringify(subsetted({}));
/** Of a resource without `meta`, and at the end of one that has something. */
const META_ALONE = viewOf(Buffer.from(`"meta":${TAGGED}`));
const TAG_AT_END = Buffer.from(`,${TAGGED.slice(1)}`);
