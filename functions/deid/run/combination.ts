import { remembered } from '../../common/maps.js';
import { RecentMap } from '../../common/recentMap.js';
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, valueAt } from '../../json/json.js';
import { numberText } from '../../json/jsonNumber.js';
import type { JsonTape } from '../../json/jsonTape.js';
import { nameNumber, nameOf, UNRESOLVED_NAME } from '../../json/keyNames.js';
import { splitPath } from '../configuration/rulePath.js';
import type { Evaluator, Item } from '../expression/collection.js';
import { valueText } from '../expression/conversions.js';
import { compileExpression, evaluate } from '../expression/evaluate.js';
import { parseFhirPath } from '../expression/parser.js';
import type { FhirModel } from '../model/fhirModel.js';
import { DepthError, FhirNode, type NodeContext } from '../model/node.js';
import { readsOf } from '../plan/reads.js';
import { FhirPathError } from '../values/values.js';

/** The type whose resources are compared. */
const PATIENT = 'Patient';
/** Values that are remembered of one expression. */
const MAX_REMEMBERED = 512;
/** Longest JSON, in bytes, of which the values are remembered. */
const MAX_LENGTH = 2048;

/** Reads the values of quasi-identifiers of Patients. */
export class CombinationReader {
  readonly #readers: readonly MemberReader[];

  /**
   * @param quasiIdentifiers FHIRPath expressions on Patient
   * @param now for `today()`, in milliseconds since the epoch
   */
  constructor(quasiIdentifiers: readonly string[], model: FhirModel, now: number) {
    const groups = new Map<string, { names: ReadonlySet<number> | undefined; texts: string[] }>();
    for (const text of quasiIdentifiers) {
      const names = membersOf(text, model);
      const key = names === undefined ? '' : [...names].join();
      remembered(groups, key, () => ({ names, texts: [] })).texts.push(text);
    }
    const context: NodeContext = { model, onDropped: () => undefined };
    this.#readers = [...groups.values()].map(({ names, texts }) => {
      const evaluators = texts.map((text) => compileExpression(parseFhirPath(text)));
      return new MemberReader(names, evaluators, context, now);
    });
  }

  /**
   * The values of a Patient that is all of a tape, as one text: two texts are the same only if all values are. Of each
   * expression, the values are a set: neither their order nor how often one is there distinguishes Patients. What has no
   * value is as if it were not there.
   * @returns `undefined` where an expression cannot be evaluated
   */
  read(tape: JsonTape): string | undefined {
    const combination: string[] = [];
    try {
      for (const reader of this.#readers) combination.push(reader.read(tape));
    } catch (error) {
      if (error instanceof FhirPathError || error instanceof DepthError) return undefined;
      throw error;
    }
    return combination.join();
  }
}

/** Reads the values of expressions that look at the same few members of the resource: what these are repeats. */
class MemberReader {
  /** Numbers of the names of the members; `undefined`: all. */
  readonly #names: ReadonlySet<number> | undefined;
  readonly #evaluators: readonly Evaluator[];
  readonly #context: NodeContext;
  readonly #now: number;
  readonly #remembered = new RecentMap<string, string>(MAX_REMEMBERED);

  constructor(
    names: ReadonlySet<number> | undefined,
    evaluators: readonly Evaluator[],
    context: NodeContext,
    now: number,
  ) {
    this.#names = names;
    this.#evaluators = evaluators;
    this.#context = context;
    this.#now = now;
  }

  /** @throws FhirPathError, DepthError */
  read(tape: JsonTape): string {
    const names = this.#names;
    if (names === undefined) return this.#values(valueAt(tape, tape.root));
    let key = '';
    for (let node = tape.first(tape.root); node < tape.after(tape.root); node = tape.after(node)) {
      const name = tape.name(node);
      if (name === UNRESOLVED_NAME) return this.#values(valueAt(tape, tape.root));
      if (names.has(name)) key += tape.bytes.toString('latin1', tape.nameStart(node), tape.end(node));
    }
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const values = this.#values(partOf(tape, names));
    if (key.length <= MAX_LENGTH) this.#remembered.set(key, values);
    return values;
  }

  #values(json: JsonValue): string {
    const patient = isJsonObject(json) ? { ...json, resourceType: PATIENT } : { resourceType: PATIENT };
    const resource = FhirNode.ofResource(this.#context, patient);
    if (resource === undefined) throw new TypeError('FHIR without Patient.');
    const environment = { resource, rootResource: resource, now: this.#now };
    const valuesOf = (evaluator: Evaluator): string[] => {
      const texts = evaluate(evaluator, [resource], environment).map(textOf);
      return [...new Set(texts.filter((text) => text !== undefined))].sort();
    };
    return JSON.stringify(this.#evaluators.map(valuesOf));
  }
}

/** The members of a Patient that an expression looks at; `undefined` where that cannot be known. */
function membersOf(text: string, model: FhirModel): ReadonlySet<number> | undefined {
  const { expression } = splitPath(text);
  const reads = expression === null ? null : readsOf(expression);
  if (reads === null || reads.some(({ names }) => names.length === 0)) return undefined;
  const names = new Set(reads.map(({ names: [first] }) => first));
  const elements = [...(model.resource(PATIENT)?.elements.values() ?? [])];
  return new Set(
    elements
      .filter(({ name }) => names.has(name))
      .flatMap(({ key }) => [nameNumber(key), nameNumber(`_${key}`)]),
  );
}

function partOf(tape: JsonTape, names: ReadonlySet<number>): JsonObject {
  const json: JsonObject = {};
  for (let node = tape.first(tape.root); node < tape.after(tape.root); node = tape.after(node)) {
    if (names.has(tape.name(node))) json[nameOf(tape.name(node))] = valueAt(tape, node);
  }
  return json;
}

function textOf(item: Item): string | undefined {
  if (!(item instanceof FhirNode)) return valueText(item);
  const { type, value, source } = item;
  if (type.primitive === null) return source === undefined ? undefined : stringifyJson(source);
  if (value === undefined || typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(value) : numberText(value);
}
