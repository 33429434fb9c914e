import type { CoverageCategory } from '../../functions/deid/coverage/coverage.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';

/*
 * The messages between a page and the worker of the engine. There is one worker for each FHIR version
 * (`engine/worker-r4.js`): it has the tables of that version only. Pages use `EngineClient`, which gives each call of
 * `Calls` as a function that returns a promise.
 *
 * What is asked for is answered in order, but a call that works through many resources lets others in between. All places
 * in texts are offsets in UTF-16 units, as CodeMirror counts them. Nothing that a worker has is kept after it ends, and it
 * requests nothing from the network.
 *
 * What data says (paths, texts, types, ids) comes as it is in the data: a page shows it as text, never as markup.
 */

/** What each call is asked, and what it answers. */
export interface Calls {
  /** What the engine is. Answered as soon as the worker is ready. */
  hello: { ask: Record<string, never>; answer: Hello };
  /** What a configuration says, and what is wrong with it. */
  check: { ask: { configuration: string }; answer: CheckedConfiguration };
  /** What can be written at a place in the text of a configuration. */
  complete: { ask: { configuration: string; at: number }; answer: Completion };
  /** The change that adds the rule that would mend a gap of coverage. */
  mend: { ask: MendAsk; answer: { readonly edits: readonly TextEdit[] } };
  /** A configuration without its keys, as a link can hold it. */
  link: { ask: { configuration: string }; answer: ConfigurationLink };
  /** The configuration of a link's fragment. Fails where it is none. */
  openLink: { ask: { fragment: string }; answer: { configuration: string } };
  /** An invented resource. Fails where there is none of this type. */
  sample: { ask: SampleAsk; answer: { text: string } };
  /**
   * Takes data, in the place of what was open: files, each of one resource, a Bundle, an array of resources, or NDJSON, and
   * packed by gzip or not. It stays in the worker until other data is opened, or `close`. Fails with the code `superseded`
   * where one of these comes before it is open, and leaves what was open where a file cannot be unpacked.
   */
  open: { ask: { files: readonly OpenedFile[]; bundles?: Bundles }; answer: OpenedData };
  /** Forgets the data that is open. */
  close: { ask: Record<string, never>; answer: Record<string, never> };
  /**
   * De-identifies the resources that are open. Each part of the results comes as it is there (`EngineClient.preview`); the
   * answer comes at the end. A `preview` that is asked for while one runs ends that one, which then fails with the code
   * `superseded`.
   */
  preview: { ask: PreviewAsk; answer: PreviewSummary; part: ResourceResult[] };
  /** Ends the `preview` or `compare` that runs: it fails with the code `superseded`. The data stays open. */
  cancel: { ask: Record<string, never>; answer: Record<string, never> };
  /** One resource that is open: before, after, and what decided each element. */
  trace: { ask: PreviewAsk & { index: number }; answer: ResourceTrace };
  /** Where two configurations have different results over the resources that are open. */
  compare: { ask: CompareAsk; answer: Comparison; part: ResourceDifference[] };
}

export type CallName = keyof Calls;

/** From the page. `id`: its own number, which the answer repeats. */
export type AskMessage = {
  [Name in CallName]: { id: number; call: Name; ask: Calls[Name]['ask'] };
}[CallName];

/** From the worker: parts as they come, then the answer, or why there is none. */
export type AnswerMessage =
  | { id: number; part: unknown }
  | { id: number; answer: Calls[CallName]['answer'] }
  | { id: number; failure: CallFailure };

/** Why a call has no answer. The message is ours: it holds nothing of the data, and no key. */
export interface CallFailure {
  readonly code: 'superseded' | 'not-open' | 'not-found' | 'invalid' | 'internal';
  readonly message: string;
}

export interface Hello {
  readonly fhirVersion: FhirVersion;
  /** The version of the program. */
  readonly version: string;
  /** Names of the methods, with what each clears, for a list of what there is. */
  readonly methods: readonly { readonly name: string; readonly clears: string }[];
  /** The built-in configurations, by the names that `extends` takes, as text. */
  readonly configurations: readonly { readonly name: string; readonly text: string }[];
  /** The types of the invented resources that are as a hospital has them; `sample` has the text of each. */
  readonly samples: readonly string[];
  /** All types of resources, of each of which `sample` makes one that has every element. */
  readonly resourceTypes: readonly string[];
}

export interface SampleAsk {
  readonly type: string;
  /** `usual`: as a hospital has them, of the types that most exports have. */
  readonly kind: 'usual' | 'every element';
}

/** A place in a text: from `from` up to `to`, in UTF-16 units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A change of a text: what is put in the place of a span. All places are those before any change. */
export interface TextEdit extends Span {
  readonly insert: string;
}

/* Configurations */

