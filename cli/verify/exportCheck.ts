import { isUtf8 } from 'node:buffer';
import { ContentCounter } from '../../functions/deid/run/contentCounter.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import type { TypeReport } from '../../functions/deid/run/typeReport.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { ReportedFile, ReportOfType } from '../../functions/export/output/report.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { URI_KINDS } from '../../functions/fhir/publishedUris.js';
import { readAnyReference } from '../../functions/fhir/reference.js';
import { JsonTape, OBJECT } from '../../functions/json/jsonTape.js';
import { nameNumber } from '../../functions/json/keyNames.js';
import { fileFault } from '../fileFault.js';
import { Differences, Lines } from './differences.js';
import { ResourceIds } from './resourceIds.js';
import type { SavedExport, SavedFile } from './savedExport.js';
import { type FileTotals, readLines } from './savedFile.js';

const RESOURCE_TYPE = nameNumber('resourceType');
const ID = nameNumber('id');
const TOTAL = 'all files';

/** What the check of an export came to. */
interface Verdict {
  /** Counts, for people. */
  readonly facts: string[];
  /** What may be so in an export that is as it should be. */
  readonly warnings: string[];
  readonly differences: Differences;
}

/** Reads the files of an export one after the other, and compares them with its manifest and report. */
export class ExportCheck {
  readonly #saved: SavedExport;
  readonly #reported: ReadonlyMap<string, ReportedFile>;
  readonly #differences = new Differences();
  readonly #ids = new ResourceIds();
  readonly #contents = new EngineReport();
  readonly #counter: ContentCounter;
  readonly #tape = new JsonTape();
  #files = 0;
  #resources = 0;
  #withoutId = 0;
  #withoutEnd = 0;

