import { quantity } from '../../common/counts.js';
import { ExportError } from '../../common/errors.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import {
  ANY_TYPE,
  type BulkPart,
  type FilePart,
  type JobRequest,
  type PlannedPartition,
} from '../records/job.js';
import { reasonAgainst } from './deletionPlan.js';
import type { SourceChoice, TakenExport } from '../records/sourceExport.js';
import { fileName } from '../source/fileLines.js';
import type { BulkFile, BulkManifest } from '../source/bulkManifest.js';
import { listed } from '../output/manifest.js';
import { fileWindow, isAsked, planParts } from './filePlan.js';

/** A file of a manifest, with its number in it, from 1 on. */
export interface NumberedFile extends BulkFile {
  number: number;
}

/** What a file turned out to be. */
export interface ReadFile extends NumberedFile {
  /** `undefined` where it cannot be read in ranges, so that its size is not known. */
  bytes: number | undefined;
  etag: string;
  isGzip: boolean;
}

/** The files of a manifest that a job reads: those of its types, and those of deletions where it reports them. */
export function filesToRead(
  { output, deleted }: BulkManifest,
  request: JobRequest,
  fhirVersion: FhirVersion,
  isResourceType: (type: string) => boolean,
): { output: NumberedFile[]; deleted: NumberedFile[]; unknown: number } {
  const numbered = numberedFrom(output, 0);
  // Servers export types of their own, too, and what is in them no configuration knows.
  const files = numbered.filter(({ type }) => type === undefined || isResourceType(type));
  return {
    unknown: numbered.length - files.length,
    output: files.filter(({ type }) => type === undefined || isAsked(request, type, fhirVersion)),
    deleted:
      request.since !== undefined && deletionsRefused(request) === undefined
        ? numberedFrom(deleted, output.length)
        : [],
  };
}

function numberedFrom(files: readonly BulkFile[], before: number): NumberedFile[] {
  return files.map((file, index) => ({ ...file, number: before + index + 1 }));
}

/** Why no deletions are reported, of whatever type; `undefined`: they are, of those types where they can be. */
function deletionsRefused(request: JobRequest): string | undefined {
  return reasonAgainst(ANY_TYPE, request, () => true);
}

/** How the file of a manifest is reached that has a number. */
export function reachedFile(
  { output, deleted, error, requiresAccessToken }: BulkManifest,
  number: number,
): { url: string; needsToken: boolean } {
  const file = [...output, ...deleted, ...error][number - 1];
  if (file === undefined) throw new TypeError('the manifest has no such file');
  return { url: file.url, needsToken: requiresAccessToken };
}

/** What a job reads by the source's own export, where it reads other types by searches. */
export function ofBulk(request: JobRequest, choice: SourceChoice | undefined): JobRequest {
  return choice?.bulk === undefined ? request : ofTypes(request, choice.bulk);
}

/** What a job reads of some types. */
export function ofTypes(request: JobRequest, types: string[]): JobRequest {
  return { ...request, types, typeFilters: request.typeFilters.filter(({ type }) => types.includes(type)) };
}

/** Which types are read how, and why, where that was tried. */
export function choiceNotes(choice: SourceChoice | undefined): string[] {
  if (choice === undefined) return [];
  const { bulk, search } = choice;
  if (bulk?.length === 0)
    return [
      'The source was read by searches: it answers them, or has no export of its own that it lets the app begin.',
    ];
  const which = bulk === undefined ? 'all types' : listed(bulk);
  const others = search.length === 0 ? '' : ' The others were read by searches.';
  return [
    `Read from the source's own export, since the source does not answer a search for them: ${which}.${others}`,
  ];
}

