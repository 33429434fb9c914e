import { addTo, remembered } from '../../common/maps.js';
import type { Configuration } from '../configuration/configuration.js';
import { FhirModel } from '../model/fhirModel.js';
import type { FhirElement, FhirType } from '../model/types.js';
import type { Rule } from '../configuration/rule.js';
import { isOfAll } from '../configuration/rulePath.js';
import { UNTOUCHED, type Clears, type Effect } from '../methods/effect.js';
import { REDACT } from '../methods/redact.js';
import { agesSelected, ALL_AGES, type SelectedAges } from './ages.js';
import { identityOf, type Identity } from './identities.js';
import { Everywhere, leadsFurther, leadsTo, stepsOf, stopsAt, type Move } from '../plan/pattern.js';
import { identityReadsOf, type IdentityRead } from './identityReads.js';

/** Most work of one walk, in steps followed; a configuration that needs more is not followed. */
const MAX_WORK = 500_000;

/** Work of one element, and of a place in a path that is followed below it, in steps. */
const WORK_OF_ELEMENT = 5;
const WORK_OF_POSITION = 4;

/** Surroundings in which an element is not cleared. */
export interface LeftPlaces {
  readonly clears: Exclude<Clears, 'full'>;
  readonly places: ReadonlySet<string>;
  /** The rule that decides it there; `undefined`: none does in any case. */
  readonly by: number | undefined;
}

/** An element that may hold an identity, with the places where it can be left, by how. */
export interface Leaf {
  readonly identity: Identity;
  /** `HumanName.family` */
  readonly definition: string;
  /** Surroundings in which it was looked at, and those where it is not cleared. */
  surroundings: number;
  readonly left: LeftPlaces[];
}

/** What a walk over all that a configuration can meet found. */
export interface Reach {
  readonly leaves: readonly Leaf[];
  /** Rules that never act, each with an earlier one that decides what it selects. */
  readonly idle: readonly { readonly rule: number; readonly by: number }[];
  /** Rules that look at identities to decide what they do: their author reads these off what they did. */
  readonly readers: readonly { readonly rule: number; readonly reads: readonly IdentityRead[] }[];
  /** Whether the rules were too many and too intertwined to be followed: then it is as if there were none. */
  readonly isCutShort: boolean;
}

/** A path of one or several rules with one effect: the least of them counts. */
interface Track {
  readonly id: number;
  readonly steps: readonly Move[];
  readonly isPartial: boolean;
  readonly effect: number;
  /** Resource type it is for; null for all. */
  readonly resourceType: string | null;
  readonly rules: number[];
  /** Least of its rules. Those below `actsBelow` act somewhere. */
  index: number;
  actsBelow: number;
  /** A rule that decides an element that this one selects, or that it would have gone through. */
  blockedBy: number | undefined;
}

interface Position {
  readonly track: Track;
  readonly at: number;
}

/** What is known of the rules at an element. */
interface State {
  positions: Position[];
  /** Least rule that decides the element for certain, and its effect. */
  certain: number;
  effect: number;
  /** Effects of rules before it that decide some elements here: each with the least of its rules. */
  possible: ReadonlyMap<number, number>;
  /** Tracks that end here. */
  readonly ends: Track[];
}

interface Surroundings {
  readonly places: Set<string>;
}

/** Anything in the resource, for a path that cannot be followed. */
const ANYTHING: NonNullable<ReturnType<typeof stepsOf>> = [[{ kind: 'some', condition: null }]];

class TooMuchWork extends Error {}

/** Walks through all elements of all resource types of a FHIR version with the rules of a configuration. */
export function reachOf(configuration: Configuration): Reach {
  const model = FhirModel.of(configuration.fhirVersion);
  try {
    const reach = new Walk(model, configuration, configuration.rules).reach();
    const readers = identityReadsOf(configuration.rules, model);
    const read = new Map(readers.flatMap(({ reads }) => reads.map((one) => [one.definition, one])));
    return { ...reach, leaves: [...reach.leaves, ...[...read.values()].map(leafOf)], readers };
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    const base = {
      ...configuration,
      parameters: { ...configuration.parameters, unmatched: 'keep' as const },
    };
    return { ...new Walk(model, base, []).reach(), isCutShort: true };
  }
}

