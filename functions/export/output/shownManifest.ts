import { isRecord } from '../../common/isRecord.js';
import { type GuideVersion, STU_4 } from '../request/guide.js';
import {
  type ExportManifest,
  type FileLinks,
  fileOf,
  linkManifest,
  type ManifestFile,
  outputEntry,
  REPORT_FILES,
  reportLinks,
} from './manifest.js';

/** https://hl7.org/fhir/uv/bulkdata/4.0.0-202609-ballot/StructureDefinition-BulkDataManifest.html */
interface Stu4Manifest {
  manifestType: string;
  transactionTime: string;
  requiresAccessToken: boolean;
  outputFormat: string;
  outputOrganizedBy?: string;
  output: Stu4File[];
  deleted?: Stu4File[];
  outcome?: Stu4File[];
  extension: Extension[];
  link?: ExportManifest['link'];
}

/** What a reader of a manifest gets. */
type ShownManifest = ReturnType<typeof linkManifest> | Stu4Manifest;

interface Stu4File {
  type?: string;
  url: string;
  continuesInFile?: string;
  count: number;
  /** In bytes; absent in jobs of earlier versions. */
  fileSize?: number;
}

/** https://hl7.org/fhir/R4/extensibility.html: it has a value, or extensions of its own. */
interface Extension {
  url: string;
  extension?: Extension[];
  [value: `value${string}`]: string | number | boolean;
}

const MANIFEST_TYPE = 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest';
/** The URLs of our own extensions begin with it. */
export const EXTENSIONS = 'urn:fhir-deidentified-export:manifest:';
const REPORT_URLS = new Set(Object.keys(REPORT_FILES).map((name) => `${EXTENSIONS}${name}`));
const MAX_INTEGER = 2_147_483_647;

/** A stored manifest as a version of the guide has it, with the links that a reader of it can use. */
export function shownManifest(
  manifest: ExportManifest,
  links: FileLinks,
  guide: GuideVersion = '2.0.0',
): ShownManifest {
  return guide === STU_4 ? stu4Manifest(manifest, links) : linkManifest(manifest, links);
}

/**
 * The copy of a manifest that lies beside the files, for anyone who may read those: the kick-off URL without its query,
 * which may hold search values.
 */
export function manifestCopy(
  manifest: ExportManifest,
  urlOf: FileLinks['urlOf'],
  guide?: GuideVersion,
): ShownManifest {
  const { request, ...rest } = manifest;
  const copy = { ...rest, request: request.replace(/\?.*$/s, '') };
  return shownManifest(copy, { requiresAccessToken: true, urlOf }, guide);
}

/** A stored manifest as STU 4 has it: `outcome` for `error`, extensions of FHIR, no `request`, no empty lists of others. */
function stu4Manifest(manifest: ExportManifest, { requiresAccessToken, urlOf }: FileLinks): Stu4Manifest {
  const { transactionTime, outputOrganizedBy, output, deleted, error, extension, link } = manifest;
  const linked = (file: ManifestFile): Stu4File => ({ url: urlOf(fileOf(file)), ...sizeOf(file) });
  return {
    manifestType: MANIFEST_TYPE,
    transactionTime,
    requiresAccessToken,
    outputFormat: 'application/fhir+ndjson',
    ...(outputOrganizedBy === undefined ? {} : { outputOrganizedBy }),
    output: output.map((file) => ({ ...outputEntry(manifest, file, urlOf), ...sizeOf(file) })),
    ...(deleted.length === 0 ? {} : { deleted: deleted.map(linked) }),
    ...(error.length === 0 ? {} : { outcome: error.map(linked) }),
    extension: Object.entries({ ...extension, ...reportLinks(manifest, urlOf) }).flatMap(([name, value]) =>
      extensionsOf(`${EXTENSIONS}${name}`, value),
    ),
    ...(link === undefined ? {} : { link }),
  };
}

function sizeOf({ count, bytes }: ManifestFile): Pick<Stu4File, 'count' | 'fileSize'> {
  return { count, ...(bytes === undefined ? {} : { fileSize: bytes }) };
}

/** A value of JSON as extensions: one for each value of a list, and those of an object within one. */
function extensionsOf(url: string, value: unknown): Extension[] {
  if (Array.isArray(value)) return value.flatMap((each) => extensionsOf(url, each));
  if (isRecord(value)) {
    const inner = Object.entries(value).flatMap(([name, each]) => extensionsOf(name, each));
    return inner.length === 0 ? [] : [{ url, extension: inner }];
  }
  switch (typeof value) {
    case 'boolean':
      return [{ url, valueBoolean: value }];
    case 'number':
      return [
        Number.isInteger(value) && Math.abs(value) <= MAX_INTEGER
          ? { url, valueInteger: value }
          : { url, valueDecimal: value },
      ];
    case 'string':
      return [REPORT_URLS.has(url) ? { url, valueUrl: value } : { url, valueString: value }];
    default:
      return [];
  }
}
