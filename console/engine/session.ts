import invented from 'console:invented';
import { VERSION } from '../../functions/common/version.js';
import { SAMPLE_NAMES, sampleNamed } from '../../functions/deid/configuration/samples.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { parseJson, valueAt } from '../../functions/json/json.js';
import type { TapeValue } from '../../functions/json/jsonTape.js';
import { checkConfiguration } from './checkConfiguration.js';
import { everyElementOf } from './everyElement.js';
import { indentedJson } from './indentedJson.js';
import { ComparisonOfEngines } from './comparison.js';
import { completionAt } from './completion.js';
import { configurationOf, linkOf } from './links.js';
import { mendEdits } from './mend.js';
import { OpenResources } from './openedData.js';
import { type PageSecrets, PreviewEngine, type PreviewedResource } from './previewEngine.js';
import { resultOf, SummaryOfPreview } from './previewSummary.js';
import type {
  Bundles,
  CompareAsk,
  Comparison,
  Hello,
  OpenedData,
  OpenedFile,
  OpenedResource,
  PreviewAsk,
  PreviewSummary,
  ResourceDifference,
  ResourceResult,
  ResourceTrace,
  SampleAsk,
} from './protocol.js';
import { type Answers, CallError } from './serve.js';
import { unpackedFiles } from './unpack.js';
import { type Side, traceElements } from './traceElements.js';

/** How long the engine works before it looks whether anything else was asked for, in milliseconds. */
const SLICE_MS = 40;

/** What one page does with the engine. */
export class Session {
  readonly #version: FhirVersion;
  readonly #secrets: PageSecrets;
  #data: OpenResources | undefined;
  #fileNames: readonly string[] = [];
  /** What is being opened, or was. */
  #opening = 0;
  /** The engine that was made last, and what for. */
  #engine: { readonly key: string; readonly engine: PreviewEngine } | undefined;
  /** The run over many resources that is the last one. */
  #run = 0;

