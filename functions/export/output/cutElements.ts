import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, valueAt } from '../../json/json.js';
import { JsonTape } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import { LineBuffer } from '../../json/lineBuffer.js';
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
export type ElementCutter = (tape: JsonTape, line: LineBuffer) => void;

const META = nameNumber('meta');
const RESOURCE_TYPE = nameNumber('resourceType');

/**
 * Makes the cutter for `_elements`: of the resources of the types asked for, the root elements asked for stay, choice
 * elements by their name without the type (`value` keeps `valueQuantity`), primitives with their `_` siblings, and so do
 * elements that the type has to have. Types for which no element was asked for stay whole.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
 */
export function elementCutter(elements: readonly RequestedElement[], model: FhirModel): ElementCutter {
  const keptOfType = new Map<string, ReadonlySet<string> | undefined>();
  const keptOf = (type: string): ReadonlySet<string> | undefined => {
    const asked = elements.filter((element) => element.type === undefined || element.type === type);
    if (asked.length === 0) return undefined;
    const names = new Set(asked.map(({ element }) => element));
    const kept = new Set<string>([...ALWAYS, ...names]);
    for (const { key, name, isRequired } of model.resource(type)?.elements.values() ?? []) {
      if (isRequired || names.has(name)) kept.add(key);
    }
    return new Set([...kept].flatMap((key) => [key, `_${key}`]));
  };
  return (tape, line) => {
    const type = tape.textOf(tape.root, RESOURCE_TYPE) ?? '';
    if (!keptOfType.has(type)) keptOfType.set(type, keptOf(type));
    const kept = keptOfType.get(type);
    line.begin(tape.bytes);
    if (kept === undefined) line.piece(tape.start(tape.root), tape.end(tape.root));
    else addKept(tape, kept, line);
    // The bytes may be used for others now.
    line.truncate(line.length);
  };
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
 */
export function cuttingLines(
  lineMaker: LineMaker,
  cut: ElementCutter,
  counter: ContentCounter | undefined,
): LineMaker {
  const whole = new LineBuffer();
  const tape = new JsonTape();
  return {
    ...lineMaker,
    makeLine(resource, line, report) {
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
