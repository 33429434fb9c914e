import { existsSync, statSync } from 'node:fs';
import { quantity } from '../functions/common/counts.js';
import { DEFAULT_QUASI_IDENTIFIERS } from '../functions/deid/configuration/quasiIdentifiers.js';
import type { Risk, SizeRange } from '../functions/export/risk/risk.js';
import type { FhirVersion } from '../functions/fhir/fhirVersion.js';
import { type Given, UsageError } from './command.js';
import { knownVersion, readConfigurationFile } from './configurationFile.js';
import { riskOfFolder } from './risk/folderRisk.js';

const DEFAULT_VERSION: FhirVersion = 'R4';

/** `fhir-deid risk`: how many Patients of a folder share each combination of quasi-identifiers. */
export async function risk(given: Given): Promise<number> {
  const { operand: folder, values } = given;
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UsageError(`There is no folder ${folder}.`);
  const read =
    values['config'] === undefined ? undefined : await readConfigurationFile(values['config'], given, {});
  const fhirVersion =
    read?.fhirVersion ?? knownVersion('--fhir-version', values['fhir-version']) ?? DEFAULT_VERSION;
  const quasiIdentifiers = read?.configuration.parameters.quasiIdentifiers ?? DEFAULT_QUASI_IDENTIFIERS;
  const found = await riskOfFolder(folder, { quasiIdentifiers, fhirVersion, now: Date.now() });
  for (const line of linesOf(found)) console.log(line);
  return 0;
}

function linesOf({
  quasiIdentifiers,
  patients,
  notEvaluated,
  classes,
  least,
  median,
  unique,
  histogram,
}: Risk): string[] {
  if (least === undefined || median === undefined) return ['There are no Patients.'];
  return [
    'Patients are compared by',
    ...quasiIdentifiers.map((expression) => `  ${expression}`),
    `${quantity(patients, 'Patient is', 'Patients are')} in ${quantity(classes, 'class', 'classes')}: those of a class have the same values.`,
    `The smallest class has ${least}; the median is ${median}; ${unique} of the Patients are alone in theirs.`,
    ...(notEvaluated === 0
      ? []
      : [`Of ${notEvaluated}, an expression could not be evaluated: each is a class of its own.`]),
    'Patients of a class, classes, Patients',
    ...histogram.map((range) => `${sizeOf(range)}, ${range.classes}, ${range.patients}`),
  ];
}

function sizeOf({ least, most }: SizeRange): string {
  if (most === undefined) return `${least} or more`;
  return least === most ? String(least) : `${least} to ${most}`;
}
