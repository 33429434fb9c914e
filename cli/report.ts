import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportPage } from '../functions/export/report/reportPage.js';
import { readMinCount } from '../functions/export/report/countSheet.js';
import type { ReportedExport } from '../functions/export/report/part.js';
import { sharedReport } from '../functions/export/report/sharedReport.js';
import { REPORT_PAGE_FILE, SHARED_REPORT_FILE } from '../functions/export/output/manifest.js';
import { SCHEMA } from '../functions/settings/schema.js';
import type { Environment } from '../functions/settings/setting.js';
import { UsageError, type Given } from './command.js';
import { knownVersion } from './configurationFile.js';
import { FolderCounts } from './report/folderCounts.js';
import { readReportFolder } from './report/reportFolder.js';
import { printable } from './verify/differences.js';
import { REPORT_NAME } from './verify/savedNames.js';

const DEFAULT_VERSION = 'R4';

/** `fhir-deid report`: the release report of a folder of exported files, and the JSON behind it. */
export async function report({ operand, values, environment }: Given): Promise<number> {
  const minCount = minCountOf(values['min-count'], environment);
  const folder = readReportFolder(operand);
  const version =
    knownVersion('--fhir-version', values['fhir-version']) ?? folder.report.fhirVersion ?? DEFAULT_VERSION;
  const counts = new FolderCounts(version);
  for (const file of folder.files) await counts.read(file);
  const problems = [...counts.problems, ...counts.differencesFrom(folder.report)];
  if (problems.length > 0) {
    for (const problem of problems) console.error(printable(problem));
    console.error('No report was written: mend the folder first. fhir-deid verify says more.');
    return 1;
  }
  const whole: ReportedExport = counts.completed({ fhirVersion: version, ...folder.report });
  const shared = sharedReport(whole, { minCount });
  const written = [
    ...(existsSync(join(operand, REPORT_NAME)) ? [] : [[REPORT_NAME, toText(whole)] as const]),
    [SHARED_REPORT_FILE, toText(shared)] as const,
    [REPORT_PAGE_FILE, reportPage(shared)] as const,
  ];
  for (const [name, text] of written) writeFileSync(join(operand, name), text);
  console.log(`files: ${counts.files}`);
  console.log(`resources: ${counts.resources}`);
  console.log(`written: ${written.map(([name]) => name).join(', ')}`);
  return 0;
}

function minCountOf(given: string | undefined, environment: Environment): number {
  const { name, default: byDefault = '' } = SCHEMA.reportMinCount;
  const text = given ?? environment[name] ?? byDefault;
  const value = readMinCount(text);
  if (value !== undefined) return value;
  throw new UsageError(
    `${given === undefined ? name : '--min-count'} must be 0 or a whole number from 3 to 1000.`,
  );
}

function toText(value: object): string {
  return JSON.stringify(value, undefined, 2);
}
