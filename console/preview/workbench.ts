import { EngineError, type EngineClient } from '../engine/engineClient.js';
import {
  MAX_OPENED_BYTES,
  type Completion,
  type CoverageGapSummary,
  type OpenedData,
  type OpenedFile,
  type OpenedResource,
  type SampleAsk,
  type Span,
  type TextEdit,
} from '../engine/protocol.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { saveAs } from '../shared/saving.js';
import { Store } from '../shared/store.js';
import {
  firstConfiguration,
  firstState,
  type Baseline,
  type DropTarget,
  type PreviewState,
  type ResultOfResource,
} from './state.js';

/** How long the text has to rest before the engine looks at it, in milliseconds. */
const REST_MS = 250;

/** Bytes of a configuration's file: it has at most 1 MiB of UTF-16 units. */
const MAX_CONFIGURATION_BYTES = 4 * 1024 * 1024;
const YAML_NAME = /\.ya?ml$/i;

/** Files that are named, of those that are opened at once. */
const MAX_NAMED_FILES = 3;

/** The editor, as far as the workbench moves it. */
export interface EditorControl {
  replace(text: string): void;
  change(edits: readonly TextEdit[]): void;
  reveal(span: Span, isFocused: boolean): void;
}

/** What is done on the page: each action asks the engine, and changes the state. */
export class Workbench {
  readonly store: Store<PreviewState>;
  readonly #engine: EngineClient;
  #editor: EditorControl | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Which run of the engine is the last one: what a former one says is not shown. */
  #run = 0;
  /** What is being opened, or was: what a former one gives is not shown. */
  #opening = 0;

  constructor(engine: EngineClient, fhirVersion: FhirVersion) {
    this.#engine = engine;
    this.store = new Store(firstState(fhirVersion));
  }

  /** Asks the engine what it is; takes the configuration of the address. */
  async start(fragment: string): Promise<void> {
    try {
      const hello = await this.#engine.call('hello', {});
      this.store.set({ hello });
      await this.openLink(fragment);
    } catch (error) {
      this.store.set({ fault: messageOf(error) });
    }
    await this.#look();
  }

  /** Takes the configuration of a link; an empty fragment is none. */
  async openLink(fragment: string): Promise<void> {
    if (fragment === '') return;
    try {
      const { configuration } = await this.#engine.call('openLink', { fragment });
      this.replaceText(configuration);
      this.store.set({ said: 'The configuration of the link is open. It has no keys.' });
    } catch (error) {
      this.store.set({ fault: `The link of this page has no configuration: ${messageOf(error)}` });
    }
  }

  setEditor(editor: EditorControl): void {
    this.#editor = editor;
  }

  /* Configuration */