/** What a rule looks at of an element is left of it in part. */
function leafOf({ identity, definition }: IdentityRead): Leaf {
  const places = new Set([definition.slice(0, definition.lastIndexOf('.'))]);
  return { identity, definition, surroundings: 1, left: [{ clears: 'partial', places, by: undefined }] };
}

class Walk {
  readonly #model: FhirModel;
  /** Effects, with the ages over 89 that are selected where a path selects only some elements. */
  readonly #effects: { readonly effect: Effect; readonly ages: SelectedAges }[] = [
    { effect: UNTOUCHED, ages: ALL_AGES },
  ];
  readonly #tracks = new Map<string, Track>();
  /** Tracks that hold everywhere below a resource of any type. */
  readonly #everywhere = new Everywhere<Position>();
  /** Indices of the tracks that hold everywhere, sorted. */
  readonly #ranks: number[];
  /** What rules with no leading type, and those of one resource type, start with. */
  readonly #starts = new Map<string | null, Position[]>();
  readonly #seen = new Map<string, Surroundings>();
  readonly #leaves = new Map<string, Leaf>();
  readonly #unmatched: { readonly index: number; readonly effect: number };
  /** Rules that lead into resources inside. */
  readonly #inward = new Set<number>();
  #work = 0;

  constructor(model: FhirModel, { parameters }: Configuration, rules: readonly Rule[]) {
    this.#model = model;
    const last = rules.reduce((most, { index }) => Math.max(most, index), -1) + 1;
    this.#unmatched =
      parameters.unmatched === 'redact'
        ? { index: last, effect: this.#effect(REDACT.effect({ above: undefined }, parameters)) }
        : { index: Infinity, effect: 0 };
    const inner = resourceElements(model);
    for (const rule of rules) {
      const ruleEffect = rule.method.effect(rule.settings, parameters);
      const resourceType =
        rule.resourceType === null || isOfAll(rule.resourceType) ? null : rule.resourceType;
      for (const path of stepsOf(rule) ?? ANYTHING) {
        const steps = path.filter((step) => step.kind !== 'some');
        const isPartial = steps.length < path.length;
        if (steps.some((step) => this.#neverMatches(step))) continue;
        const effect = this.#effect(ruleEffect, isPartial ? agesSelected(path, model) : ALL_AGES);
        this.#addTrack(rule.index, steps, isPartial, effect, resourceType);
        // What leads into the resources inside is done before their own rules.
        const rests = inward(steps, inner, model);
        if (rests.length > 0) this.#inward.add(rule.index);
        if (ruleEffect.clearsAll) continue;
        for (const rest of rests) this.#addTrack(-1, rest, true, effect, null);
      }
    }
    for (const track of this.#tracks.values()) this.#start(track);
    this.#ranks = this.#everywhere.all.map(({ track }) => track.index).sort((one, two) => one - two);
  }

  reach(): Reach {
    for (const type of this.#model.resourceTypes()) {
      const { name } = type;
      const state: State = {
        positions: [],
        certain: this.#unmatched.index,
        effect: this.#unmatched.effect,
        possible: new Map(),
        ends: [],
      };
      for (const { track, at } of [...(this.#starts.get(null) ?? []), ...(this.#starts.get(name) ?? [])])
        this.#follow(track, at, type, name, state);
      this.#settle(state);
      this.#visit(type, state, name);
    }
    return { leaves: [...this.#leaves.values()], idle: this.#idle(), readers: [], isCutShort: false };
  }

  #effect(effect: Effect, ages = ALL_AGES): number {
    const known = this.#effects.findIndex(
      (one) =>
        one.effect.key === effect.key &&
        one.ages.certain === ages.certain &&
        one.ages.possible === ages.possible,
    );
    return known < 0 ? this.#effects.push({ effect, ages }) - 1 : known;
  }

  /** Names that no type of the version has lead nowhere. */
  #neverMatches(step: Move): boolean {
    const isName = step.kind === 'child' || (step.kind === 'within' && step.by === 'Name');
    const name = step.kind === 'child' ? step.name : step.kind === 'within' ? step.value : '';
    return isName && !this.#model.elementsByName().has(name) && this.#model.resource(name) === undefined;
  }

  #addTrack(
    index: number,
    steps: readonly Move[],
    isPartial: boolean,
    effect: number,
    resourceType: string | null,
  ): void {
    const key = `${resourceType} ${isPartial} ${effect} ${JSON.stringify(steps)}`;
    const known = this.#tracks.get(key);
    if (known !== undefined) {
      known.index = Math.min(known.index, index);
      known.rules.push(index);
      return;
    }
    const track = { id: this.#tracks.size, steps, isPartial, effect, resourceType, rules: [index], index };
    this.#tracks.set(key, { ...track, actsBelow: -Infinity, blockedBy: undefined });
  }

  #start(track: Track): void {
    const [first] = track.steps;
    const position = { track, at: 0 };
    if (track.resourceType !== null || first === undefined || !leadsFurther(first))
      addTo(this.#starts, track.resourceType, position);
    else {
      this.#everywhere.add(first, position);
      // The resource itself may be what is looked for.
      if (first.kind === 'within' && first.self) addTo(this.#starts, null, position);
    }
  }

  /** Follows the steps from `at` that stay at an element. @param name the element's name */
  #follow(track: Track, at: number, type: FhirType, name: string, into: State): void {
    const { steps } = track;
    for (const place of stopsAt(steps, at, type, name)) {
      if (++this.#work > MAX_WORK) throw new TooMuchWork();
      const step = steps[place];
      if (step === undefined) {
        into.ends.push(track);
        return;
      }
      const isEverywhere = place === 0 && track.resourceType === null && leadsFurther(step);
      if (!isEverywhere) into.positions.push({ track, at: place });
    }
  }

  #arrive(from: State, element: FhirElement, type: FhirType): State {
    const { name } = element;
    const { certain, effect, possible } = from;
    const into: State = { positions: [], certain, effect, possible, ends: [] };
    for (const position of from.positions) {
      const { track, at } = position;
      const step = track.steps[at];
      if (step === undefined) continue;
      if (leadsFurther(step)) into.positions.push(position);
      this.#work++;
      if (leadsTo(step, type, name)) this.#follow(track, at + 1, type, name, into);
    }
    for (const { track, at } of this.#everywhere.leadingTo(type, name))
      this.#follow(track, at + 1, type, name, into);
    this.#settle(into);
    return into;
  }

  /** Takes in the tracks that end at an element, the first rule first, and leaves out what can do nothing below. */
  #settle(state: State): void {
    const before = state.certain;
    for (const track of state.ends) {
      if (track.isPartial) {
        const least = Math.min(state.possible.get(track.effect) ?? Infinity, track.index);
        // It is that of the element around as well.
        state.possible = new Map([...state.possible, [track.effect, least]]);
      } else if (track.index < state.certain) {
        state.certain = track.index;
        state.effect = track.effect;
      }
    }
    const { certain } = state;
    if (certain < before || state.ends.length > 0)
      state.possible = new Map([...state.possible].filter(([, index]) => index <= certain));
    for (const track of state.ends) {
      if (track.index > certain) track.blockedBy ??= certain;
      else track.actsBelow = Math.max(track.actsBelow, track.isPartial ? certain : track.index + 1);
      if (track.isPartial && track.rules.length > 1) track.blockedBy ??= certain;
    }
    state.positions = state.positions.filter(({ track }) => {
      if (track.index <= certain) return true;
      track.blockedBy ??= certain;
      return false;
    });
    state.ends.length = 0;
  }

  #visit(type: FhirType, state: State, place: string): void {
    this.#work += WORK_OF_POSITION * state.positions.length;
    if (this.#work > MAX_WORK) throw new TooMuchWork();
    const key = `${type.path} ${this.#keyOf(state)}`;
    const known = this.#seen.get(key);
    if (known !== undefined) {
      known.places.add(place);
      return;
    }
    const surroundings: Surroundings = { places: new Set([place]) };
    this.#seen.set(key, surroundings);
    for (const element of type.elements.values()) {
      if (element.type === null) continue;
      this.#work += WORK_OF_ELEMENT;
      const next = this.#arrive(state, element, element.type);
      const identity = identityOf(element);
      if (identity !== null) this.#judge(element, identity, next, surroundings);
      this.#visit(element.type, next, element.path);
    }
  }

  /** States with equal keys come to the same below: the number of a rule matters only beside other rules. */
  #keyOf({ positions, certain, effect, possible }: State): string {
    if (positions.length === 0) {
      const maybe = [...possible].map(([each, index]) => `${each}@${this.#rank(index)}`);
      return `${effect}@${this.#rank(certain)} ${maybe.sort().join(' ')}`;
    }
    const places = positions.map(({ track, at }) => `${track.id}.${at}`);
    const maybe = [...possible].map(([each, index]) => `${each}@${index}`);
    return `${effect}@${certain} ${maybe.sort().join(' ')} ${[...new Set(places)].sort().join(' ')}`;
  }

  #rank(index: number): number {
    let low = 0;
    let high = this.#ranks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranks[middle] ?? Infinity) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #judge(element: FhirElement, identity: Identity, state: State, surroundings: Surroundings): void {
    const definition = element.path;
    const leaf = remembered<string, Leaf>(this.#leaves, definition, () => ({
      identity,
      definition,
      surroundings: 0,
      left: [],
    }));
    leaf.surroundings++;
    // In the order of the rules.
    const possible = [...state.possible].sort(([, one], [, two]) => one - two).map(([effect]) => effect);
    const outcomes = [...possible, state.effect].flatMap((at) => {
      const { effect, ages } = this.#effects[at] ?? {};
      return effect === undefined || ages === undefined
        ? []
        : { clears: effect.clears(identity, element), ages };
    });
    const clears = definition === 'Quantity.value' ? agesLeft(outcomes) : together(outcomes, identity);
    if (clears === 'full') return;
    const isDecided = state.certain < this.#unmatched.index && outcomes.at(-1)?.clears !== 'full';
    leaf.left.push({ clears, places: surroundings.places, by: isDecided ? state.certain : undefined });
  }

  #idle(): Reach['idle'] {
    const acting = new Set(this.#inward);
    const blocked = new Map<number, number>();
    for (const { rules, actsBelow, blockedBy, isPartial } of this.#tracks.values()) {
      for (const rule of rules) {
        if (rule < actsBelow) acting.add(rule);
        // Twice the same path: the first decides.
        else if (!isPartial && rules[0] !== undefined && rule > rules[0]) blocked.set(rule, rules[0]);
        else if (blockedBy !== undefined) blocked.set(rule, blockedBy);
      }
    }
    return [...blocked]
      .filter(([rule, by]) => !acting.has(rule) && by >= 0 && rule >= 0 && by < rule)
      .sort(([one], [two]) => one - two)
      .map(([rule, by]) => ({ rule, by }));
  }
}

/** What is left of ages over 89 by rules in their order: the first one that selects an age decides it. */
function agesLeft(outcomes: readonly { clears: Clears; ages: SelectedAges }[]): Clears {
  let open = ALL_AGES.possible;
  let left = 0;
  for (const { clears, ages } of outcomes) {
    if (clears === 'full') open &= ~ages.certain;
    else {
      left |= open & ages.possible;
      open &= ~ages.possible;
    }
  }
  if (left === 0) return 'full';
  return left === ALL_AGES.possible ? 'none' : 'partial';
}

/** What is left where any of several rules may decide an element. */
function together(found: readonly { clears: Clears }[], identity: Identity): Clears {
  const outcomes = found.map(({ clears }) => clears);
  const isSomeFull = outcomes.includes('full');
  if (identity.needs === 'condition') return isSomeFull ? 'full' : 'none';
  if (outcomes.every((outcome) => outcome === 'full')) return 'full';
  return isSomeFull || outcomes.includes('partial') ? 'partial' : 'none';
}

/** Names of the elements that hold resources. */
function resourceElements(model: FhirModel): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, elements] of model.elementsByName())
    if (elements.some(({ type }) => type === null)) names.add(name);
  return names;
}

/** What is left of a path in a resource inside the one it starts from; nothing for a path that does not lead there. */
function inward(steps: readonly Move[], inner: ReadonlySet<string>, model: FhirModel): (readonly Move[])[] {
  return steps.flatMap((step, at): (readonly Move[])[] => {
    // A look-up finds resources inside, too.
    if (step.kind === 'within' && !step.self && step.by === 'Type') {
      const { value: name } = step;
      return model.resource(name) === undefined
        ? []
        : [[{ kind: 'resourceType', name }, ...steps.slice(at + 1)]];
    }
    if (step.kind === 'within' && !step.self) return inner.has(step.value) ? [steps.slice(at + 1)] : [];
    if (step.kind === 'descendants') return [steps.slice(at + 1), steps.slice(at)];
    return step.kind === 'children' || (step.kind === 'child' && inner.has(step.name))
      ? [steps.slice(at + 1)]
      : [];
  });
}