  readonly answers: Answers = {
    hello: () => this.#hello(),
    link: ({ configuration }) => linkOf(configuration),
    openLink: async ({ fragment }) => ({ configuration: await configurationOf(fragment) }),
    mend: (ask) => ({ edits: mendEdits(ask, this.#version) }),
    sample: (ask) => ({ text: this.#sample(ask) }),
    check: ({ configuration }) => checkConfiguration(configuration, this.#version),
    open: ({ files, bundles = 'entries' }) => this.#open(files, bundles),
    close: () => this.#close(),
    cancel: () => {
      this.#run++;
      return {};
    },
    preview: (ask, onPart) => this.#preview(ask, onPart),
    complete: ({ configuration, at }) => completionAt(configuration, at, this.#version),
    compare: (ask, onPart) => this.#compare(ask, onPart),
    trace: async ({ index, ...ask }) => this.#trace(await this.#engineFor(ask), index),
  };

  /** @param secrets random bytes of the page's own */
  constructor(version: FhirVersion, secrets: PageSecrets) {
    this.#version = version;
    this.#secrets = secrets;
  }

  #hello(): Hello {
    return {
      fhirVersion: this.#version,
      version: VERSION,
      methods: METHODS.map(({ name, clears }) => ({ name, clears })),
      configurations: SAMPLE_NAMES.map((name) => ({
        name,
        text: JSON.stringify(sampleNamed(name), null, 2),
      })),
      samples: Object.keys(invented),
      resourceTypes: FhirModel.of(this.#version).resourceNames(),
    };
  }

  #sample({ type, kind }: SampleAsk): string {
    const text =
      kind === 'every element'
        ? everyElementOf(type, FhirModel.of(this.#version))
        : Object.hasOwn(invented, type)
          ? invented[type]
          : undefined;
    if (text === undefined) throw new CallError('not-found', 'There is no invented resource of this type.');
    return text;
  }

  async #open(files: readonly OpenedFile[], bundles: Bundles): Promise<OpenedData> {
    const opening = ++this.#opening;
    const plain = await unpackedFiles(files);
    if (opening !== this.#opening) throw new CallError('superseded', 'Something else was opened.');
    this.#close();
    this.#data = new OpenResources(plain, bundles);
    this.#fileNames = plain.map(({ name }) => name);
    const { resources, problems } = this.#data;
    return { resources, problems };
  }

  #close(): Record<string, never> {
    this.#run++;
    this.#opening++;
    this.#data = undefined;
    this.#fileNames = [];
    // It has the keys, and the last result.
    this.#engine = undefined;
    return {};
  }

  get #opened(): OpenResources {
    if (this.#data === undefined) throw new CallError('not-open', 'No data is open.');
    return this.#data;
  }

  async #engineFor(ask: PreviewAsk): Promise<PreviewEngine> {
    const key = JSON.stringify([ask.configuration, ask.keys, ask.now]);
    if (this.#engine?.key !== key) {
      const engine = await this.#makeEngine(ask);
      this.#engine = { key, engine };
    }
    return this.#engine.engine;
  }

  #makeEngine(ask: PreviewAsk): Promise<PreviewEngine> {
    return PreviewEngine.of(ask, this.#version, this.#secrets);
  }

  async #preview(ask: PreviewAsk, onPart: (part: ResourceResult[]) => void): Promise<PreviewSummary> {
    const run = ++this.#run;
    const engine = await this.#engineFor(ask);
    const summary = new SummaryOfPreview(engine);
    await this.#eachResource(run, onPart, (resource) =>
      summary.add(resource, this.#previewed(engine, resource.index)),
    );
    return summary.take();
  }

  async #compare(
    { one, other, ...ask }: CompareAsk,
    onPart: (part: ResourceDifference[]) => void,
  ): Promise<Comparison> {
    const run = ++this.#run;
    const engines = {
      one: await this.#makeEngine({ ...ask, configuration: one }),
      other: await this.#makeEngine({ ...ask, configuration: other }),
    };
    const comparing = new ComparisonOfEngines(engines, {
      valueAt: (index) => this.#valueAt(index),
      fileNameOf: (index) => this.#fileNameOf(index),
    });
    await this.#eachResource(run, onPart, (resource) => comparing.difference(resource));
    return comparing.take();
  }

  /** Does something with each resource that is open, and sends what it gives in parts. @throws CallError where another run begins */
  async #eachResource<T>(
    run: number,
    onPart: (part: T[]) => void,
    work: (resource: OpenedResource) => T | undefined,
  ): Promise<void> {
    const { resources } = this.#opened;
    let part: T[] = [];
    let since = performance.now();
    for (const resource of resources) {
      if (performance.now() - since > SLICE_MS) {
        onPart(part);
        part = [];
        await otherMessages();
        since = performance.now();
      }
      if (run !== this.#run) throw new CallError('superseded', 'The run was ended.');
      const made = work(resource);
      if (made !== undefined) part.push(made);
    }
    onPart(part);
  }

  #previewed(engine: PreviewEngine, index: number): PreviewedResource {
    return engine.resource(this.#valueAt(index), index, this.#fileNameOf(index));
  }

  #valueAt(index: number): TapeValue {
    const value = this.#opened.resourceAt(index);
    if (value === undefined) throw new CallError('not-found', 'There is no such resource.');
    return value;
  }

  #fileNameOf(index: number): string {
    return this.#fileNames[this.#opened.resources[index]?.file ?? -1] ?? '';
  }

  #trace(engine: PreviewEngine, index: number): ResourceTrace {
    const value = this.#valueAt(index);
    const resource = this.#opened.resources[index] as OpenedResource;
    const before = sideOf(valueAt(value.tape, value.node));
    const previewed = engine.resource(value, index, this.#fileNameOf(index), true);
    const { line, ...result } = resultOf(engine, previewed);
    const after = line === undefined ? undefined : sideOf(parseJson(line));
    const { counts } = new SummaryOfPreview(engine).add(resource, previewed);
    return {
      index,
      type: resource.type,
      ...result,
      counts,
      before: before.text,
      ...(after !== undefined && { after: after.text }),
      elements: traceElements(previewed.trace, before, after, result.problems),
    };
  }
}

function sideOf(json: Side['json']): Side {
  return { json, ...indentedJson(json) };
}

/** Lets the messages in that came while the engine was at work. */
function otherMessages(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
