import type { ElementWork } from './elementWork.js';
import { isEmptyObject, parseJson, stringifyJson, type JsonObject } from '../../json/json.js';
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
import { nameLength, nameNumber, UNRESOLVED_NAME } from '../../json/keyNames.js';
import { LABEL_SYSTEM, addLabels, SUBSTITUTED, labelsJson } from '../methods/labels.js';
import { LineBuffer, type Mark } from '../../json/lineBuffer.js';
import { TextResults } from '../methods/textResults.js';
import type { Constant } from '../methods/method.js';
import type { Rule } from '../configuration/rule.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { MAX_DEPTH } from '../model/node.js';
import { isPrimitiveOf, type Primitive } from '../model/primitive.js';
import type { OuterResource, Place, ResourceRun } from './resourceRun.js';
import { partOf, UNUSUAL } from '../plan/conditions.js';
import { NOTHING, type Entry, type Plan, type PlanNode } from '../plan/plan.js';
import { ABSENT_URL, maskedMembers } from '../model/masked.js';
import { REMOVED } from '../model/shape.js';
import { HASHED, QuickWalk, type WalkWork } from './quickWalk.js';
import type { Survey, SurveyMark } from './survey.js';
import {
  AS_IT_CAME,
  CHANGED,
  NO_VALUE,
  REPLACED,
  ValueLook,
  type LookOptions,
  type WrittenValues,
} from './valueLook.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NO_RESULTS = new TextResults(0, (text) => text);

/** What is known of resources on a tape, and what is done with those that a plan cannot hold. */
export interface TapeResources {
  /** The type of the resource at a value; undefined where it is none that the FHIR version defines. */
  typeAt(tape: JsonTape, value: number): FhirType | undefined;
  /** The plan of the resource at an object; null where only the tree engine can de-identify it. */
  planAt(type: FhirType, tape: JsonTape, object: number): Plan | null;
  /** De-identifies the resource at an object with the tree engine. @throws ProcessingError, FhirPathError, DepthError */
  byTree(tape: JsonTape, object: number, place: Place, fullUrl?: string): JsonObject;
}

const ID = nameNumber('id');
const META = nameNumber('meta');
const SECURITY = nameNumber('security');
const VALUE = nameNumber('value');
const FULL_URL = nameNumber('fullUrl');

/** Where the first element of a choice is kept, by the depth of its object and the bit of the choice. */
function choicePlace({ bit }: Entry, depth: number): number {
  return (depth << 5) | Math.clz32(bit);
}

/** What became of a member. */
const GONE = 0;
const WRITTEN = 1;
/** Written, and more than nothing to FHIR. */
const LEFT = 2;

/**
 * Walks a resource on its tape along its plan, and writes what is left as a line. What is seldom met it leaves to the
 * tree engine: names that are there twice or have no number, parts of an element that is substituted which earlier rules
 * decided, and everything that fails.
 */
export class TapeWalk implements WrittenValues, WalkWork {
  tape = new JsonTape(0);
  private line = new LineBuffer();
  /** Where to go back to, by depth: to the begin of a member, of an item, and of what is written beside. */
  private readonly memberMarks: Mark[] = [];
  private readonly itemMarks: Mark[] = [];
  private readonly otherMarks: Mark[] = [];
  /** Buffers for the siblings of repeated primitives, which are written after these. */
  private readonly asides: LineBuffer[] = [];
  result: Primitive = '';
  results = NO_RESULTS;
  place = 0;
  private readonly valueLook: ValueLook;
  /** Resources inside the outermost one that are around the element that is looked at. */
  private around = 0;
  private rootIdMember = -1;
  protected rootIdEntry: Entry | undefined;
  protected rootIdBecame = NO_VALUE;
  private rootIdResult: Primitive = '';
  private readonly surveyMarks: SurveyMark[] = [];
  private readonly survey: Survey;
  /** What was written first of each choice of the objects that are open. */
  private readonly firstChoices: (Entry | undefined)[] = [];
  /** Does what most resources need in WebAssembly. */
  private readonly quick: QuickWalk;
  /** JSON that is made for it. */
  private readonly made = new LineBuffer();
  /** What held around the resources inside the outermost one, while it walks. */
  private readonly outers: OuterResource[] = [];