export interface CheckedConfiguration {
  readonly format: 'json' | 'yaml';
  /** Whether there is no error: only then a preview is made. */
  readonly isValid: boolean;
  readonly problems: readonly ConfigurationProblem[];
  /**
   * In the order in which they act, those of the sample that it extends and what `unmatched` does included; none where
   * there is an error.
   */
  readonly rules: readonly RuleSummary[];
  /** What is left that may be an identity; absent where there is an error. */
  readonly coverage?: CoverageSummary;
  /** Names of the secrets that are its keys (`{"secretName": "…"}`): a preview takes texts for them in `keys`. */
  readonly secrets: readonly string[];
  /** Whether rules use keys that it does not give: then what a preview makes with them differs each time it is opened. */
  readonly usesRandomKeys: boolean;
  /** Whether rules need a service that makes pseudonyms: a preview makes some of its own. */
  readonly needsPseudonyms: boolean;
  /** Name and version of the sample that it extends. */
  readonly sample?: string;
}

export interface ConfigurationProblem {
  readonly severity: 'error' | 'warning';
  /** What is wrong and what would be right. */
  readonly message: string;
  /** Where, as messages name it: `fhirPathRules[3].path`; empty for the whole. */
  readonly path: string;
  /** The rule's index among `rules`; absent for problems outside the rules. */
  readonly rule?: number;
  /** Counted from 1; absent where no place in the text is known. */
  readonly line?: number;
  readonly column?: number;
  /** What to mark in the text; there with `line` and `column`. */
  readonly span?: Span;
}

export interface RuleSummary {
  /** Among all rules, in the order in which they act. */
  readonly index: number;
  /** As messages name it: `fhirPathRules[3]`, `hipaa-safe-harbor-r4@1 fhirPathRules[3]`. */
  readonly place: string;
  readonly path: string;
  readonly method: string;
  /** Where it is in the text; absent for a rule of the sample, and for what `unmatched` does. */
  readonly span?: Span;
  /** Counted from 1; there with `span`. */
  readonly line?: number;
}

export interface CoverageSummary {
  readonly isComplete: boolean;
  /** All categories, in the order in which they are shown. */
  readonly categories: readonly CategoryCoverage[];
}

export interface CategoryCoverage {
  readonly category: CoverageCategory;
  /** As messages name it: `dates and times`. */
  readonly name: string;
  /** Nothing of it is left where there are none. */
  readonly gaps: readonly CoverageGapSummary[];
}

/** Elements of one category and data type that no rule clears (`none`), or that only some rules clear (`partial`). */
export interface CoverageGapSummary {
  readonly dataType: string;
  readonly reach: 'none' | 'partial';
  /** Paths of definitions: `HumanName.family`, `Patient.contact.name.family`. */
  readonly paths: readonly string[];
  /** The rule that would clear all of them. */
  readonly rule: { readonly path: string; readonly method: string };
  /** Parameters that the rule needs. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The index of the rule that decides all of them without clearing them. */
  readonly by?: number;
  /** Whether `keep` is enough where sources do not misuse the elements. */
  readonly mayBeKept: boolean;
}

/** `rule` and `parameters` are those of the gap. */
export interface MendAsk extends Pick<CoverageGapSummary, 'rule' | 'parameters'> {
  readonly configuration: string;
}

export interface Completion extends Span {
  /** What can take the place of the text from `from` to `to`; none where nothing is known. */
  readonly options: readonly CompletionOption[];
}

export interface CompletionOption {
  /** What is inserted. */
  readonly label: string;
  readonly kind: 'type' | 'element' | 'function' | 'method' | 'setting' | 'value';
  /** A few words: the type of an element, what a method clears. */
  readonly detail?: string;
}

export interface ConfigurationLink {
  /** What comes after `#` in the address: letters, digits, `-`, `_` and `=`. */
  readonly fragment: string;
  /** The configuration that is in it: JSON, without comments and without any key. */
  readonly configuration: string;
  /** Where keys were that are left out: `parameters.dateShiftKey`. */
  readonly dropped: readonly string[];
}

/* Data */

/** Whether the resources of Bundles are taken one by one, as an export of them would; or each Bundle as one resource. */
export type Bundles = 'entries' | 'whole';

export interface OpenedFile {
  /** As it is called where it comes from; `dateShiftScope: file` goes by it. */
  readonly name: string;
  readonly data: string | Uint8Array<ArrayBuffer>;
}

/** Bytes of all files that are open at once, unpacked: a browser has them several times in memory. */
export const MAX_OPENED_BYTES = 256 * 1024 * 1024;

export interface OpenedData {
  readonly resources: readonly OpenedResource[];
  /** What could not be read. */
  readonly problems: readonly DataProblem[];
}

export interface OpenedResource {
  /** Place among the resources, from 0. */
  readonly index: number;
  /** Empty where it has none that is a text. */
  readonly type: string;
  readonly id: string;
  /** Where it comes from: place of the file, from 0, line in it, from 1, and place among the entries of the Bundle, from 0. */
  readonly file: number;
  readonly line?: number;
  readonly entry?: number;
}

export interface DataProblem {
  /** Place of the file, from 0. */
  readonly file: number;
  /** From 1. */
  readonly line?: number;
  /** Says what is wrong, without the text that is. */
  readonly message: string;
}

