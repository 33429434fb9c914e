import { increase, increaseAll } from '../functions/common/counts.js';
import type { EngineOptions } from '../functions/deid/run/engine.js';
import { addedContent, type ContentCounts } from '../functions/export/records/content.js';
import type { FileResult } from './anonymizeFile.js';

/** What all files came to. */
export class AnonymizeSummary {
  files = 0;
  written = 0;
  resources = 0;
  errors = 0;
  readonly #options: Pick<EngineOptions, 'fhirVersion' | 'validation'>;
  readonly #notWritten = new Map<string, number>();
  readonly #labels = new Map<string, number>();
  readonly #dropped = new Map<string, number>();
  readonly #undecided = new Map<string, number>();
  readonly #byRule = new Map<string, number>();
  readonly #content = new Map<string, ContentCounts>();

  constructor(options: Pick<EngineOptions, 'fhirVersion' | 'validation'>) {
    this.#options = options;
  }

  /** Adds a file, and prints its errors. */
  add(result: FileResult): void {
    this.files++;
    if (result.notWritten === undefined) this.written++;
    else increase(this.#notWritten, result.notWritten);
    this.resources += result.resources;
    this.errors += result.errors.length;
    increaseAll(this.#labels, result.labels);
    increaseAll(this.#undecided, result.undecided);
    increaseAll(this.#dropped, result.dropped);
    // Of a file that is not written, nothing is there to be looked at.
    for (const [type, counts] of result.notWritten === undefined ? result.content : [])
      this.#content.set(type, addedContent(this.#content.get(type), counts));
    for (const { file, line, message, rule } of result.errors) {
      increase(this.#byRule, rule ?? 'the data');
      const where = rule === undefined ? '' : ` (${rule})`;
      console.error(`${shown(file)}${line === undefined ? '' : `:${line}`}: ${message}${where}`);
    }
  }

  print(total: number, leftAside: ReadonlyMap<string, number>): void {
    console.log(`files: ${this.written} written of ${total}`);
    printCounts('files not written, by reason', this.#notWritten);
    printCounts(
      'files left aside, by ending: read are .json, .ndjson and .jsonl, and these with .gz',
      leftAside,
    );
    console.log(`resources: ${this.resources}`);
    printCounts('operations, by security label', this.#labels);
    printCounts('elements dropped: unknown to this FHIR version, or of the wrong type', this.#dropped);
    printCounts('conditions that could not be decided, by rule', this.#undecided);
    this.#printValidity();
    console.log(`errors: ${this.errors}`);
    printCounts('errors, by rule', this.#byRule);
  }

  /** The same as JSON, with the rows of `report.json` for what the results contain, by type. */
  toJson(): string {
    const { fhirVersion, validation } = this.#options;
    const report = {
      fhirVersion,
      files: this.written,
      resources: this.resources,
      errors: this.errors,
      ...(validation === 'off' ? {} : { notValid: this.#notValid().notValid }),
      labels: Object.fromEntries(this.#labels),
      dropped: Object.fromEntries(this.#dropped),
      undecided: Object.fromEntries(this.#undecided),
      types: this.#types().map(([type, content]) => ({ type, written: content.resources, content })),
    };
    return `${JSON.stringify(report, undefined, 2)}\n`;
  }

  #printValidity(): void {
    if (this.#options.validation === 'off') return;
    const { resources, notValid, problems } = this.#notValid();
    console.log(`valid FHIR: ${resources - notValid} of ${resources}`);
    printCounts('what is not valid, by element and reason', problems);
  }

  #notValid(): { resources: number; notValid: number; problems: ReadonlyMap<string, number> } {
    const problems = new Map<string, number>();
    let resources = 0;
    let notValid = 0;
    for (const [, content] of this.#types()) {
      resources += content.resources;
      notValid += content.notValid;
      increaseAll(problems, Object.entries(content.problems));
    }
    return { resources, notValid, problems };
  }

  #types(): [type: string, content: ContentCounts][] {
    return [...this.#content].sort(([one], [other]) => (one < other ? -1 : 1));
  }
}

/** A name of a file of others, which does nothing to a terminal. */
function shown(name: string): string {
  return name.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

function printCounts(title: string, counts: ReadonlyMap<string, number>): void {
  if (counts.size === 0) return;
  console.log(`${title}:`);
  for (const [key, count] of counts) console.log(`  ${key}: ${count}`);
}