  constructor(
    private readonly run: ResourceRun,
    private readonly work: ElementWork,
    private readonly resources: TapeResources,
    private readonly options: LookOptions,
  ) {
    this.survey = options.survey;
    this.valueLook = new ValueLook(options, this);
    this.quick = new QuickWalk(this, this.made, options);
    for (const marks of [this.memberMarks, this.itemMarks, this.otherMarks])
      for (let depth = 0; depth <= MAX_DEPTH + 1; depth++) marks.push({ length: 0, from: 0, to: 0 });
    for (let depth = 0; depth <= MAX_DEPTH + 1; depth++)
      this.surveyMarks.push({ elements: 0, counted: 0, problems: 0 });
  }

  /**
   * De-identifies an outermost resource, and adds its line, labels included.
   * @throws UNUSUAL where the tree engine has to do it; anything else that is thrown it will throw again
   */
  resource(resource: TapeValue, plan: Plan, line: LineBuffer): void {
    const { length } = line;
    try {
      if (this.quickly(resource, plan, line)) return;
    } catch {
      // Whatever it was, this walk meets it again.
    }
    this.run.restart(this.run.fileName, this.run.folderName);
    this.survey.restart();
    line.truncate(length);
    line.begin(resource.tape.bytes);
    this.walk(resource, plan, line);
  }

  /** @returns false where nothing was done */
  protected quickly({ tape, node: root }: TapeValue, plan: Plan, line: LineBuffer): boolean {
    this.made.truncate(0);
    const { outer, node } = this.begunResource(tape, root, plan, this.made, true);
    if (this.rootIdBecame === CHANGED || this.rootIdBecame === REPLACED) {
      this.result = this.rootIdResult;
      this.put(this.rootIdBecame, this.rootIdMember);
    }
    this.outers.length = 0;
    const written = this.quick.resource(tape, root, node, this.rootIdBecame);
    if (written === undefined) return false;
    const { bytes, start, end, metaStart, metaEnd, meta, hasOthers } = written;
    this.quick.addCounts(this.run, this.survey);
    this.line = line;
    const { length } = line;
    line.add(bytes, start, end);
    if (metaEnd < 0) this.labels(outer, -1, -1, false, hasOthers, 0);
    else
      this.labels(
        outer,
        length + metaStart,
        length + metaEnd,
        tape.member(meta, SECURITY) >= 0,
        hasOthers,
        0,
      );
    line.byte(CLOSE_BRACE);
    return true;
  }

  /** Looks at the result of another engine, along a plan without rules. */
  lookAt(resource: TapeValue, plan: Plan): void {
    const line = new LineBuffer();
    line.begin(resource.bytes);
    this.walk(resource, plan, line);
  }

  private walk({ tape, node: root }: TapeValue, plan: Plan, line: LineBuffer): void {
    const { outer, node } = this.begunResource(tape, root, plan, line, false);
    this.object(root, node, 0, outer);
  }

  /** Begins an outermost resource, and de-identifies its id. */
  private begunResource(
    tape: JsonTape,
    root: number,
    plan: Plan,
    line: LineBuffer,
    isQuick: boolean,
  ): { readonly outer: OuterResource; readonly node: PlanNode } {
    this.tape = tape;
    this.line = line;
    this.around = 0;
    this.survey.type = plan.root.type?.name ?? '';
    const outer = this.run.startResource(() => partOf(tape, root, plan.patientNames), 'outermost');
    const node = this.begun(plan, root);
    this.rootId(node, root, isQuick);
    return { outer, node };
  }

  resolve(entry: Entry, object: number): Entry {
    return this.resolvedOnce(entry, object);
  }

  changeValue(entry: Entry, value: number): number {
    const became = this.decide(entry, value);
    if (became === NO_VALUE) return became;
    if (became !== AS_IT_CAME) this.put(became, value);
    if (entry.looks !== NOTHING) this.valueLook.look(entry, became, value);
    return became;
  }

  lookAtKept(entry: Entry, value: number): boolean {
    const { problems } = this.survey;
    const { length } = problems;
    this.valueLook.look(entry, AS_IT_CAME, value);
    return problems.length === length && this.tape.isVerbatim(value);
  }

  drop(entry: Entry): void {
    this.work.drop(entry);
  }

  dropUnknown({ type }: PlanNode): void {
    this.work.dropUnknown(type);
  }

  completeObject(
    object: number,
    node: PlanNode,
    had: number,
    left: number,
    depth: number,
    hasOthers: boolean,
  ): boolean | undefined {
    const missing = this.missingOf(node, had, left);
    return missing === REMOVED ? undefined : this.complete(object, node, missing, left, depth, hasOthers);
  }