export interface PreviewAsk {
  readonly configuration: string;
  /** Texts of keys by the names of their secrets. Those that are missing are random. */
  readonly keys?: Readonly<Record<string, string>>;
  /** The instant from which ages are measured, ISO 8601; now without. */
  readonly now?: string;
}

export type Outcome = 'kept' | 'failed' | 'skipped';

/** What became of one resource. */
export interface ResourceResult {
  readonly index: number;
  readonly type: string;
  /**
   * `failed`: an export would end with this resource (`processingErrors: raise`); `skipped`: an export would leave it out
   * and report it.
   */
  readonly outcome: Outcome;
  /** Why it failed or was skipped. */
  readonly failure?: ResultFailure;
  /** The result, as its line in an export; absent where there is none. */
  readonly line?: string;
  readonly counts: ElementCounts;
  readonly problems: readonly ValidityProblem[];
}

export interface ResultFailure {
  readonly code: string;
  readonly message: string;
  /** Index of the rule at work. */
  readonly rule?: number;
}

/** Primitive elements of a resource, by what became of them. */
export interface ElementCounts {
  readonly unreached: number;
  readonly same: number;
  readonly changed: number;
  readonly removed: number;
  readonly dropped: number;
}

/** What is not valid FHIR in a result. */
export interface ValidityProblem {
  /** Path of the definition: `Observation.status`. */
  readonly definition: string;
  /** `required`, `format`, … */
  readonly reason: string;
}

/** Totals over all resources, for the summary beside the list. */
export interface PreviewSummary {
  readonly kept: number;
  readonly failed: number;
  readonly skipped: number;
  /** Elements that each rule decided, by its index. */
  readonly decided: readonly RuleCount[];
  /** What no rule reached and is in the results, by path of the definition, most often first. */
  readonly unreached: readonly PathCount[];
  /** What was left out since this FHIR version does not define it, or not its value, by path of the definition. */
  readonly dropped: readonly PathCount[];
  /** What is not valid, by path and reason. */
  readonly problems: readonly (PathCount & { readonly reason: string })[];
  /** Conditions that could not be decided, by the rule's index. */
  readonly undecided: readonly RuleCount[];
}

export interface RuleCount {
  readonly rule: number;
  readonly count: number;
}

export interface PathCount {
  readonly path: string;
  readonly count: number;
  /** A resource that has one. */
  readonly index: number;
}

/** One resource before and after, as indented JSON, and what became of each element. */
export interface ResourceTrace extends Omit<ResourceResult, 'line'> {
  readonly before: string;
  /** Absent where there is no result. */
  readonly after?: string;
  /** In the order of `before`; then what is in `after` only. */
  readonly elements: readonly ElementTrace[];
}

/** An element of a resource: primitive, complex, or a resource inside. */
export interface ElementTrace {
  /**
   * Where it is in the JSON of the input: `name[0].given[1]`, `_birthDate.extension[0]`; a primitive where its value is, or
   * would be; empty for the resource; absent for what was added.
   */
  readonly path?: string;
  /** Where it is in the result; absent for what is not there. Indexes can differ from those of the input. */
  readonly afterPath?: string;
  /** The path of its definition, `HumanName.given`; of an unknown element that of its parent and `(unknown)`. */
  readonly definition: string;
  /** Its value in `before` and `after`, without its name. */
  readonly before?: Span;
  readonly after?: Span;
  readonly isPrimitive: boolean;
  /**
   * What decided it: `rule`: the first rule that reached it; `none`: no rule did; `unknown`: it was left out since the FHIR
   * version does not define it, or not its value; `engine`: the engine added it: labels, and marks of what is masked.
   */
  readonly by: 'rule' | 'none' | 'unknown' | 'engine';
  /** Index of the rule, and its method; there with `rule`. */
  readonly rule?: number;
  readonly method?: string;
  /** What became of it and all below it. */
  readonly change: 'same' | 'changed' | 'removed' | 'added';
  /** Why it is not valid in the result: `required`, `format`, … */
  readonly notValid?: readonly string[];
}

/* Two configurations */

export interface CompareAsk extends Omit<PreviewAsk, 'configuration'> {
  readonly one: string;
  readonly other: string;
}

/** A resource with different results; both are made with the same keys and random numbers. */
export interface ResourceDifference {
  readonly index: number;
  readonly type: string;
  readonly one: Pick<ResourceResult, 'outcome' | 'failure' | 'line'>;
  readonly other: Pick<ResourceResult, 'outcome' | 'failure' | 'line'>;
  /** Paths in the input of the elements that differ, with the rules that decide them. */
  readonly elements: readonly ElementDifference[];
}

export interface ElementDifference {
  readonly path: string;
  readonly definition: string;
  /** Index of the rule in each configuration; absent where none reached it. */
  readonly oneRule?: number;
  readonly otherRule?: number;
}

export interface Comparison {
  readonly same: number;
  readonly different: number;
  /** By path of the definition, most often first. */
  readonly differences: readonly PathCount[];
}
