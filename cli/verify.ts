import type { FhirVersion } from '../functions/fhir/fhirVersion.js';
import type { Given } from './command.js';
import { knownVersion } from './configurationFile.js';
import { printable } from './verify/differences.js';
import { ExportCheck } from './verify/exportCheck.js';
import { readSavedExport } from './verify/savedExport.js';

const DEFAULT_VERSION: FhirVersion = 'R4';
const IDENTITIES =
  'warning: the manifest says "deidentified": false, so the files may hold identities. Keep them as you keep data of patients.';

/** `fhir-deid verify`: whether an export that a client saved is what its manifest and report say. */
export async function verify({ operand, values, flags }: Given): Promise<number> {
  const { manifest = 'manifest.json', report = 'report.json' } = values;
  const saved = readSavedExport(operand, { manifest, report });
  const version =
    knownVersion('--fhir-version', values['fhir-version']) ?? saved.report?.fhirVersion ?? DEFAULT_VERSION;
  const check = new ExportCheck(saved, version);
  for (const [index, file] of saved.files.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r${index + 1} of ${saved.files.length} files`);
    await check.read(file);
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  const { facts, warnings, differences } = check.end();
  for (const fact of facts) console.log(fact);
  for (const warning of warnings) console.log(`warning: ${printable(warning)}`);
  if (differences.count > 0) console.log(`\n${differences.toString()}\n`);
  const mayHaveIdentities = saved.mayHaveIdentities && !flags.has('raw');
  const hasWarnings = warnings.length > 0 || mayHaveIdentities;
  const isRefused = differences.count > 0 || (flags.has('strict') && hasWarnings);
  const said = saved.report === undefined ? 'manifest says' : 'manifest and report say';
  console.log(isRefused ? `The export is not as its ${said}.` : `The export is as its ${said}.`);
  if (mayHaveIdentities) console.log(IDENTITIES);
  return isRefused ? 1 : 0;
}
