import type { ElementWork } from './elementWork.js';
import { isJsonObject, parseJson, stringifyJson, type JsonObject } from '../../json/json.js';
import { JsonNumber } from '../../json/jsonNumber.js';
import {
  ARRAY,
  FALSE,
  NULL,
  NUMBER,
  OBJECT,
  STRING,
  TRUE,
  JsonTape,
  type TapeValue,
} from '../../json/jsonTape.js';
import { nameLength, nameNumber, UNTOLD_NAME } from '../../json/keyNames.js';
import { addLabels, SUBSTITUTED, labelsJson } from '../methods/labels.js';
import { LineBuffer, type Mark } from '../../json/lineBuffer.js';
import { TextResults } from '../methods/textResults.js';
import { MAX_DEPTH } from '../model/node.js';
import { isPrimitiveOf, type Primitive } from '../model/primitive.js';
import type { ResourceRun } from './resourceRun.js';
import { partOf, UNUSUAL, type TapeEntry, type TapeNode, type TapePlan } from '../plan/tapePlan.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NO_RESULTS = new TextResults(0, (text) => text);

/** Where the plans of resources come from. */
export interface TapePlans {
  /** The plan of the resource at an object; null where it is none, or none for the tape. */
  planAt(tape: JsonTape, object: number): TapePlan | null;
}

const ID = nameNumber('id');
const META = nameNumber('meta');
const SECURITY = nameNumber('security');
const VALUE = nameNumber('value');
const CONTAINED = nameNumber('contained');

/** What became of a member. */
const GONE = 0;
const WRITTEN = 1;
/** Written, and more than nothing to FHIR. */
const LEFT = 2;

/** What becomes of a primitive's value. */
const NO_VALUE = 0;
const AS_IT_CAME = 1;
const CHANGED = 2;
const REPLACED = 3;

/**
 * Walks a resource on its tape along its plan, as `PlanWalk` does with objects, and writes what is left as a line. It
 * does the usual; whatever is seldom met it leaves to the other walk, before anything was counted for good.
 */
export class TapeWalk {
  private tape = new JsonTape(0);
  private readonly run: ResourceRun;
  private readonly work: ElementWork;
  private line: LineBuffer;
  private readonly memberMarks: Mark[] = [];
  private readonly itemMarks: Mark[] = [];
  private readonly plans: TapePlans;
  private result: Primitive = '';
  private results = NO_RESULTS;
  private place = 0;
  private root = 0;
  private patientNames: ReadonlySet<number> = new Set();
  private rootIdMember = -1;
  private rootIdEntry: TapeEntry | undefined;
  private rootIdBecame = NO_VALUE;
  private rootIdResult: Primitive = '';

  constructor(run: ResourceRun, work: ElementWork, plans: TapePlans) {
    this.plans = plans;
    this.run = run;
    this.work = work;
    this.line = new LineBuffer();
    for (let depth = 0; depth <= MAX_DEPTH + 1; depth++) {
      this.memberMarks.push({ length: 0, from: 0, to: 0 });
      this.itemMarks.push({ length: 0, from: 0, to: 0 });
    }
  }

  /**
   * De-identifies an outermost resource, and adds its line, labels included.
   * @throws UNUSUAL where the other walk has to do it; anything else that is thrown it will throw again
   */
  resource({ tape, node: root }: TapeValue, plan: TapePlan, line: LineBuffer): void {
    const { run } = this;
    this.tape = tape;
    this.line = line;
    this.root = root;
    this.patientNames = plan.patientNames;
    const outer = run.startResource(this.tellingPatient, 'outermost');
    const node = this.begun(plan, root);
    this.rootId(node, root);
    line.byte(OPEN_BRACE);
    const end = tape.after(root);
    let written = 0;
    let metaStart = -1;
    let metaAt = -1;
    let isMetaWritten = false;
    let isMetaFirst = false;
    let metaNode = -1;
    // The untold name counts as one that was there before.
    let mask = 1 << UNTOLD_NAME;
    for (let member = tape.first(root); member < end; member = tape.after(member)) {
      const name = tape.name(member);
      const bit = 1 << (name & 31);
      if ((mask & bit) !== 0) this.refuseRepeated(root, member, name);
      mask |= bit;
      const start = line.length;
      let became: number;
      if (name === ID) became = this.putRootId(member, written > 0);
      else became = this.member(node.entry(name), node, root, member, 0, written > 0);
      if (name === META) {
        metaNode = member;
        metaStart = start;
        metaAt = line.length;
        isMetaWritten = became !== GONE;
        isMetaFirst = written === 0;
      }
      if (became !== GONE) written++;
    }
    line.byte(CLOSE_BRACE);
    const operations = run.endResource(outer);
    const labels = labelsJson(operations);
    if (labels === null) return;
    if (isMetaWritten && tape.member(metaNode, SECURITY) >= 0) this.label(operations, metaStart, metaAt);
    else if (isMetaWritten) line.replace(metaAt - 1, metaAt - 1, labels.inMeta);
    else if (metaAt < 0)
      line.replace(line.length - 1, line.length - 1, written === 0 ? labels.meta : labels.lastMeta);
    else if (isMetaFirst) line.replace(metaAt, metaAt, written === 0 ? labels.meta : labels.firstMeta);
    else line.replace(metaAt, metaAt, labels.lastMeta);
  }