  beginInner(entry: Entry, resource: number): PlanNode | undefined {
    const { tape, run, resources } = this;
    const type = resources.typeAt(tape, resource);
    // Those that are not contained get labels.
    if (type === undefined || entry.element?.key !== 'contained') throw UNUSUAL;
    if (entry.removes) return undefined;
    const plan = resources.planAt(type, tape, resource);
    if (plan === null) throw UNUSUAL;
    this.around++;
    this.outers.push(run.startResource(() => partOf(tape, resource, plan.patientNames), 'contained'));
    return this.begun(plan, resource);
  }

  endInner(): void {
    this.run.endResource(this.outers.pop() as OuterResource);
    this.around--;
  }

  lookAtId(): void {
    this.result = this.rootIdResult;
    this.valueLook.look(this.rootIdEntry as Entry, this.rootIdBecame, this.rootIdMember);
  }

  /**
   * Ends a resource, and writes its labels.
   * @param metaStart where its member `meta` was written, up to `metaEnd`; -1 where it was not
   */
  private labels(
    outer: OuterResource,
    metaStart: number,
    metaEnd: number,
    hadLabels: boolean,
    hasOthers: boolean,
    depth: number,
  ): void {
    const { line } = this;
    const operations = this.run.endResource(outer);
    const labels = labelsJson(operations);
    if (labels === null) return;
    const { survey, options } = this;
    const added = hadLabels ? this.label(operations, metaStart, metaEnd) : labels.systems;
    survey.addName(options.names.ofUri('systems', LABEL_SYSTEM), added);
    if (hadLabels) return;
    if (metaEnd >= 0) line.replace(metaEnd - 1, metaEnd - 1, labels.inMeta);
    else {
      if (hasOthers) line.byte(COMMA);
      line.add(labels.meta, 0, labels.meta.length);
      if (depth === 0) this.survey.elements.push(META);
    }
  }

  /**
   * Adds labels to a `meta` that has, or had, some: it was written as a member from `start` to `end`.
   * @returns how many of them have a system
   */
  private label(operations: number, start: number, end: number): number {
    const { line } = this;
    const place = start + line.slice(start, end).indexOf(':') + 1;
    const meta = parseJson(line.slice(place, end).toString());
    const added = addLabels({ meta }, operations);
    line.replace(place, end, Buffer.from(stringifyJson(meta)));
    return added;
  }

  /** The plan of a resource's elements, its conditions evaluated. */
  private begun(plan: Plan, resource: number): PlanNode {
    const entry = this.resolved(plan.root, resource);
    this.work.refuseComplex(entry);
    if (entry.replacement !== null) {
      // Of what was put in the place of a resource, all that has to be there is marked.
      if (this.options.isValid || !isEmptyObject(entry.replacement.object)) throw UNUSUAL;
      this.run.didAt(entry.site, SUBSTITUTED);
    }
    return entry.inner;
  }

  /** De-identifies the value of the outermost resource's id, before all else: it may be what dates move by. */
  protected rootId(node: PlanNode, root: number, isQuick: boolean): void {
    const { tape } = this;
    const member = tape.member(root, ID);
    this.rootIdMember = member;
    this.rootIdBecame = NO_VALUE;
    if (member < 0) return;
    this.rootIdEntry = node.entry(ID);
    const { results } = this.rootIdEntry;
    if (isQuick && this.quick.hashes(this.rootIdEntry, tape, member)) {
      this.rootIdBecame = HASHED;
      this.run.idOfRoot = this.idOfRoot;
      return;
    }
    const isText = results !== undefined && tape.isVerbatim(member) && !tape.isEmptyString(member);
    // Not remembered: no other resource has this id.
    const made = isText ? results.make(tape.primitive(member) as string) : undefined;
    if (made !== undefined) {
      this.run.didAt(this.rootIdEntry.site, results?.label ?? 0);
      this.rootIdResult = made;
      this.rootIdBecame = CHANGED;
    } else {
      this.rootIdBecame = this.decide(this.rootIdEntry, member);
      this.rootIdResult = this.result;
    }
    this.run.idOfRoot = this.idOfRoot;
  }

  private readonly idOfRoot = (reader: number): Primitive | undefined => {
    const { tape, rootIdMember: member, rootIdEntry: entry } = this;
    const { rule } = entry as Entry;
    const before = tape.kind(member) === STRING ? (tape.primitive(member) as string) : '';
    // Resources inside come after all rules on the outermost one.
    const isDone = this.around > 0 || (rule !== null && reader > rule.index);
    const id = isDone ? this.idBecame(before) : before;
    return id === '' ? undefined : id;
  };

