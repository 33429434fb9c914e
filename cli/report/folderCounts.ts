import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../functions/deid/configuration/quasiIdentifiers.js';
import { ContentCounter } from '../../functions/deid/run/contentCounter.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import { remembered } from '../../functions/common/maps.js';
import { VERSION } from '../../functions/common/version.js';
import type { ExportReport, ReportedFile, ReportOfType } from '../../functions/export/output/report.js';
import type { ReportedExport } from '../../functions/export/report/part.js';
import { contentOf, type ContentCounts } from '../../functions/export/records/content.js';
import { emptyReport } from '../../functions/export/records/job.js';
import { RiskCount } from '../../functions/export/risk/riskCount.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { JsonTape, OBJECT } from '../../functions/json/jsonTape.js';
import { nameNumber } from '../../functions/json/keyNames.js';
import { Lines } from '../verify/differences.js';
import { readLines } from '../verify/savedFile.js';
import type { CountedFile } from './reportFolder.js';

const RESOURCE_TYPE = nameNumber('resourceType');

/** Counts what the files of a folder contain, a line at a time. */
export class FolderCounts {
  readonly problems: string[] = [];
  files = 0;
  resources = 0;
  readonly #model: FhirModel;
  readonly #counter: ContentCounter;
  readonly #contents = new EngineReport();
  readonly #tape = new JsonTape();
  readonly #risk: RiskCount;
  readonly #files: ReportedFile[] = [];
  readonly #ofType = new Map<string, Pick<ReportOfType, 'files' | 'bytes'>>();

  constructor(version: FhirVersion) {
    this.#model = FhirModel.of(version);
    this.#counter = new ContentCounter(this.#model);
    const comparison = { quasiIdentifiers: DEFAULT_QUASI_IDENTIFIERS, fhirVersion: version, now: Date.now() };
    this.#risk = new RiskCount(comparison, randomBytes(32));
  }

  /** Counts the lines of a file. @throws Error of the file system or of gzip */
  async read({ name, path, type }: CountedFile): Promise<void> {
    const wrong = new Lines();
    const found = new Set<string>();
    let lines = 0;
    const { bytes, sha256 } = await readLines(path, (line, number) => {
      lines++;
      const own = line === undefined ? undefined : this.#add(line, type);
      if (own === undefined) wrong.add(number);
      else found.add(own);
    });
    this.files++;
    if (wrong.count > 0)
      this.problems.push(`${name}: lines that are no resources of its type: ${wrong.toString()}`);
    for (const one of found) remembered(this.#ofType, one, () => ({ files: 0, bytes: 0 })).files++;
    const [only = ''] = found;
    const ofFile = this.#ofType.get(only);
    if (ofFile !== undefined) ofFile.bytes += bytes;
    this.#files.push({ type: type ?? only, name, count: lines, bytes, sha256 });
  }

  /** In which types the files have other resources than a report says. */
  differencesFrom({ types = [] }: Partial<ExportReport>): string[] {
    if (types.length === 0) return [];
    const counted = this.#contents.types;
    const written = new Map(types.map((ofType) => [ofType.type, ofType.written]));
    return [...new Set([...counted.keys(), ...written.keys()])].flatMap((type) => {
      const [found, expected] = [counted.get(type)?.resources ?? 0, written.get(type) ?? 0];
      return found === expected
        ? []
        : [`${type}: report.json says ${expected} resources, and the files have ${found}`];
    });
  }

  /** A report with what the files contain, where it does not say so itself. */
  completed(report: Partial<ExportReport>): ReportedExport {
    const counted = new Map([...this.#contents.types].map(([type, content]) => [type, contentOf(content)]));
    const types = report.types?.map((ofType) => withContent(ofType, counted.get(ofType.type)));
    return {
      engineVersion: VERSION,
      risk: this.#risk.risk,
      ...report,
      types:
        types ??
        [...counted]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([type, content]) => this.#typeOf(type, content)),
      files: report.files ?? this.#files,
    };
  }

  /** Counts a resource. @returns its type; `undefined` where it is none, or none of the type that it has to be */
  #add(line: Buffer, expected: string | undefined): string | undefined {
    const tape = this.#tape;
    if (!isUtf8(line) || !tape.read(line) || tape.kind(tape.root) !== OBJECT) return undefined;
    const type = tape.textOf(tape.root, RESOURCE_TYPE);
    // A name that is no type may be anything.
    if (type === undefined || this.#model.resource(type) === undefined) return undefined;
    if (expected !== undefined && type !== expected) return undefined;
    this.resources++;
    this.#counter.add(tape, tape.root, this.#contents.ofType(type));
    if (type === 'Patient') this.#risk.add(line);
    return type;
  }

  #typeOf(type: string, content: ContentCounts): ReportOfType {
    const { files = 0, bytes = 0 } = this.#ofType.get(type) ?? {};
    const { resources } = content;
    return {
      ...emptyReport(),
      type,
      read: resources,
      written: resources,
      files,
      bytes,
      ofOthers: 0,
      seconds: 0,
      content,
    };
  }
}

/** A report of a type with what was counted and it does not have. */
function withContent(ofType: ReportOfType, counted: ContentCounts | undefined): ReportOfType {
  if (counted === undefined) return ofType;
  const { content } = ofType;
  const { notValid, problems } = content ?? counted;
  return { ...ofType, content: { ...counted, notValid, problems } };
}