  /** Adds labels to a `meta` that has, or had, some: it was written as a member from `start` to `end`. */
  private label(operations: number, start: number, end: number): void {
    const { line } = this;
    const name = line.slice(start, end).indexOf('"meta":');
    const place = start + name + '"meta":'.length;
    const meta = parseJson(line.slice(place, end).toString());
    // Labels that are all gone would stand where they were, which the bytes do not tell any more.
    if (!isJsonObject(meta) || !Object.hasOwn(meta, 'security')) throw UNUSUAL;
    addLabels({ meta }, operations);
    line.replace(place, end, Buffer.from(stringifyJson(meta)));
  }

  private readonly tellingPatient = (): JsonObject => partOf(this.tape, this.root, this.patientNames);

  /** The plan of a resource's elements, its conditions evaluated. */
  private begun(plan: TapePlan, resource: number): TapeNode {
    const entry = this.resolved(plan.root, resource);
    this.work.refuseComplex(entry.entry);
    if (entry.entry.removes) this.run.did(SUBSTITUTED);
    return entry.inner;
  }

  /** De-identifies the value of the outermost resource's id, before all else: it may be what dates move by. */
  private rootId(node: TapeNode, root: number): void {
    const { tape } = this;
    const member = tape.member(root, ID);
    this.rootIdMember = member;
    this.rootIdBecame = NO_VALUE;
    if (member < 0) return;
    this.rootIdEntry = node.entry(ID);
    const { results } = this.rootIdEntry;
    if (results !== undefined && tape.isVerbatim(member) && !tape.isEmptyString(member)) {
      // Not remembered: no other resource has this id.
      this.run.did(results.label);
      this.rootIdResult = results.make(tape.primitive(member) as string);
      this.rootIdBecame = CHANGED;
    } else {
      this.rootIdBecame = this.decide(this.rootIdEntry, member);
      this.rootIdResult = this.result;
    }
    this.run.idOfRoot = this.idOfRoot;
  }

  private readonly idOfRoot = (reader: number): Primitive | undefined => {
    const { tape, rootIdMember: member, rootIdEntry: entry } = this;
    const { rule } = (entry as TapeEntry).entry;
    const before = tape.kind(member) === STRING ? (tape.primitive(member) as string) : '';
    const id = rule !== null && reader > rule.index ? this.idBecame(before) : before;
    return id === '' ? undefined : id;
  };

  private idBecame(before: string): string {
    switch (this.rootIdBecame) {
      case AS_IT_CAME:
        return before;
      case CHANGED:
        return typeof this.rootIdResult === 'string' ? this.rootIdResult : '';
      default:
        return '';
    }
  }

  private putRootId(member: number, hasOthers: boolean): number {
    const became = this.rootIdBecame;
    if (became === NO_VALUE) return GONE;
    this.begin(member, hasOthers);
    this.result = this.rootIdResult;
    this.put(became, member);
    return LEFT;
  }

  /** A name that stands twice, of which the last one counts; or one that may be any. */
  private refuseRepeated(object: number, member: number, name: number): void {
    const { tape } = this;
    if (name === UNTOLD_NAME) throw UNUSUAL;
    for (let other = tape.first(object); other < member; other = tape.after(other))
      if (tape.name(other) === name) throw UNUSUAL;
  }

  /** The entry that holds for an element. */
  private resolved(entry: TapeEntry, object: number): TapeEntry {
    let resolved = entry;
    while (resolved.conditions !== null)
      resolved = resolved.conditions.resolve(this.tape, object, this.evaluate);
    return resolved;
  }

  private readonly evaluate: ElementWork['variant'] = (entry, json) => this.work.variant(entry, json);