  private idBecame(before: string): string {
    switch (this.rootIdBecame) {
      case AS_IT_CAME:
        return before;
      case HASHED:
        return this.rootIdEntry?.results?.make(before) ?? '';
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
    this.valueLook.look(this.rootIdEntry as Entry, became, member);
    return LEFT;
  }

  /** A name that is there twice, of which the last one counts; or one that may be any. */
  private refuseRepeated(object: number, member: number, name: number): void {
    const { tape } = this;
    if (name === UNRESOLVED_NAME) throw UNUSUAL;
    for (let other = tape.first(object); other < member; other = tape.after(other))
      if (tape.name(other) === name) throw UNUSUAL;
  }

  /** The entry that holds for an element. */
  private resolved(entry: Entry, object: number): Entry {
    let resolved = entry;
    while (resolved.conditions !== null) resolved = this.resolvedOnce(resolved, object);
    return resolved;
  }

  private resolvedOnce(entry: Entry, object: number): Entry {
    return entry.conditions?.resolve(this.tape, object, this.evaluate) ?? entry;
  }

  private readonly evaluate: ElementWork['variant'] = (entry, json) => this.work.variant(entry, json);

  /**
   * Walks an object's members and writes it; the outermost resource is at depth 0.
   * @param outer set for a resource that gets labels
   * @returns whether anything is left
   */
  private object(object: number, node: PlanNode, depth: number, outer: OuterResource | null = null): boolean {
    if (depth > MAX_DEPTH) throw UNUSUAL;
    const { tape, line, survey } = this;
    if (node.mayBeRemoved) survey.keep(this.surveyMarks[depth] as SurveyMark);
    line.byte(OPEN_BRACE);
    const end = tape.after(object);
    let isLeft = false;
    let hasOthers = false;
    let had = 0;
    let left = 0;
    // Where the member `meta` was written, and whether it had labels.
    let metaStart = -1;
    let metaEnd = -1;
    let hadLabels = false;
    // The untold name counts as one that was there before.
    let mask = 1 << UNRESOLVED_NAME;
    for (let member = tape.first(object); member < end; member = tape.after(member)) {
      const name = tape.name(member);
      const bit = 1 << (name & 31);
      if ((mask & bit) !== 0) this.refuseRepeated(object, member, name);
      mask |= bit;
      const entry = node.entry(name);
      had |= entry.bit;
      const start = name === META ? line.length : -1;
      const counted = survey.elements.length;
      const became =
        depth === 0 && name === ID
          ? this.putRootId(member, hasOthers)
          : (entry.bit & left & node.choices) === 0
            ? this.member(entry, node, object, member, depth, hasOthers)
            : this.secondChoice(entry, node, object, member, depth, hasOthers);
      if (became === GONE) continue;
      hasOthers = true;
      if (became === LEFT) {
        isLeft = true;
        if ((entry.bit & node.choices & ~left) !== 0) this.firstChoices[choicePlace(entry, depth)] = entry;
        left |= entry.bit;
        // One that was written under other names than its own was counted by these.
        if (depth === 0 && survey.elements.length === counted) survey.elements.push(name);
      }
      if (start < 0) continue;
      metaStart = start;
      metaEnd = line.length;
      hadLabels = tape.member(member, SECURITY) >= 0;
    }
    if (node.shape !== null && !node.shape.isComplete(left) && (isLeft || node.type.isResource)) {
      const missing = this.missingOf(node, had, left);
      if (missing === REMOVED) {
        survey.back(this.surveyMarks[depth] as SurveyMark);
        return false;
      }
      hasOthers = this.complete(object, node, missing, left, depth, hasOthers);
    }
    if (outer !== null) this.labels(outer, metaStart, metaEnd, hadLabels, hasOthers, depth);
    line.byte(CLOSE_BRACE);
    return isLeft;
  }

  /** Bits of the elements that have to be marked as masked; or `REMOVED`. */
  private missingOf({ shape }: PlanNode, had: number, left: number): number {
    return this.options.isValid ? (shape?.missing(had, left) ?? 0) : 0;
  }

  /**
   * Writes, marked as masked, what an object has to have and what was taken away, and notes what it lacks all the same.
   * @param missing bits of the elements that have to be marked
   * @param left bits of those of which something is left
   * @returns whether the object has members
   */
  private complete(
    object: number,
    { type, shape }: PlanNode,
    missing: number,
    left: number,
    depth: number,
    hasMembers: boolean,
  ): boolean {
    if (shape === null) return hasMembers;
    const { line, tape, survey } = this;
    let hasOthers = hasMembers;
    let there = left;
    if (missing !== 0) {
      const wasThere = ({ key }: FhirElement): boolean =>
        tape.member(object, nameNumber(key)) >= 0 || tape.member(object, nameNumber(`_${key}`)) >= 0;
      for (const { key, json, element, marks } of maskedMembers(type, missing, wasThere)) {
        if (hasOthers) line.byte(COMMA);
        line.text(json);
        hasOthers = true;
        there |= shape.bit(element.name);
        survey.addName(this.options.names.ofUri('extensions', ABSENT_URL), marks);
        if (depth === 0 && this.around === 0) survey.elements.push(nameNumber(key));
      }
    }
    if (this.options.validates)
      for (const { element, reason } of shape.problems(there))
        survey.problems.push(`${type.path}.${element} ${reason}`);
    return hasOthers;
  }

  /** A member of a choice of which another one was written: it is taken back, or noted. */
  private secondChoice(
    entry: Entry,
    node: PlanNode,
    object: number,
    member: number,
    depth: number,
    hasOthers: boolean,
  ): number {
    const { line, survey } = this;
    const place = choicePlace(entry, depth);
    const first = this.firstChoices[place];
    // The value and the sibling of one element are no two values.
    const isSecond = first !== undefined && first.element !== entry.element;
    const mark: Mark = { length: 0, from: 0, to: 0 };
    const surveyMark: SurveyMark = { elements: 0, counted: 0, problems: 0 };
    line.keep(mark);
    survey.keep(surveyMark);
    const became = this.member(entry, node, object, member, depth, hasOthers);
    if (became !== LEFT || !isSecond) return became;
    if (!this.options.isValid) {
      if (this.options.validates) survey.problems.push(`${node.type.path}.${entry.element?.name} choice`);
      // Once for an object, whatever the order of its members.
      this.firstChoices[place] = undefined;
      return became;
    }
    line.back(mark);
    survey.back(surveyMark);
    this.dropped(entry, member);
    return GONE;
  }

  private member(
    entry: Entry,
    node: PlanNode,
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
        if (entry.looks !== NOTHING) this.valueLook.look(entry, became, member);
        return LEFT;
      }
      case 'complex':
      case 'resource': {
        if (tape.kind(member) !== OBJECT) return this.dropped(entry, member);
        const mark = this.memberMarks[depth] as Mark;
        this.line.keep(mark);
        this.begin(member, hasOthers);
        const isLeft =
          entry.kind === 'complex'
            ? this.complex(entry, member, depth)
            : this.inner(entry, node, object, member, depth);
        if (isLeft) return LEFT;
        this.line.back(mark);
        return GONE;
      }
      case 'list':
      case 'resources':
        return this.list(entry, node, object, member, depth, hasOthers);
      case 'values': {
        const siblings = tape.hasSiblings ? tape.member(object, entry.otherName) : -1;
        if (siblings < 0) return this.values(entry, member, depth, hasOthers);
        // Both are written where the first of them is.
        return siblings < member ? GONE : this.pairs(entry, node, member, siblings, depth, hasOthers);
      }
      case 'siblings': {
        const values = tape.member(object, entry.otherName);
        if (entry.otherName === UNRESOLVED_NAME) throw UNUSUAL;
        if (values >= 0 && values < member) return GONE;
        return this.pairs(node.entry(entry.otherName), node, values, member, depth, hasOthers);
      }
      case 'type':
        this.begin(member, hasOthers);
        if (tape.isString(member)) this.put(AS_IT_CAME, member);
        else this.line.string(tape.primitive(member) as string);
        return WRITTEN;
      case 'sibling':
        return this.sibling(entry, object, member, depth, hasOthers);
      case 'unknown':
        this.work.dropUnknown(node.type);
        return GONE;
      case 'ignored':
        return GONE;
    }
  }

  /** Writes what comes before a member's value. */
  private begin(member: number, hasOthers: boolean): void {
    const { tape, line } = this;
    if (hasOthers) line.byte(COMMA);
    const end = tape.nameEnd(member);
    line.piece(end - nameLength(tape.name(member)) - 2, end);
    line.byte(COLON);
  }

  /** What becomes of a primitive's value; where it is changed, it is in `result`. */
  protected decide(entry: Entry, node: number): number {
    const { tape } = this;
    const kind = tape.kind(node);
    switch (entry.work) {
      case 'text':
        if (kind === STRING && tape.isString(node)) return tape.isEmptyString(node) ? NO_VALUE : AS_IT_CAME;
        break;
      case 'taken':
        if (kind === STRING) {
          if (!tape.isEmptyString(node)) this.run.didAt(entry.site, entry.takenLabel);
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
      this.work.drop(entry);
      return NO_VALUE;
    }
    const value = tape.primitive(node);
    const after = this.work.changed(entry, value);
    if (after === undefined) return NO_VALUE;
    this.result = after;
    return after === value && (kind !== STRING || tape.isString(node)) ? AS_IT_CAME : CHANGED;
  }

  /** Finds or makes the text that replaces another one; it is in `results`, at `place`. */
  private replace(entry: Entry, node: number): number {
    const { tape, run } = this;
    const results = entry.results as TextResults;
    const start = tape.start(node) + 1;
    const end = tape.end(node) - 1;
    if (!results.remembers(end - start)) return NO_VALUE;
    this.place = results.find(tape.bytes, start, end) || results.add(tape.bytes, start, end);
    if (this.place === 0) return NO_VALUE;
    run.didAt(entry.site, results.label);
    this.results = results;
    return REPLACED;
  }

  private put(became: number, node: number): void {
    const { tape, line, result, results, place } = this;
    if (became === AS_IT_CAME) line.piece(tape.start(node), tape.end(node));
    else if (became === REPLACED) line.copy(results.view, results.start(place), results.end(place));
    else if (typeof result === 'string') line.string(result);
    else line.text(result instanceof JsonNumber ? result.text : String(result));
  }

  private values(entry: Entry, member: number, depth: number, hasOthers: boolean): number {
    const { tape, line } = this;
    const mark = this.memberMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers);
    line.byte(OPEN_BRACKET);
    let isLeft = false;
    const end = tape.after(member);
    for (let item = this.firstItem(member); item < end; item = tape.after(item)) {
      const became = this.decide(entry, item);
      if (became === NO_VALUE) continue;
      if (isLeft) line.byte(COMMA);
      this.put(became, item);
      if (entry.looks !== NOTHING) this.valueLook.look(entry, became, item);
      isLeft = true;
    }
    line.byte(CLOSE_BRACKET);
    if (isLeft) return LEFT;
    line.back(mark);
    return GONE;
  }

  private list(
    entry: Entry,
    node: PlanNode,
    object: number,
    member: number,
    depth: number,
    hasOthers: boolean,
  ): number {
    const { tape, line } = this;
    const mark = this.memberMarks[depth] as Mark;
    const itemMark = this.itemMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers);
    line.byte(OPEN_BRACKET);
    let isLeft = false;
    const end = tape.after(member);
    for (let item = this.firstItem(member); item < end; item = tape.after(item)) {
      if (tape.kind(item) !== OBJECT) {
        this.dropped(entry, item);
        continue;
      }
      line.keep(itemMark);
      if (isLeft) line.byte(COMMA);
      const isItemLeft =
        entry.kind === 'resources'
          ? this.inner(entry, node, object, item, depth)
          : this.complex(entry, item, depth);
      if (isItemLeft) isLeft = true;
      else line.back(itemMark);
    }
    line.byte(CLOSE_BRACKET);
    if (isLeft) return LEFT;
    line.back(mark);
    return GONE;
  }

  /** Writes a resource that is inside of an object of another. @returns whether it is one, and stays */
  private inner(entry: Entry, node: PlanNode, object: number, resource: number, depth: number): boolean {
    const { tape, run, resources } = this;
    if (tape.isEmpty(resource)) return false;
    const type = resources.typeAt(tape, resource);
    if (type === undefined) {
      if (tape.member(resource, UNRESOLVED_NAME) >= 0) throw UNUSUAL;
      this.work.drop(entry);
      return false;
    }
    if (entry.removes) return false;
    const isContained = entry.element?.key === 'contained';
    const place = isContained ? 'contained' : 'inside';
    const url = node.type.path === 'Bundle.entry' ? tape.member(object, FULL_URL) : -1;
    const fullUrl = url >= 0 && tape.kind(url) === STRING ? (tape.primitive(url) as string) : undefined;
    const plan = resources.planAt(type, tape, resource);
    this.around++;
    if (plan === null) {
      this.line.text(stringifyJson(resources.byTree(tape, resource, place, fullUrl)));
      this.survey.isPartial = true;
    } else {
      const outer = run.startResource(() => partOf(tape, resource, plan.patientNames), place, fullUrl);
      const inner = this.begun(plan, resource);
      if (isContained) {
        this.object(resource, inner, depth + 1);
        run.endResource(outer);
      } else this.object(resource, inner, depth + 1, outer);
    }
    this.around--;
    return true;
  }

  private complex(entry: Entry, object: number, depth: number): boolean {
    if (entry.isPlain) return this.object(object, entry.inner, depth + 1);
    if (this.tape.isEmpty(object)) return false;
    const resolved = this.resolved(entry, object);
    this.work.refuseComplex(resolved);
    if (resolved.replacement !== null) return this.replaced(resolved, object, depth);
    return this.object(object, this.perturbs(resolved, object) ?? resolved.inner, depth + 1);
  }

  /** Writes what is substituted for an object. @returns whether that is anything */
  private replaced(entry: Entry, object: number, depth: number): boolean {
    const { line } = this;
    const constant = this.constantOf(entry);
    this.run.didAt(entry.site, SUBSTITUTED);
    if (constant.json === undefined) {
      const isLeft = this.object(object, entry.inner, depth + 1);
      // What has to be there beside what an earlier rule decided is for the tree engine.
      if (isLeft && this.options.isValid) throw UNUSUAL;
      return isLeft;
    }
    // What an earlier rule decided stays, and takes the place of a part of the replacement.
    if (this.holdsDecided(object, entry.inner, entry.rule, depth + 1)) throw UNUSUAL;
    const mark = this.otherMarks[depth] as Mark;
    line.keep(mark);
    // For what it drops.
    this.object(object, entry.inner, depth + 1);
    line.back(mark);
    line.text(constant.json);
    return true;
  }

  protected constantOf(entry: Entry): Constant {
    const constant = this.work.constantOf(entry);
    if (constant === null) throw UNUSUAL;
    if (constant.isCounted) this.survey.isPartial = true;
    return constant;
  }

  /** Whether another rule than that of an object decides a part of it, or there is a resource in it. */
  private holdsDecided(object: number, node: PlanNode, rule: Rule | null, depth: number): boolean {
    if (depth > MAX_DEPTH) throw UNUSUAL;
    const { tape } = this;
    const end = tape.after(object);
    for (let member = tape.first(object); member < end; member = tape.after(member)) {
      const entry = node.entry(tape.name(member));
      if (entry.kind === 'unknown' || entry.kind === 'ignored') continue;
      const itemsEnd = tape.after(member);
      for (let item = this.firstItem(member); item < itemsEnd; item = tape.after(item)) {
        const isObject = tape.kind(item) === OBJECT;
        const resolved = isObject && entry.type !== null ? this.resolved(entry, item) : entry;
        if (resolved.rule !== rule) return true;
        if (isObject && this.holdsDecided(item, resolved.inner, rule, depth + 1)) return true;
      }
    }
    return false;
  }

  /** The plan of a quantity's children if its value is there to be perturbed. */
  private perturbs(entry: Entry, object: number): PlanNode | null {
    const { tape } = this;
    const node = entry.perturbed;
    if (node === null) return null;
    const member = tape.member(object, VALUE);
    if (member < 0 || tape.kind(member) < STRING || tape.kind(member) === NULL) return null;
    const value = node.entry(VALUE);
    return value.rule === entry.rule &&
      value.type !== null &&
      isPrimitiveOf(value.type, tape.primitive(member))
      ? node
      : null;
  }

  private sibling(entry: Entry, object: number, member: number, depth: number, hasOthers: boolean): number {
    const { tape, line } = this;
    if (tape.kind(member) !== OBJECT) return this.dropped(entry, member);
    let became = GONE;
    const value = tape.member(object, entry.otherName);
    if (this.isReplacedAlone(entry, value, member)) {
      const { json } = this.constantOf(entry);
      this.run.didAt(entry.site, SUBSTITUTED);
      if (json !== undefined) {
        if (hasOthers) line.byte(COMMA);
        line.text(`"${entry.otherKey}":${json}`);
        became = LEFT;
        if (depth === 0) this.survey.elements.push(entry.otherName);
      }
    }
    const mark = this.memberMarks[depth] as Mark;
    line.keep(mark);
    this.begin(member, hasOthers || became === LEFT);
    if (this.object(member, entry.inner, depth + 1)) {
      if (depth === 0 && became === LEFT) this.survey.elements.push(tape.name(member));
      return LEFT;
    }
    line.back(mark);
    return became;
  }

  /** Whether a primitive is substituted that has a sibling and no value: where there is one, it is done there. */
  private isReplacedAlone(entry: Entry, value: number, sibling: number): boolean {
    const { tape } = this;
    if (entry.replacement === null || tape.isEmpty(sibling)) return false;
    if (value < 0 || tape.kind(value) < STRING || tape.kind(value) === NULL) return true;
    const primitive = tape.primitive(value);
    return primitive === '' || entry.type === null || !isPrimitiveOf(entry.type, primitive);
  }

  /** Writes values and their siblings, which keep their places beside each other; places with neither close up. */
  private pairs(
    entry: Entry,
    node: PlanNode,
    values: number,
    siblings: number,
    depth: number,
    hasOthers: boolean,
  ): number {
    const { tape, line } = this;
    const siblingEntry = node.entry(tape.name(siblings));
    const memberMark = this.memberMarks[depth] as Mark;
    const valueMark = this.itemMarks[depth] as Mark;
    const siblingMark = this.otherMarks[depth] as Mark;
    const aside = this.asides.pop() ?? new LineBuffer();
    aside.truncate(0);
    aside.begin(tape.bytes);
    line.keep(memberMark);
    if (hasOthers) line.byte(COMMA);
    line.text(`"${siblingEntry.otherKey}":[`);
    let places = 0;
    let hasValues = false;
    let hasSiblings = false;
    const [valuesEnd, siblingsEnd] = [this.itemsEnd(values), this.itemsEnd(siblings)];
    let [value, sibling] = [this.firstItem(values), this.firstItem(siblings)];
    while (value < valuesEnd || sibling < siblingsEnd) {
      line.keep(valueMark);
      aside.keep(siblingMark);
      const isValue = this.pairedValue(entry, value < valuesEnd ? value : -1, sibling < siblingsEnd ? sibling : -1, places > 0); // prettier-ignore
      this.line = aside;
      const isSibling = sibling < siblingsEnd && this.pairedSibling(siblingEntry, sibling, depth, places > 0);
      this.line = line;
      if (!isSibling) {
        aside.back(siblingMark);
        aside.text(places > 0 ? ',null' : 'null');
      }
      if (isValue || isSibling) places++;
      else {
        line.back(valueMark);
        aside.back(siblingMark);
      }
      hasValues ||= isValue;
      hasSiblings ||= isSibling;
      if (value < valuesEnd) value = tape.after(value);
      if (sibling < siblingsEnd) sibling = tape.after(sibling);
    }
    if (hasValues) line.byte(CLOSE_BRACKET);
    else line.back(memberMark);
    if (hasSiblings) {
      if (hasOthers || hasValues) line.byte(COMMA);
      line.text(`"${entry.otherKey}":[`);
      line.append(aside);
      line.byte(CLOSE_BRACKET);
    }
    this.asides.push(aside);
    if (depth === 0 && hasValues) this.survey.elements.push(siblingEntry.otherName);
    if (depth === 0 && hasSiblings) this.survey.elements.push(tape.name(siblings));
    return hasValues || hasSiblings ? LEFT : GONE;
  }

  /** The first of the items of a list, or the one value in the place of a list. */
  private firstItem(member: number): number {
    return member >= 0 && this.tape.kind(member) === ARRAY ? this.tape.first(member) : member;
  }

  private itemsEnd(member: number): number {
    return member < 0 ? member : this.tape.after(member);
  }

  /** Writes a value, or `null` for none. @returns whether there is one */
  private pairedValue(entry: Entry, value: number, sibling: number, hasOthers: boolean): boolean {
    const { tape, line } = this;
    if (hasOthers) line.byte(COMMA);
    if (sibling >= 0 && tape.kind(sibling) === OBJECT && this.isReplacedAlone(entry, value, sibling)) {
      if (value >= 0) this.decide(entry, value);
      const { json } = this.constantOf(entry);
      this.run.didAt(entry.site, SUBSTITUTED);
      line.text(json ?? 'null');
      return json !== undefined;
    }
    const became = value < 0 ? NO_VALUE : this.decide(entry, value);
    if (became === NO_VALUE) line.text('null');
    else {
      this.put(became, value);
      this.valueLook.look(entry, became, value);
    }
    return became !== NO_VALUE;
  }

  private pairedSibling(entry: Entry, sibling: number, depth: number, hasOthers: boolean): boolean {
    if (this.tape.kind(sibling) !== OBJECT) {
      this.dropped(entry, sibling);
      return false;
    }
    if (hasOthers) this.line.byte(COMMA);
    return this.object(sibling, entry.inner, depth + 1);
  }

  private dropped(entry: Entry, node: number): typeof GONE {
    if (this.tape.kind(node) !== NULL) this.work.drop(entry);
    return GONE;
  }
}
