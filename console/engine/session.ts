import invented from 'console:invented';
import { VERSION } from '../../functions/common/version.js';
import { SAMPLE_NAMES, sampleNamed } from '../../functions/deid/configuration/samples.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { parseJson, valueAt } from '../../functions/json/json.js';
import { checkConfiguration } from './checkConfiguration.js';
import { indentedJson } from './indentedJson.js';
import { configurationOf, linkOf } from './links.js';
import { mendEdits } from './mend.js';
import { OpenResources } from './openedData.js';
import { type PageSecrets, PreviewEngine, type PreviewedResource } from './previewEngine.js';
import { resultOf, SummaryOfPreview } from './previewSummary.js';
import type {
  Bundles,
  Hello,
  OpenedData,
  PreviewAsk,
  PreviewSummary,
  ResourceResult,
  ResourceTrace,
} from './protocol.js';
import { type Answers, CallError } from './serve.js';
import { type Side, traceElements } from './traceElements.js';

/** How long the engine works before it looks whether anything else was asked for, in milliseconds. */
const SLICE_MS = 40;

/** What one page does with the engine. */
export class Session {
  readonly #version: FhirVersion;
  readonly #secrets: PageSecrets;
  #data: OpenResources | undefined;
  #fileName = '';
  /** The engine that was made last, and what for. */
  #engine: { readonly key: string; readonly engine: PreviewEngine } | undefined;
  /** The run over many resources that is the last one. */
  #run = 0;

  readonly answers: Partial<Answers> = {
    hello: () => this.#hello(),
    link: ({ configuration }) => linkOf(configuration),
    openLink: async ({ fragment }) => ({ configuration: await configurationOf(fragment) }),
    mend: (ask) => ({ edits: mendEdits(ask, this.#version) }),
    sample: ({ name }) => {
      const text = Object.hasOwn(invented, name) ? invented[name] : undefined;
      if (text === undefined) throw new CallError('not-found', 'There is no invented resource of this name.');
      return { text };
    },
    check: ({ configuration }) => checkConfiguration(configuration, this.#version),
    open: ({ data, fileName = '', bundles = 'entries' }) => this.#open(data, fileName, bundles),
    close: () => this.#close(),
    cancel: () => {
      this.#run++;
      return {};
    },
    preview: (ask, onPart) => this.#preview(ask, onPart),
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
      samples: Object.keys(invented).map((type) => ({ name: type, type, title: type })),
    };
  }

  #open(data: string | Uint8Array, fileName: string, bundles: Bundles): OpenedData {
    this.#close();
    this.#data = new OpenResources(data, bundles);
    this.#fileName = fileName;
    const { resources, problems } = this.#data;
    return { resources, problems };
  }

  #close(): Record<string, never> {
    this.#run++;
    this.#data = undefined;
    this.#fileName = '';
    return {};
  }

  get #opened(): OpenResources {
    if (this.#data === undefined) throw new CallError('not-open', 'No data is open.');
    return this.#data;
  }

  async #engineFor(ask: PreviewAsk): Promise<PreviewEngine> {
    const key = JSON.stringify([ask.configuration, ask.keys, ask.now, this.#fileName]);
    if (this.#engine?.key !== key) {
      const engine = await PreviewEngine.of(ask, this.#version, this.#secrets, this.#fileName);
      this.#engine = { key, engine };
    }
    return this.#engine.engine;
  }

  async #preview(ask: PreviewAsk, onPart: (part: ResourceResult[]) => void): Promise<PreviewSummary> {
    const { resources } = this.#opened;
    const run = ++this.#run;
    const engine = await this.#engineFor(ask);
    const summary = new SummaryOfPreview(engine);
    let part: ResourceResult[] = [];
    let since = performance.now();
    for (const resource of resources) {
      if (performance.now() - since > SLICE_MS) {
        onPart(part);
        part = [];
        await otherMessages();
        since = performance.now();
      }
      if (run !== this.#run) throw new CallError('superseded', 'The preview was ended.');
      part.push(summary.add(resource, this.#previewed(engine, resource.index)));
    }
    onPart(part);
    return summary.take();
  }

  #previewed(engine: PreviewEngine, index: number): PreviewedResource {
    const value = this.#opened.resourceAt(index);
    if (value === undefined) throw new CallError('not-found', 'There is no such resource.');
    return engine.resource(value, index);
  }

  #trace(engine: PreviewEngine, index: number): ResourceTrace {
    const resource = this.#opened.resources[index];
    const value = this.#opened.resourceAt(index);
    if (resource === undefined || value === undefined)
      throw new CallError('not-found', 'There is no such resource.');
    const before = sideOf(valueAt(value.tape, value.node));
    const previewed = engine.resource(value, index, true);
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