  /** Walks an object's members and writes it. @returns whether anything is left */
  private object(object: number, node: TapeNode, depth: number): boolean {
    if (depth > MAX_DEPTH) throw UNUSUAL;
    const { tape, line } = this;
    line.byte(OPEN_BRACE);
    const end = tape.after(object);
    let isLeft = false;
    let hasOthers = false;
    // The untold name counts as one that was there before.
    let mask = 1 << UNTOLD_NAME;
    for (let member = tape.first(object); member < end; member = tape.after(member)) {
      const name = tape.name(member);
      const bit = 1 << (name & 31);
      if ((mask & bit) !== 0) this.refuseRepeated(object, member, name);
      mask |= bit;
      const became = this.member(node.entry(name), node, object, member, depth, hasOthers);
      if (became === GONE) continue;
      hasOthers = true;
      if (became === LEFT) isLeft = true;
    }
    line.byte(CLOSE_BRACE);
    return isLeft;
  }

  private member(
    entry: TapeEntry,
    node: TapeNode,
    object: number,
    member: number,
    depth: number,
    hasOthers: boolean,
  ): number {
    const { tape } = this;
    switch (entry.kind) {
      case 'value': {
        const became = this.decide(entry, member);
        if (became === NO_VALUE) return GONE;
        this.begin(member, hasOthers);
        this.put(became, member);
        return LEFT;
      }
      case 'complex': {
        if (tape.kind(member) !== OBJECT) return this.dropped(entry, member);
        const mark = this.memberMarks[depth] as Mark;
        this.line.keep(mark);
        this.begin(member, hasOthers);
        if (this.complex(entry, member, depth)) return LEFT;
        this.line.back(mark);
        return GONE;
      }
      case 'list':
        return this.list(entry, member, depth, hasOthers);
      case 'resources':
        if (tape.name(member) !== CONTAINED) throw UNUSUAL;
        return this.list(entry, member, depth, hasOthers);
      case 'values':
        if (tape.hasSiblings && tape.member(object, entry.otherName) >= 0) throw UNUSUAL;
        return this.values(entry, member, depth, hasOthers);
      case 'type':
        if (!tape.isString(member)) throw UNUSUAL;
        this.begin(member, hasOthers);
        this.put(AS_IT_CAME, member);
        return WRITTEN;
      case 'sibling':
        return this.sibling(entry, object, member, depth, hasOthers);
      case 'unknown':
        this.work.dropUnknown(node.type);
        return GONE;
      case 'ignored':
        return GONE;
      case 'siblings':
      case 'resource':
        throw UNUSUAL;
    }
  }

  /** Writes what stands before a member's value. */
  private begin(member: number, hasOthers: boolean): void {
    const { tape, line } = this;
    if (hasOthers) line.byte(COMMA);
    const end = tape.nameEnd(member);
    line.piece(end - nameLength(tape.name(member)) - 2, end);
    line.byte(COLON);
  }

  /** What becomes of a primitive's value; where it is changed, it is in `result`. */
  private decide(entry: TapeEntry, node: number): number {
    const { tape } = this;
    const kind = tape.kind(node);
    switch (entry.work) {
      case 'text':
        if (kind === STRING && tape.isString(node)) return tape.isEmptyString(node) ? NO_VALUE : AS_IT_CAME;
        break;
      case 'taken':
        if (kind === STRING) {
          if (!tape.isEmptyString(node)) this.run.did(entry.takenLabel);
          return NO_VALUE;
        }
        break;
      case 'replaced':
        if (tape.isVerbatim(node) && !tape.isEmptyString(node)) {
          const became = this.replace(entry, node);
          if (became !== NO_VALUE) return became;
        }
        break;
      case 'integer':
        if (kind === NUMBER && tape.isShortNumber(node, true)) return AS_IT_CAME;
        break;
      case 'decimal':
        if (kind === NUMBER && tape.isShortNumber(node, false)) return AS_IT_CAME;
        break;
      case 'boolean':
        if (kind === TRUE || kind === FALSE) return AS_IT_CAME;
        break;
      case 'primitive':
        break;
    }
    if (kind === NULL) return NO_VALUE;
    if (kind === OBJECT || kind === ARRAY) {
      this.work.drop(entry.entry);
      return NO_VALUE;
    }
    const value = tape.primitive(node);
    const after = this.work.changed(entry.entry, value);
    if (after === undefined) return NO_VALUE;
    this.result = after;
    return after === value && (kind !== STRING || tape.isString(node)) ? AS_IT_CAME : CHANGED;
  }

  /** Finds or makes the text that stands in another one's place; it is in `results`, at `place`. */
  private replace(entry: TapeEntry, node: number): number {
    const { tape, run } = this;
    const results = entry.results as TextResults;
    const start = tape.start(node) + 1;
    const end = tape.end(node) - 1;
    if (!results.remembers(end - start)) return NO_VALUE;
    run.did(results.label);
    this.results = results;
    this.place = results.find(tape.bytes, start, end) || results.add(tape.bytes, start, end);
    return REPLACED;
  }