  constructor(saved: SavedExport, version: FhirVersion) {
    this.#saved = saved;
    this.#reported = new Map((saved.report?.files ?? []).map((file) => [file.name, file]));
    const model = FhirModel.of(version);
    this.#counter = new ContentCounter(model, (reference) => {
      const target = readAnyReference(reference);
      if (target !== undefined && model.resource(target.type) !== undefined)
        this.#ids.refer(target.type, target.id);
    });
  }

  /** Reads a file of the manifest. */
  async read(file: SavedFile): Promise<void> {
    const { name, path } = file;
    if (path === undefined) return this.#differences.add(name, 'file', 'there', 'missing');
    const wrong = new Map<string, Lines>();
    let lines = 0;
    let totals: FileTotals;
    try {
      totals = await readLines(path, (line, number) => {
        lines++;
        const problem = this.#problemOf(file, line);
        if (problem === undefined) return;
        const found = wrong.get(problem) ?? new Lines();
        wrong.set(problem, found);
        found.add(number);
      });
    } catch (error) {
      return this.#differences.add(name, 'file', 'can be read', fileFault(error));
    }
    this.#files++;
    for (const [problem, found] of wrong) this.#differences.add(name, problem, '0', found.toString());
    this.#compareFile(file, lines, totals);
  }

  /** What all files came to. */
  end(): Verdict {
    const { files, resourcesWritten, report } = this.#saved;
    const differences = this.#differences;
    if (resourcesWritten !== undefined)
      differences.compare(TOTAL, 'resources', resourcesWritten, this.#resources);
    const named = new Set(files.map(({ name }) => name));
    for (const name of this.#reported.keys())
      if (!named.has(name)) differences.add(name, 'file of report.json', 'in the manifest', 'not there');
    const { facts, warnings } = this.#references();
    return {
      facts: [`files: ${this.#files} of ${files.length}`, `resources: ${this.#resources}`, ...facts],
      warnings: [
        ...warnings,
        ...(report === undefined
          ? ['there is no report.json, so what the resources contain is not compared']
          : this.#compareTypes(report.types ?? [])),
        ...this.#others(),
      ],
      differences,
    };
  }

  /** What is wrong with a line, which counts if nothing is. */
  #problemOf({ kind, type }: SavedFile, line: Buffer | undefined): string | undefined {
    const tape = this.#tape;
    if (line === undefined) return 'lines too long to be read';
    if (!isUtf8(line)) return 'lines that are not UTF-8';
    if (!tape.read(line) || tape.kind(tape.root) !== OBJECT) return 'lines that are no JSON object';
    if (tape.textOf(tape.root, RESOURCE_TYPE) !== type) return `resources that are no ${type}`;
    if (kind !== 'output') return undefined;
    this.#resources++;
    this.#counter.add(tape, tape.root, this.#contents.ofType(type));
    const id = tape.textOf(tape.root, ID);
    if (id === undefined) this.#withoutId++;
    else if (!this.#ids.add(type, id)) return 'ids that are there twice';
    return undefined;
  }

  #compareFile({ kind, type, name, count }: SavedFile, lines: number, totals: FileTotals): void {
    const differences = this.#differences;
    // Other servers leave it out, and nothing is lost by that.
    if (!totals.isWhole && this.#reported.size === 0) this.#withoutEnd++;
    else if (!totals.isWhole) differences.add(name, 'line break at the end', 'there', 'missing');
    if (count !== undefined) differences.compare(name, 'lines, by the manifest', count, lines);
    const reported = this.#reported.get(name);
    if (reported === undefined) {
      if (this.#reported.size > 0 && kind !== 'error')
        differences.add(name, 'file of the manifest', 'in report.json', 'not there');
      return;
    }
    differences.compare(name, 'type, by report.json', reported.type, type);
    differences.compare(name, 'lines, by report.json', reported.count, lines);
    differences.compare(name, 'bytes', reported.bytes, totals.bytes);
    if (reported.sha256 !== undefined)
      differences.compare(name, 'SHA-256', reported.sha256.slice(0, 16), totals.sha256.slice(0, 16));
  }

  /** @returns warnings of types that cannot be compared */
  #compareTypes(reported: readonly Partial<ReportOfType>[]): string[] {
    const differences = this.#differences;
    const warnings: string[] = [];
    const found = new Map(this.#contents.types);
    for (const { type = '', written = 0, content } of reported) {
      const counted = found.get(type);
      found.delete(type);
      differences.compare(type, 'resources', written, counted?.resources ?? 0);
      if (counted === undefined) continue;
      if (content?.resources === written) compareContent(differences, type, content, counted);
      else warnings.push(`report.json does not say what all ${type} contain, so it is not compared`);
    }
    for (const [type, { resources }] of found) differences.compare(type, 'resources', 0, resources);
    return warnings;
  }

  #references(): { facts: string[]; warnings: string[] } {
    const facts: string[] = [];
    const warnings: string[] = [];
    for (const [type, { resolved, unresolved }] of this.#ids.resolutions()) {
      facts.push(`references to ${type}: ${resolved} resolve`);
      if (unresolved > 0)
        warnings.push(`${unresolved} references to ${type} lead to no resource of the export`);
    }
    return { facts, warnings };
  }

  #others(): string[] {
    const { others } = this.#saved;
    return [
      ...(this.#withoutId === 0
        ? []
        : [`${this.#withoutId} resources have no id, so none of them can be known to be there twice`]),
      ...(this.#withoutEnd === 0 ? [] : [`${this.#withoutEnd} files have no line break at their end`]),
      ...(others.length === 0
        ? []
        : [`the folder has ${others.length} other NDJSON files, which the manifest does not name`]),
    ];
  }
}

function compareContent(
  differences: Differences,
  type: string,
  content: Partial<NonNullable<ReportOfType['content']>>,
  counted: TypeReport,
): void {
  differences.compareCounts(type, 'with element', content.elements ?? {}, counted.elements);
  differences.compareCounts(type, 'dates by', content.dates ?? {}, new Map(Object.entries(counted.dates)));
  differences.compareCounts(type, 'references to', content.references ?? {}, counted.references);
  // Earlier versions did not count them.
  for (const kind of URI_KINDS)
    if (content[kind] !== undefined)
      differences.compareCounts(type, `${kind} by URI`, content[kind], counted[kind]);
}
