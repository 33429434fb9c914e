import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from '../../functions/export/risk/patientDigests.js';
import type { Risk } from '../../functions/export/risk/risk.js';
import { RiskCount } from '../../functions/export/risk/riskCount.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { nameNumber } from '../../functions/json/keyNames.js';
import { UsageError } from '../command.js';
import { LINES_FILE } from '../verify/savedExport.js';
import { readLines } from '../verify/savedFile.js';

const RESOURCE_TYPE = nameNumber('resourceType');

/**
 * How alike the Patients in the NDJSON files of a folder are.
 * @throws UsageError where a file has a line that is no JSON; Error of the file system or of gzip
 */
export async function riskOfFolder(folder: string, comparison: Comparison): Promise<Risk> {
  const count = new RiskCount(comparison, randomBytes(32));
  const tape = new JsonTape();
  const names = readdirSync(folder).filter((name) => LINES_FILE.test(name));
  for (const [index, name] of names.sort().entries()) {
    await readLines(join(folder, name), (line, number) => {
      if (line?.length === 0) return;
      if (line === undefined || !tape.read(line))
        throw new UsageError(`File ${index + 1} of the folder, by name: line ${number} is no JSON.`);
      if (tape.textOf(tape.root, RESOURCE_TYPE) === 'Patient') count.add(line);
    });
  }
  return count.risk;
}
