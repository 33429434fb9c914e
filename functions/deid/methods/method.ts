import type { JsonObject } from '../../json/json.js';
import type { Environment } from '../expression/collection.js';
import type { Expression } from '../expression/syntax.js';
import type { FhirModel } from '../model/fhirModel.js';
import type { FhirNode } from '../model/node.js';
import type { Primitive } from '../model/primitive.js';
import type { FhirType } from '../model/types.js';
import type { IssueList } from '../reading/issues.js';
import type { Settings, ValuesOf } from '../reading/settings.js';
import type { Effect } from './effect.js';
import type { PseudonymSource } from './pseudonyms.js';
import type { TextResults } from './textResults.js';

/**
 * A method, declared: all that the rest knows of it. One file of this folder declares it, and one line of `methods.ts`
 * lists it. `S`: the settings of its rules; `P`: the parameters of the configuration that it reads.
 */
export interface Method<S extends Settings = Settings, P extends Settings = Settings> {
  readonly name: string;
  readonly settings: S;
  readonly parameters: P;
  /** The parameter that is its key. */
  readonly key?: MethodKey<P>;
  /** The security labels that it may count, by their places. */
  readonly labels: readonly number[];
  /** The types that it changes, where these are few: `moves dates`. */
  readonly changes?: { readonly what: string; isOn(type: FhirType): boolean };
  /** Whether it is for primitives: a path that selects none is an error. */
  readonly isForPrimitives?: boolean;
  /** Whether it leaves all elements as they are. */
  readonly keepsAll?: boolean;
  /** Types of which it changes the `value` alone, which decides the whole element. */
  readonly quantities?: ReadonlySet<string>;
  /** Whether its rules act where `undecidedConditions` is `apply`. */
  readonly appliesUndecided?: boolean;
  /** Whether only the tree engine can do its work. */
  readonly needsTree?: boolean;
  /** Whether what it gives depends on the dialect. */
  dependsOnDialect?(parameters: ValuesOf<P>): boolean;
  /** Whether it makes a pseudonym: the same of the same value and key. */
  readonly isPseudonym?: boolean;
  /** Whether its pseudonyms are made elsewhere, one for each value that lasts. */
  readonly needsPseudonyms?: boolean;
  /** Expressions among the settings: they are evaluated on the values that a rule selects. */
  expressions?(settings: ValuesOf<S>): readonly Expression[];
  /** Whether its work depends on whose patient's resource it is. */
  needsPatient?(parameters: ValuesOf<P>): boolean;
  /** Adds what is wrong with the settings for what the path selects. */
  check?(settings: ValuesOf<S>, selected: Selected, issues: IssueList): void;
  /** Adds what is questionable about parameters that its rules use. */
  checkParameters?(parameters: ValuesOf<P>, issues: IssueList): void;
  /** What of identities it clears, for the documentation. */
  readonly clears: string;
  /** What is left of identities, for coverage. */
  effect(settings: ValuesOf<S>, parameters: ValuesOf<P>): Effect;
  /** Makes what the rules of one engine share. */
  prepare(context: MethodContext<P>): Prepared<S>;
}

/** Declares a method: gives its functions the types of its settings and parameters. */
export function method<const S extends Settings, const P extends Settings>(
  declared: Method<S, P>,
): Method<S, P> {
  return declared;
}

export interface MethodKey<P extends Settings = Settings> {
  readonly name: string & keyof P;
  /** Whether its rules use the key at all; always without. */
  isUsed?(parameters: ValuesOf<P>): boolean;
  /** Why a text cannot be the key; undefined where it can. Not asked of a master key. */
  problemOf?(text: string): string | undefined;
  /** The bytes of the key that a master key gives for a context. */
  derive?(master: string, context: string): Uint8Array;
}

/** The types that a rule's path selects; there is at least one. */
export interface Selected {
  readonly types: readonly FhirType[];
  /** Some of them, for messages. */
  readonly named: string;
  /** The same of those that fulfil a condition. */
  readonly namedWhere: (isOne: (type: FhirType) => boolean) => string;
  /** The name of the elements, where the path ends with one. */
  readonly element: string | undefined;
}

/** What the rules of a method share in one engine. */
export interface MethodContext<P extends Settings = Settings> {
  readonly parameters: ValuesOf<P>;
  /** The bytes of the method's key; empty without one. */
  readonly key: Uint8Array;
  readonly model: FhirModel;
  /** Milliseconds since the epoch, from which ages are measured. */
  readonly now: number;
  readonly pseudonyms: PseudonymSource;
  /** Takes the place of the prefix of domains that rules have. */
  readonly domainPrefix: string | undefined;
}