  /** Takes a text that was typed. */
  type(text: string): void {
    if (text === this.store.state.text) return;
    this.store.set({ text, isStale: true });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), REST_MS);
  }

  replaceText(text: string): void {
    if (this.#editor === undefined) this.type(text);
    else this.#editor.replace(text);
  }

  async openConfiguration(file: File): Promise<void> {
    try {
      const text = await readConfiguration(file);
      this.replaceText(text);
      this.store.set({ fault: undefined, said: `The configuration ${file.name} is open.` });
    } catch (error) {
      this.store.set({ fault: messageOf(error) });
    }
  }

  /** Saves the text as it is: with its comments and keys, which a link leaves out. */
  saveConfiguration(): void {
    const { text, checked } = this.store.state;
    const name = checked?.format === 'yaml' ? 'configuration.yaml' : 'configuration.json';
    saveAs(new Blob([text]), name);
    this.store.set({ said: `${name} is saved.` });
  }

  /** Shows where files that are dragged over the page would be opened. */
  dragOver(dropTarget: DropTarget | undefined): void {
    if (dropTarget !== this.store.state.dropTarget) this.store.set({ dropTarget });
  }

  /** Opens files that were dropped. No data is YAML, wherever it is dropped. */
  async drop(files: readonly File[], target: DropTarget): Promise<void> {
    const [first] = files;
    if (first === undefined) return;
    const isConfiguration = target === 'configuration' || files.every(({ name }) => YAML_NAME.test(name));
    if (!isConfiguration) await this.openFiles(files);
    else if (files.length === 1) await this.openConfiguration(first);
    else
      this.store.set({ fault: 'A configuration is one file: drop one. Data is dropped on the resources.' });
  }

  /** Adds the rule that would mend a gap of coverage, with the parameters that it needs. */
  async mend({ rule, parameters }: Pick<CoverageGapSummary, 'rule' | 'parameters'>): Promise<void> {
    const configuration = this.store.state.text;
    try {
      const { edits } = await this.#engine.call('mend', { configuration, rule, parameters });
      if (configuration !== this.store.state.text) return;
      this.#editor?.change(edits);
      const said =
        edits.length > 0
          ? 'The rule was added to the configuration.'
          : 'The text cannot be changed here: add the rule by hand.';
      this.store.set({ said });
    } catch (error) {
      this.store.set({ fault: messageOf(error) });
    }
  }

  complete(configuration: string, at: number): Promise<Completion> {
    return this.#engine.call('complete', { configuration, at });
  }

  setKey(name: string, key: string): void {
    this.store.set({ keys: { ...this.store.state.keys, [name]: key } });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), REST_MS);
  }

  /**
   * The address of this page with the configuration and nothing else: no data, and no key.
   * @returns also where keys were left out
   */
  async link(): Promise<{ address: string; dropped: readonly string[] }> {
    const { fragment, dropped } = await this.#engine.call('link', { configuration: this.store.state.text });
    return { address: `${addressOf(this.store.state.fhirVersion)}#${fragment}`, dropped };
  }

  /** Opens the page of another FHIR version. What is open is closed first: it does not come along. */
  async changeVersion(version: FhirVersion): Promise<void> {
    const { text, fhirVersion } = this.store.state;
    const isOwn = text !== firstConfiguration(fhirVersion);
    const fragment = isOwn ? await this.#fragment() : undefined;
    await this.closeData();
    this.store.set({ keys: {} });
    location.assign(addressOf(version) + (fragment === undefined ? '' : `#${fragment}`));
  }

  async #fragment(): Promise<string | undefined> {
    try {
      return (await this.#engine.call('link', { configuration: this.store.state.text })).fragment;
    } catch {
      // Of a text that is no configuration, nothing can be taken along.
      return undefined;
    }
  }

  /** Has the engine look at the text, and at the data with it. */
  async #look(): Promise<void> {
    const { text } = this.store.state;
    try {
      const checked = await this.#engine.call('check', { configuration: text });
      if (text !== this.store.state.text) return;
      this.store.set({ checked, isStale: false });
      if (checked.isValid) await this.#preview();
      else this.#run++;
    } catch (error) {
      this.store.set({ fault: messageOf(error), isStale: false });
    }
  }

  /* Data */

  async openFiles(files: readonly File[]): Promise<void> {
    const name = namesOf(files);
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_OPENED_BYTES) {
      this.store.set({
        dataFault: `${name}: more than 256 MiB. Open a part of it, or use the command line.`,
      });
      return;
    }
    await this.#open(name, () => Promise.all(files.map(readFile)));
  }

  async openText(text: string, name: string): Promise<void> {
    await this.#open(name, () => [{ name, data: text }]);
  }

  /** Opens invented resources: one, or of the usual ones all. */
  async openSample(chosen: SampleAsk | 'all'): Promise<void> {
    const types = this.store.state.hello?.samples ?? [];
    const asks = chosen === 'all' ? types.map((type): SampleAsk => ({ type, kind: 'usual' })) : [chosen];
    const name = chosen === 'all' ? 'Invented resources' : `Invented ${chosen.type}`;
    await this.#open(name, async () => {
      const texts: string[] = [];
      for (const ask of asks) texts.push((await this.#engine.call('sample', ask)).text);
      return [{ name, data: `[${texts.join(',')}]` }];
    });
  }

  /** Opens data in the place of what is open, which stays where it cannot be read. */
  async #open(
    name: string,
    read: () => Promise<readonly OpenedFile[]> | readonly OpenedFile[],
  ): Promise<void> {
    const opening = ++this.#opening;
    this.store.set({ work: 'opening', dataFault: undefined });
    try {
      const files = await read();
      const moved = files.flatMap(({ data }) => (typeof data === 'string' ? [] : data.buffer));
      if (opening !== this.#opening) return;
      const opened = await this.#engine.call('open', { files }, moved);
      if (opening !== this.#opening) return;
      this.#show(opened, name, files);
    } catch (error) {
      if (opening !== this.#opening || isSuperseded(error)) return;
      this.store.set({ work: undefined, dataFault: messageOf(error) });
      return;
    }
    if (this.store.state.checked?.isValid === true) await this.#preview();
  }

  #show(opened: OpenedData, name: string, files: readonly OpenedFile[]): void {
    const { length } = opened.resources;
    this.store.set({
      data: { ...opened, name, fileNames: files.map((file) => file.name) },
      work: undefined,
      results: undefined,
      differences: undefined,
      trace: undefined,
      resource: length > 0 ? 0 : -1,
      element: -1,
      resourceFilter: 'all',
      words: '',
      elementFilter: 'all',
      said: `${name}: ${length} ${length === 1 ? 'resource' : 'resources'} open.`,
    });
  }

  async closeData(): Promise<void> {
    this.#run++;
    this.#opening++;
    await this.#engine.call('close', {});
    this.store.set({
      data: undefined,
      dataFault: undefined,
      results: undefined,
      resultFault: undefined,
      differences: undefined,
      trace: undefined,
      resource: -1,
      element: -1,
      work: undefined,
      said: 'The data is closed.',
    });
  }

  /** Ends the run of the engine; what is there stays. */
  async cancel(): Promise<void> {
    this.#run++;
    this.store.set({ work: undefined, isCanceled: true, said: 'Canceled.' });
    await this.#engine.call('cancel', {});
  }

  /** Runs again what was canceled. */
  async runAgain(): Promise<void> {
    await this.#preview();
  }

  /* Results */

  async #preview(): Promise<void> {
    const { data, text, keys } = this.store.state;
    const run = ++this.#run;
    if (data === undefined) return;
    this.store.set({ isCanceled: false, resultFault: undefined, work: 'running' });
    // The chosen resource first: it is what is looked at.
    await this.#trace();
    if (run !== this.#run) return;
    const byIndex = new Map<number, ResultOfResource>();
    const show = (): void => this.store.set({ results: { text, byIndex: new Map(byIndex) } });
    try {
      const summary = await this.#engine.callInParts('preview', { configuration: text, keys }, (part) => {
        if (run !== this.#run) return;
        for (const { line: _, ...result } of part) byIndex.set(result.index, result);
        show();
      });
      if (run !== this.#run) return;
      this.store.set({ results: { text, byIndex, summary }, work: undefined });
      await this.#compare(run);
    } catch (error) {
      if (run !== this.#run || isSuperseded(error)) return;
      this.store.set({ work: undefined, resultFault: messageOf(error) });
    }
  }

  async #compare(run: number): Promise<void> {
    const { baseline, text, keys, data } = this.store.state;
    if (baseline === undefined || data === undefined) return;
    this.store.set({ work: 'comparing', differences: undefined });
    const byIndex = new Map<number, never>();
    const ask = { one: baseline.text, other: text, keys };
    try {
      const comparison = await this.#engine.callInParts('compare', ask, (part) => {
        for (const difference of part) byIndex.set(difference.index, difference as never);
      });
      if (run === this.#run) this.store.set({ differences: { byIndex, comparison }, work: undefined });
    } catch (error) {
      if (run !== this.#run || isSuperseded(error)) return;
      this.store.set({ work: undefined, resultFault: messageOf(error) });
    }
  }

  /** Compares with another configuration over the same data; with none without one. */
  async compareWith(baseline: Baseline | undefined): Promise<void> {
    this.store.set({
      baseline,
      differences: undefined,
      resourceFilter: 'all',
      elementFilter: 'all',
      said: baseline === undefined ? '' : `Compared with ${baseline.name}.`,
    });
    if (this.store.state.checked?.isValid === true) await this.#preview();
  }

  async chooseResource(index: number): Promise<void> {
    if (index === this.store.state.resource) return;
    this.store.set({ resource: index, element: -1 });
    await this.#trace();
  }

  async #trace(): Promise<void> {
    const { text, keys, resource: index, baseline } = this.store.state;
    if (index < 0) return;
    try {
      const trace = await this.#engine.call('trace', { configuration: text, keys, index });
      const other =
        baseline && (await this.#engine.call('trace', { configuration: baseline.text, keys, index }));
      const { state } = this.store;
      if (state.resource !== index || state.text !== text) return;
      this.store.set({ trace: { index, text, trace, ...(other && { other }) } });
    } catch (error) {
      if (!isSuperseded(error)) this.store.set({ trace: undefined, resultFault: messageOf(error) });
    }
  }

  /** Chooses an element of the resource, and shows the rule that decided it. */
  chooseElement(place: number): void {
    const rule = this.store.state.trace?.trace.elements[place]?.rule ?? -1;
    this.store.set({ element: place, rule });
    this.#reveal(rule, false);
  }

  /** Chooses a rule of the list, and shows it in the text. */
  chooseRule(index: number): void {
    this.store.set({ rule: index });
    this.#reveal(index, false);
  }

  /** Goes to a rule: in the text, or in the list where it is that of a sample. */
  goToRule(index: number): void {
    this.store.set({ rule: index, configurationTab: 'rules' });
    if (!this.#reveal(index, true)) focusOn('rules');
  }

  #reveal(index: number, isFocused: boolean): boolean {
    const { checked, isStale } = this.store.state;
    const span = checked?.rules.find((rule) => rule.index === index)?.span;
    if (span === undefined || isStale) return false;
    this.#editor?.reveal(span, isFocused);
    return true;
  }

  /** Goes to a place in the text. */
  goToPlace(span: Span): void {
    this.#editor?.reveal(span, true);
  }

  /** Takes the rule at a place in the text. */
  chooseRuleAt(offset: number): void {
    const { checked, isStale, rule } = this.store.state;
    if (isStale) return;
    const found = checked?.rules.find(
      ({ span }) => span !== undefined && span.from <= offset && offset <= span.to,
    );
    if (found !== undefined && found.index !== rule) this.store.set({ rule: found.index });
  }

  /** Goes to the elements of the chosen resource that a rule decided. */
  goToElements(rule: number): void {
    const { trace } = this.store.state;
    const place = trace?.trace.elements.findIndex((element) => element.rule === rule) ?? -1;
    const said =
      place < 0
        ? 'This rule decides no element of the chosen resource.'
        : 'The elements of the rule are listed.';
    this.store.set({ rule, elementFilter: 'rule', resultTab: 'elements', element: place, said });
    focusOn('elements');
  }

  async goToResource(index: number): Promise<void> {
    this.store.set({ resourceFilter: 'all', words: '', resultTab: 'elements', elementFilter: 'all' });
    await this.chooseResource(index);
    focusOn('elements');
  }
}

/** Names of files that are opened at once, of many the first. */
function namesOf(files: readonly File[]): string {
  const names = files.slice(0, MAX_NAMED_FILES).map(({ name }) => name);
  const rest = files.length - names.length;
  return names.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** @throws EngineError where a file is no configuration */
async function readConfiguration(file: File): Promise<string> {
  // One that the engine refuses for its size is not given to the editor.
  if (file.size > MAX_CONFIGURATION_BYTES)
    throw invalid(`${file.name}: a configuration has at most 1 MiB, and this file is larger.`);
  const data = (await readFile(file)).data as Uint8Array<ArrayBuffer>;
  const text = new TextDecoder().decode(data);
  if (isData(text))
    throw invalid(`${file.name} is data, not a configuration. Open it under Resources, or drop it there.`);
  if (text.includes('\0') || text.includes('\ufffd'))
    throw invalid(`${file.name} is no text in UTF-8, as a configuration is. Data is opened under Resources.`);
  return text;
}

function invalid(message: string): EngineError {
  return new EngineError({ code: 'invalid', message });
}

/** Whether a text has resources: then it is not put into the editor, whose text others may get. */
function isData(text: string): boolean {
  // What is cut off or damaged is no JSON, and what a rule puts in may be a resource.
  if (/"resourceType"\s*:/.test(text) && !/\bfhirPathRules(?:After)?"?\s*:/i.test(text)) return true;
  return [text, text.split('\n', 1)[0] ?? ''].some((part) => {
    try {
      const value: unknown = JSON.parse(part);
      const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
      return typeof first === 'object' && first !== null && Object.hasOwn(first, 'resourceType');
    } catch {
      return false;
    }
  });
}

/** @throws EngineError where the browser cannot read it */
async function readFile(file: File): Promise<OpenedFile> {
  try {
    return { name: file.name, data: new Uint8Array(await file.arrayBuffer()) };
  } catch {
    throw invalid(
      `${file.name} cannot be read. Of a folder, open the files in it; choose a file again that was changed since.`,
    );
  }
}

/** The page of a FHIR version. */
function addressOf(version: FhirVersion): string {
  const url = new URL(location.pathname, location.origin);
  url.searchParams.set('version', version);
  return url.href;
}

/** The FHIR version of the document's address: another one is another document. */
export function versionOf(address: string): FhirVersion {
  const asked = new URL(address).searchParams.get('version')?.toUpperCase();
  return FHIR_VERSIONS.find((version) => version === asked) ?? 'R4';
}

function focusOn(id: string): void {
  // After what was just changed is in the document.
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`#${id} [tabindex="0"], #${id}`)?.focus());
}

function messageOf(error: unknown): string {
  // Others may quote what they were given.
  return error instanceof EngineError ? error.message : 'Something unexpected went wrong.';
}

function isSuperseded(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'superseded';
}

/** Whether a resource is one of those that a filter and words leave. */
export function isListed(resource: OpenedResource, state: PreviewState): boolean {
  const { resourceFilter, words, results, differences } = state;
  const wanted = words.trim().toLowerCase();
  if (wanted !== '' && !`${resource.type}/${resource.id}`.toLowerCase().includes(wanted)) return false;
  const result = results?.byIndex.get(resource.index);
  switch (resourceFilter) {
    case 'all':
      return true;
    case 'failed':
      return result !== undefined && result.outcome !== 'kept';
    case 'not-valid':
      return (result?.problems.length ?? 0) > 0;
    case 'unreached':
      return (result?.counts.unreached ?? 0) > 0;
    case 'different':
      return differences?.byIndex.has(resource.index) === true;
  }
}
