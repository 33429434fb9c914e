import { pinnedText } from '../functions/deid/readConfiguration.js';
import { configurationDigest } from '../functions/export/request/pinnedConfiguration.js';
import type { Given } from './command.js';
import { missingKeys, printIssue, readConfigurationFile, withKeys } from './configurationFile.js';

/**
 * `fhir-deid validate`: all that a kick-off would say of a configuration. A key that is not set here is a warning, since
 * the app has settings of its own.
 * @returns its bytes
 */
export async function checkConfiguration(path: string, given: Given): Promise<Buffer> {
  const isVerbose = given.flags.has('verbose');
  const read = await readConfigurationFile(path, given, { coverage: 'warning', isVerbose });
  const { missing } = await withKeys(read.configuration, given.environment);
  if (missing.length > 0) {
    const message = `${missingKeys(missing, given.environment)}: the app needs it`;
    printIssue({ severity: 'warning', path: 'parameters', message });
  }
  console.log(`The digest of the configuration is ${configurationDigest(pinnedText(read.text))}.`);
  console.log(
    read.coverage?.isComplete === true
      ? 'The coverage of the configuration is complete.'
      : 'The configuration may leave identities: see the warnings.',
  );
  return read.bytes;
}

export async function validate(given: Given): Promise<number> {
  await checkConfiguration(given.operand, given);
  console.log('The configuration has no errors.');
  return 0;
}