/** A method in one engine. */
export interface Prepared<S extends Settings = Settings> {
  /** What a rule does. @param rule its place in `fhirPathRules` */
  work(settings: ValuesOf<S>, rule: number): Work;
}

/** What a method does under one rule. */
export interface Work {
  /** The work on the value of one kind of primitive; null leaves it as it is. */
  ofValue(target: Target): ValueMethod | null;
  /** Takes the place of `ofValue` where the work has to see more than the value. */
  readonly ofNode?: (target: Target) => NodeMethod;
  /** What is put in the place of an element and all below it. */
  readonly replacement?: Replacement;
  /** Whether it fails on complex elements. */
  readonly isForPrimitives?: boolean;
  /** Set where an element goes with all that is in it, whatever earlier rules decided: the label that this counts for. */
  readonly removes?: number;
}

/** What is put in the place of an element and all below it. */
export interface Replacement {
  /** For primitives. */
  readonly text: string | undefined;
  /** For complex elements. */
  readonly object: JsonObject;
  readonly isNothing: boolean;
  /**
   * What replaces an element of a type in which no earlier rule has decided anything; null where only
   * `apply` can decide.
   */
  constantOf(target: Target, model: FhirModel): Constant | null;
  /** The same, of which what is put in place is valid FHIR as far as it can be. */
  readonly valid: Replacement;
  /** Puts it in the place of a node, but for what earlier rules decided, and decides all of it. */
  apply(node: FhirNode, run: Run): void;
}

/** What is put in the place of an element of some type, whatever it holds. */
export interface Constant {
  /** One line of JSON; undefined for nothing. */
  readonly json: string | undefined;
  /** Paths of what a replacement has that the type does not define. */
  readonly dropped: readonly string[];
  /** Whether there may be something in it that is counted of a result, or that is not valid. */
  readonly isCounted: boolean;
}

/** What a primitive element is, as far as methods care. Known before any data: the work is chosen once. */
export interface Target {
  readonly type: FhirType;
  /** Name of the element. */
  readonly name: string;
  /** Type of the element around it. */
  readonly parentType: string;
  /** The codes that a required binding allows. */
  readonly codes: ReadonlySet<string> | undefined;
}

export function targetOf({ type, name, key, parent }: FhirNode): Target {
  const codes = parent?.type.elements.get(key)?.codes;
  return { type, name, parentType: parent?.type.name ?? '', codes };
}

/** What a method needs while a resource is processed. */
export interface Run {
  /** Names that feed the date-shift scopes `file` and `folder`. */
  readonly fileName: string;
  readonly folderName: string;
  /** The patient the resource belongs to, as it came; null for none or several, and where no method needs it. */
  readonly patient: string | null;
  /** Whether the resource that is processed is contained in another: then its id says nothing outside of that one. */
  readonly isContained: boolean;
  /** The id of the outermost resource as a rule finds it; empty without one. */
  rootId(rule: number): string;
  /** Counts an operation, by the place of its label. */
  did(label: number): void;
  /** Counts conditions of the rule being applied that could not be decided. */
  wasUndecided(conditions: number): void;
  /** Random bytes, for initialization vectors and noise. */
  randomBytes(size: number): Uint8Array;
}

/** De-identifies the value of one kind of primitive; undefined takes the value away. */
export interface ValueMethod {
  (value: Primitive, run: Run): Primitive | undefined;
  /** Set where what becomes of a text is another text that depends on it alone. */
  readonly results?: TextResults;
  /** Set where every text is taken away: the label that this counts for. */
  readonly taken?: number;
  /** Set where every result is a value that the type can have, but for instants. */
  readonly isFormed?: true;
  /** Set where the year of a date can decide what becomes of it. */
  readonly ofYears?: YearWork;
}

/** Work on dates in which most years decide the result. */
export interface YearWork {
  /** The label that each date counts for, once. */
  readonly label: number;
  /** Whether all dates of a year have the same result. */
  isSame(year: number): boolean;
}

/** De-identifies a primitive's node: gives the value that takes the place of its own. @throws FhirPathError */
export type NodeMethod = (node: FhirNode, environment: Environment, run: Run) => Primitive | undefined;
