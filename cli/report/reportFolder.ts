import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../../functions/common/isRecord.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import {
  APPROVAL_RULES,
  type ApprovalRule,
  type CoverageSummary,
} from '../../functions/export/request/approval.js';
import { UsageError } from '../command.js';
import { LINES_FILE, readJson, readReport, readSavedExport } from '../verify/savedExport.js';
import { asStu2 } from '../verify/stu2Form.js';
import { MANIFEST_NAME, REPORT_NAME } from '../verify/savedNames.js';

/** A file whose lines are counted. */
export interface CountedFile {
  readonly name: string;
  readonly path: string;
  /** By the manifest; `undefined`: any. */
  readonly type: string | undefined;
}

export interface ReportFolder {
  readonly files: readonly CountedFile[];
  /** What `report.json` says, or what the manifest does where there is none. */
  readonly report: Partial<ExportReport>;
}

/**
 * The files of a folder that a report is about: those of `output` in its manifest, or all where it has none.
 * @throws UsageError where there is no folder, no such file, or one of the manifest is missing
 */
export function readReportFolder(folder: string): ReportFolder {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UsageError(`There is no folder ${folder}.`);
  const report = readReport(join(folder, REPORT_NAME));
  if (!existsSync(join(folder, MANIFEST_NAME))) {
    const names = readdirSync(folder).filter((name) => LINES_FILE.test(name));
    if (names.length === 0) throw new UsageError(`There is no NDJSON file in ${folder}.`);
    const files = names.sort().map((name) => ({ name, path: join(folder, name), type: undefined }));
    return { files, report: report ?? {} };
  }
  const saved = readSavedExport(folder, { manifest: MANIFEST_NAME, report: REPORT_NAME });
  const files = saved.files
    .filter(({ kind }) => kind === 'output')
    .map(({ name, path, type }): CountedFile => {
      if (path !== undefined) return { name, path, type };
      throw new UsageError(`${name} of the manifest is not in ${folder}: download it first.`);
    });
  return { files, report: report ?? ofManifest(readJson(join(folder, MANIFEST_NAME)) ?? {}) };
}

/** What a manifest of the app says of its configuration. */
function ofManifest(manifest: object): Partial<ExportReport> {
  const { transactionTime, extension } = asStu2({ ...manifest });
  const known = isRecord(extension) ? extension : {};
  const { configuration: name, configurationDigest: digest, configurationApproval: approval } = known;
  const { deidentified, configurationExtends: sample, configurationCoverage } = known;
  const coverage = coverageOf(configurationCoverage);
  return {
    ...(typeof transactionTime === 'string' ? { transactionTime } : {}),
    ...(deidentified === false && name === undefined ? { configuration: null } : {}),
    ...(typeof name === 'string' && typeof digest === 'string'
      ? {
          configuration: {
            name,
            digest,
            ...(typeof sample === 'string' ? { extends: sample } : {}),
            ...(coverage === undefined ? {} : { coverage }),
            ...(isApproval(approval) ? { approval } : {}),
          },
        }
      : {}),
  };
}

/** Names of categories and types alone: whatever else is there is not shown. */
function coverageOf(value: unknown): CoverageSummary | undefined {
  if (!isRecord(value) || typeof value['isComplete'] !== 'boolean' || !isRecord(value['left']))
    return undefined;
  const left = Object.entries(value['left']);
  if (!left.every(([category, types]) => isNames([category]) && isNames(types))) return undefined;
  return { isComplete: value['isComplete'], left: Object.fromEntries(left) };
}

function isNames(names: unknown): boolean {
  return (
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string' && /^[A-Za-z, ]{1,200}$/.test(name))
  );
}

function isApproval(value: unknown): value is ApprovalRule {
  return APPROVAL_RULES.some((rule) => rule === value);
}
