import { compileEngine, rulesOf } from '../../functions/deid/compileEngine.js';
import { hmac, sha256 } from '../../functions/common/crypto.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import { resolveKeys } from '../../functions/deid/configuration/keys.js';
import type { Rule } from '../../functions/deid/configuration/rule.js';
import type { PseudonymSource } from '../../functions/deid/methods/pseudonyms.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { Engine, ProcessingFailure } from '../../functions/deid/run/engine.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { Trace } from '../../functions/deid/run/trace.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { TapeValue } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';
import type { PreviewAsk } from './protocol.js';
import { Decisions } from './decisions.js';
import { CallError } from './serve.js';

/** Characters of a key: 32 fit every method. */
const KEY_LENGTH = 32;
/** Hex digits of a pseudonym that is made for a preview. */
const PSEUDONYM_DIGITS = 16;

/** Secrets of one page: what is made with them is the same as long as the page is open, and never again. */
export interface PageSecrets {
  /** 32 bytes each. */
  readonly job: Uint8Array;
  readonly random: Uint8Array;
}

/** What the engine made of one resource. */
export interface PreviewedResource {
  /** Absent where it failed. */
  readonly line?: string;
  readonly failure?: ProcessingFailure;
  readonly report: EngineReport;
  readonly trace: Trace;
}

/** The engine of one configuration, as a preview uses it: the same resource always gives the same result. */
export class PreviewEngine {
  /** In the order in which they act. */
  readonly rules: readonly Rule[];
  /** What was decided in the resource that was previewed last. */
  readonly decisions = new Decisions();
  readonly #engine: Engine;
  readonly #line = new LineBuffer();
  readonly #random: RandomBytes;

  private constructor(configuration: Configuration, secrets: PageSecrets, now: number) {
    const { fhirVersion } = configuration;
    this.rules = rulesOf(configuration);
    this.#random = new RandomBytes(secrets.random);
    this.#engine = compileEngine(configuration, {
      fhirVersion,
      now,
      jobSecret: secrets.job,
      randomBytes: (size) => this.#random.take(size),
      validation: 'report',
      pseudonyms: pseudonymsBy(secrets.job),
      watch: this.decisions,
    });
  }

  /** @throws CallError where the configuration has an error, or a key does not fit */
  static async of(
    { configuration: text, keys = {}, now }: PreviewAsk,
    fhirVersion: FhirVersion,
    secrets: PageSecrets,
  ): Promise<PreviewEngine> {
    const { configuration } = readConfiguration(text, { fhirVersion });
    if (configuration === undefined)
      throw new CallError('invalid', 'The configuration has errors, and no export takes it.');
    const resolved = await resolveKeys(configuration, async (name) =>
      Object.hasOwn(keys, name) && keys[name] !== '' ? (keys[name] ?? null) : standInKey(name, secrets),
    );
    const [issue] = resolved.issues;
    if (resolved.configuration === undefined)
      throw new CallError('invalid', `${issue?.path ?? 'A key'}: ${issue?.message ?? 'it does not fit'}.`);
    const instant = now === undefined ? Date.now() : Date.parse(now);
    if (Number.isNaN(instant)) throw new CallError('invalid', 'The instant is not one of ISO 8601.');
    return new PreviewEngine(resolved.configuration, secrets, instant);
  }

  /** What happens to an export when a resource fails. */
  get processingErrors(): Engine['processingErrors'] {
    return this.#engine.processingErrors;
  }

  /** The index of a rule by its place, as messages name it. */
  ruleAt(place: string): number | undefined {
    return this.rules.find((rule) => rule.place === place)?.index;
  }

  /**
   * @param index of the resource: what is random differs from resource to resource
   * @param fileName of the file that it comes from
   * @param isByTree whether the trace is asked for
   */
  resource(value: TapeValue, index: number, fileName: string, isByTree = false): PreviewedResource {
    const report = new EngineReport();
    const trace = new Trace();
    const line = this.#line;
    line.truncate(0);
    this.#random.begin(index);
    const { decisions } = this;
    decisions.restart();
    const context = { fileName, trace, isByTree };
    const failure = this.#engine.anonymize(value, line, report, context);
    if (trace.root !== undefined) decisions.readTrace(trace, trace.root);
    if (failure !== undefined) return { failure, report, trace };
    return { line: line.slice(0, line.length).toString(), report, trace };
  }
}

/** A key that takes the place of a secret that is not given. */
function standInKey(name: string, { job }: PageSecrets): string {
  return hmac('sha256', job, `key ${name}`).toString('hex').slice(0, KEY_LENGTH);
}

/** Pseudonyms in the place of those that a service would make. */
function pseudonymsBy(secret: Uint8Array): PseudonymSource {
  return {
    domain: ({ domain }) => ({
      of: (value) =>
        hmac('sha256', secret, JSON.stringify([domain, value]))
          .toString('hex')
          .slice(0, PSEUDONYM_DIGITS),
    }),
    takeLack: () => false,
  };
}

/**
 * Bytes that a seed and the index of a resource fix: each run of a preview gives the same, in whatever order the values of
 * a resource take them.
 */
class RandomBytes {
  readonly #seed: Uint8Array;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(seed: Uint8Array) {
    this.#seed = seed;
  }

  begin(index: number): void {
    const digits = sha256(Buffer.concat([this.#seed, Buffer.from(String(index))]), 'hex');
    this.#bytes = Buffer.from(digits, 'hex');
  }

  /** @param size at most 32 */
  take(size: number): Uint8Array {
    return this.#bytes.subarray(0, size);
  }
}