  private put(became: number, node: number): void {
    const { tape, line, result, results, place } = this;
    if (became === AS_IT_CAME) line.piece(tape.start(node), tape.end(node));
    else if (became === REPLACED) line.copy(results.view, results.start(place), results.end(place));
    else if (typeof result === 'string') line.string(result);
    else line.text(result instanceof JsonNumber ? result.text : String(result));
  }

  private values(entry: TapeEntry, member: number, depth: number, hasOthers: boolean): number {
    const { tape, line } = this;
    const mark = this.memberMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers);
    line.byte(OPEN_BRACKET);
    let isLeft = false;
    const isArray = tape.kind(member) === ARRAY;
    const end = tape.after(member);
    for (let item = isArray ? tape.first(member) : member; item < end; item = tape.after(item)) {
      const became = this.decide(entry, item);
      if (became === NO_VALUE) continue;
      if (isLeft) line.byte(COMMA);
      this.put(became, item);
      isLeft = true;
    }
    line.byte(CLOSE_BRACKET);
    if (isLeft) return LEFT;
    line.back(mark);
    return GONE;
  }

  private list(entry: TapeEntry, member: number, depth: number, hasOthers: boolean): number {
    const { tape, line } = this;
    const mark = this.memberMarks[depth] as Mark;
    const itemMark = this.itemMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers);
    line.byte(OPEN_BRACKET);
    let isLeft = false;
    const isArray = tape.kind(member) === ARRAY;
    const end = tape.after(member);
    for (let item = isArray ? tape.first(member) : member; item < end; item = tape.after(item)) {
      if (tape.kind(item) !== OBJECT) {
        this.dropped(entry, item);
        continue;
      }
      line.keep(itemMark);
      if (isLeft) line.byte(COMMA);
      const isItemLeft =
        entry.kind === 'resources' ? this.contained(entry, item, depth) : this.complex(entry, item, depth);
      if (isItemLeft) isLeft = true;
      else line.back(itemMark);
    }
    line.byte(CLOSE_BRACKET);
    if (isLeft) return LEFT;
    line.back(mark);
    return GONE;
  }

  /** Writes a resource that is contained in another. @returns whether it is one, and stays */
  private contained(entry: TapeEntry, resource: number, depth: number): boolean {
    const { tape, run } = this;
    if (tape.isEmpty(resource)) return false;
    const plan = this.plans.planAt(tape, resource);
    if (plan === null) throw UNUSUAL;
    if (entry.entry.removes) return false;
    const outer = run.startResource(() => ({}), 'contained');
    this.object(resource, this.begun(plan, resource), depth + 1);
    run.endResource(outer);
    return true;
  }

  private complex(entry: TapeEntry, object: number, depth: number): boolean {
    if (entry.isPlain) return this.object(object, entry.inner, depth + 1);
    if (this.tape.isEmpty(object)) return false;
    const resolved = this.resolved(entry, object);
    this.work.refuseComplex(resolved.entry);
    if (resolved.entry.removes) this.run.did(SUBSTITUTED);
    return this.object(object, this.perturbs(resolved, object) ?? resolved.inner, depth + 1);
  }

  /** The plan of a quantity's children if its value is there to be perturbed. */
  private perturbs(entry: TapeEntry, object: number): TapeNode | null {
    const { tape } = this;
    const node = entry.perturbed;
    if (node === null) return null;
    const member = tape.member(object, VALUE);
    if (member < 0 || tape.kind(member) < STRING || tape.kind(member) === NULL) return null;
    const value = node.entry(VALUE).entry;
    return value.rule === entry.entry.rule &&
      value.type !== null &&
      isPrimitiveOf(value.type, tape.primitive(member))
      ? node
      : null;
  }

  private sibling(
    entry: TapeEntry,
    object: number,
    member: number,
    depth: number,
    hasOthers: boolean,
  ): number {
    const { tape, line, run } = this;
    if (tape.kind(member) !== OBJECT) return this.dropped(entry, member);
    if (entry.entry.removes && !tape.isEmpty(member)) {
      if (tape.member(object, entry.otherName) >= 0) run.alsoDid(SUBSTITUTED);
      else run.did(SUBSTITUTED);
    }
    const mark = this.memberMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers);
    if (this.object(member, entry.inner, depth + 1)) return LEFT;
    line.back(mark);
    return GONE;
  }

  private dropped(entry: TapeEntry, node: number): typeof GONE {
    if (this.tape.kind(node) !== NULL) this.work.drop(entry.entry);
    return GONE;
  }
}