/** The parts of the files of an export of the source. */
export function planBulkParts(
  output: readonly ReadFile[],
  deleted: readonly NumberedFile[],
  request: JobRequest,
): PlannedPartition[] {
  const parts = planParts(
    output.map((file) => ({ part: partOf(file), bytes: file.bytes })),
    request,
  );
  const window = fileWindow(request);
  return [
    ...parts.map((planned) => ({ ...planned, estimate: estimateOf(planned) })),
    ...deleted.map(({ number }): PlannedPartition => {
      const file = {
        name: '',
        etag: '',
        number,
        begin: 0,
        end: Number.MAX_SAFE_INTEGER,
        bulk: { hasRanges: false },
      };
      return { window, estimate: 0, isOfDeletions: true, file };
    }),
  ];
}

/** Lines of a part, as the manifest counts those of its file. */
function estimateOf({ file }: PlannedPartition): number | undefined {
  const { count, bytes } = file?.bulk ?? {};
  if (file === undefined || count === undefined) return undefined;
  return file.isGzip === true || bytes === undefined || bytes === 0
    ? count
    : Math.round((count * (file.end - file.begin)) / bytes);
}

function partOf({ number, type, count, bytes, etag, isGzip }: ReadFile): FilePart {
  const bulk: BulkPart = {
    hasRanges: bytes !== undefined,
    ...(bytes === undefined ? {} : { bytes }),
    ...(type === undefined ? {} : { type }),
    ...(count === undefined ? {} : { count }),
  };
  const whole = { name: '', etag, number, begin: 0, end: Number.MAX_SAFE_INTEGER, bulk };
  return isGzip ? { ...whole, isGzip } : whole;
}

/** What a caller should know of an export that the source made. */
export function bulkNotes(
  request: JobRequest,
  taken: TakenExport,
  manifest: BulkManifest,
  output: readonly ReadFile[],
  unknown: number,
): string[] {
  const { level, typeFilters, patients, since, referencedTypes } = request;
  const reason = deletionsRefused(request);
  const again = output.filter(({ bytes }) => bytes === undefined).length;
  return [
    "Read from the source's own export ($export). What has changed at the source since it was begun may be missing.",
    ...(taken.level === level.kind
      ? []
      : [
          `The source gave no export of its own of the level ${level.kind}, so one of the level ${taken.level} was read, and whose resources they are was decided by their references.`,
        ]),
    ...(typeFilters.length > 0 ? ['_typeFilter was applied by the source.'] : []),
    ...(patients === undefined ? [] : ['Whether the source has all patients asked for was not looked at.']),
    ...(manifest.output.length === 0
      ? ["The source's own export has no files, so there is nothing to export."]
      : []),
    ...(unknown === 0
      ? []
      : [
          `${quantity(unknown, 'file', 'files')} of the source's own export ${unknown === 1 ? 'was' : 'were'} left out, of a type that is none of the FHIR version (FHIR_VERSION).`,
        ]),
    ...(again === 0
      ? []
      : [
          `${quantity(again, 'file', 'files')} of the source could not be read in ranges: each was read by one worker, from its start again where that took several calls.`,
        ]),
    ...(since !== undefined && level.kind === 'group'
      ? [
          "Group: what patients who joined it after _since had before is exported as far as the source's own export by _since has it, which the source decides.",
        ]
      : []),
    ...(since !== undefined && reason !== undefined ? [`Deletions are not reported: ${reason}.`] : []),
    ...(since !== undefined && reason === undefined && manifest.deleted.length === 0
      ? [
          "The source's own export lists no deletions. Many sources never do, so that is no proof that nothing was deleted.",
        ]
      : []),
    ...(referencedTypes === undefined
      ? []
      : [
          `Of ${referencedTypes.join(', ')}, the export has those that the source's own export has: whether these are all that exported resources refer to, the source has decided.`,
        ]),
    ...(level.kind === 'system'
      ? []
      : ['Provenance: only those are exported that name a patient themselves, as files are read once.']),
  ];
}

/** A file without all the lines that the manifest counts. */
export function tooFewLines(number: number, read: number, count: number): ExportError {
  return new ExportError(
    'source-export-lost',
    `${fileName({ number, bulk: {} })}: it has ${quantity(read, 'line', 'lines')}, but the manifest counts ${count}. Look for the cause at the source, and export again.`,
  );
}
