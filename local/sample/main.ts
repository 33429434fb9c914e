import { parseArgs } from 'node:util';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { generateSample, type SampleOptions } from './sample.js';

const USAGE =
  'Usage: main.js --output DIR [--patients N | --resources N] [--seed N] [--fhir-version V] [--imported-within 1s|spread]';

function readOptions(): SampleOptions {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      patients: { type: 'string' },
      resources: { type: 'string' },
      seed: { type: 'string' },
      'fhir-version': { type: 'string' },
      'imported-within': { type: 'string' },
    },
  });
  if (values.output === undefined) throw new Error('--output is missing');
  const options: SampleOptions = { directory: values.output };
  if (values.patients !== undefined) options.patients = wholeNumber('--patients', values.patients);
  if (values.resources !== undefined) options.resources = wholeNumber('--resources', values.resources);
  if (values.seed !== undefined) options.seed = wholeNumber('--seed', values.seed);
  const version = FHIR_VERSIONS.find((known) => known === (values['fhir-version'] ?? 'R4').toUpperCase());
  if (version === undefined) throw new Error(`--fhir-version must be one of ${FHIR_VERSIONS.join(', ')}`);
  options.fhirVersion = version;
  const within = values['imported-within'] ?? 'spread';
  const seconds = /^(\d+)s$/.exec(within)?.[1];
  if (seconds !== undefined) options.importedWithinMs = Number(seconds) * 1000;
  else if (within !== 'spread')
    throw new Error('--imported-within must be spread or a number of seconds, as in 1s');
  return options;
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`${name} must be a whole number above 0`);
  return Number(text);
}

try {
  const started = performance.now();
  const { patients, resources, bytes, counts } = generateSample(readOptions());
  const seconds = (performance.now() - started) / 1000;
  for (const [type, count] of [...counts].sort(([left], [right]) => (left < right ? -1 : 1)))
    process.stdout.write(`${type} ${count}\n`);
  process.stdout.write(
    `${resources} resources of ${patients} patients, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(1)} s\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 1;
}
