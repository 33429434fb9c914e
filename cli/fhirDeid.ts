#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyLocalSettings } from '../local/host/localSettings.js';
import { PROJECT_ROOT } from '../local/paths.js';
import { KICK_OFF_OPTIONS } from './export/kickOffOptions.js';
import { ArgumentsError, type Command, helpOf, overviewOf, readArguments, UsageError } from './command.js';

const FHIR_VERSION = {
  value: 'VERSION',
  description: "STU3, R4, R4B or R5; without it the configuration's, or that of FHIR_VERSION, or R4",
};
const KEYS =
  'A key that the configuration only names ({"secretName": "NAME"}) is read as the app reads it: from the environment variable ANONYMIZATION_SECRET_NAME, or local.settings.json.';
const PLACE =
  'Without a reference it is about the container anonymization of the export storage account: that of EXPORT_STORAGE or EXPORT_STORAGE__blobServiceUri, from the environment or local.settings.json, or that of the embedded stack.';

const NEW_FILE = {
  value: 'FILE',
  description: 'a new file, which its owner alone may read (mode 600)',
  isRequired: true,
} as const;
const AUDIT = {
  value: 'FILE',
  description:
    'the file to which a line is added about who did this, when, with which configuration and how much, without a value; reidentify-audit.ndjson without it',
};
const ONLY_HERE = 'Run it only where the keys may be; the app has no such route.';

const CALLER =
  'It authenticates itself by the settings CALLER_AUTHENTICATION (none, function-key, entra, smart, client-credentials, bearer-token) and so on, from the environment or local.settings.json: see docs/client.md.';

/** All commands. What a command needs is loaded when it runs. */
const COMMANDS: readonly Command[] = [
  {
    name: 'anonymize',
    summary: `De-identifies FHIR resources in files with a configuration of Microsoft's FHIR anonymizer. ${KEYS} A key it leaves empty is random: the results of one run fit together, those of two runs do not.`,
    options: {
      config: { value: 'FILE', description: 'the configuration (JSON or YAML)', isRequired: true },
      input: {
        value: 'FILE|FOLDER',
        description:
          'JSON resources or Bundles (.json) and NDJSON (.ndjson, .jsonl), as they are or compressed (.gz); folders with all such files in them: files of other names are left aside and counted',
        isRequired: true,
      },
      output: {
        value: 'FILE|FOLDER',
        description: 'where the results go, under the same names; never where the input is',
        isRequired: true,
      },
      'fhir-version': FHIR_VERSION,
      now: {
        value: 'INSTANT',
        description: 'the day ages are measured to, for example 2026-01-31T00:00:00Z; without it today',
      },
      jobs: { value: 'N', description: 'files at the same time, 1 without it' },
      'validate-output': {
        value: 'report|refuse',
        valueWithout: 'report',
        description:
          'counts results that are not valid FHIR, by element and reason (report, also without a value); with refuse each is an error',
      },
      'domain-prefix': {
        value: 'TEXT',
        description:
          'what the domains of pseudonyms begin with, in the place of the domain-prefix of rules; the service is that of PSEUDONYM_SERVICE, with the settings of the app',
      },
      report: {
        value: 'FILE',
        description: 'where what was done and what the results contain, by type, is written as JSON',
      },
    },
    run: async (given) => (await import('./anonymize.js')).anonymize(given),
  },
  {
    name: 'validate',
    operand: 'FILE',
    summary: `Checks a configuration, and lists the identities that its rules leave. ${KEYS}`,
    options: {
      'fhir-version': FHIR_VERSION,
      verbose: { description: 'every element of these, instead of some of each kind' },
    },
    run: async (given) => (await import('./validate.js')).validate(given),
  },
  {
    name: 'verify',
    operand: 'FOLDER',
    summary:
      'Checks an export that was downloaded: whether every file of its manifest is there under the last part of its URL, compressed or not; whether counts, digests, elements, dates and references are those of manifest and report; whether every line is a whole resource, and no id is there twice. Says how many references lead to resources of the export. Prints names of files, line numbers and counts, and no value.',
    options: {
      manifest: { value: 'NAME', description: 'the file with the manifest, manifest.json without it' },
      report: { value: 'NAME', description: 'the file with the report, report.json without it' },
      'fhir-version': {
        value: 'VERSION',
        description: "STU3, R4, R4B or R5; without it the report's, or R4",
      },
      strict: {
        description:
          'fails on warnings, too: references that lead to no resource of the export, what cannot be compared, other NDJSON files, data that may have identities',
      },
      raw: {
        description:
          'data with identities was asked for, so it is no warning; of a kick-off by GET the manifest shows it',
      },
    },
    run: async (given) => (await import('./verify.js')).verify(given),
  },
  {
    name: 'risk',
    operand: 'FOLDER',
    summary:
      'Counts how many Patients in the NDJSON files of a folder, compressed or not, share each combination of quasi-identifiers. Prints sizes, and no value: see docs/risk.md.',
    options: {
      config: {
        value: 'FILE',
        description: 'a configuration, whose parameter quasiIdentifiers says what Patients are compared by',
      },
      'fhir-version': FHIR_VERSION,
    },
    run: async (given) => (await import('./risk.js')).risk(given),
  },
  {
    name: 'report',
    operand: 'FOLDER',
    summary:
      'Makes the release report of a folder of exported NDJSON files: report.html, report-shared.json, and report.json where there is none. Counts what the files contain; what was done to the data it takes from report.json, or from the manifest. Small counts are not shown. Prints names and counts, and no value.',
    options: {
      'min-count': {
        value: 'N',
        description:
          'counts from 1 to below it are not shown, nor what would reveal one; 0: all are shown; without it REPORT_MIN_COUNT, or 10',
      },
      'fhir-version': {
        value: 'VERSION',
        description: "STU3, R4, R4B or R5; without it the report's, or R4",
      },
    },
    run: async (given) => (await import('./report.js')).report(given),
  },
  {
    name: 'export',
    summary: `Exports data of any FHIR server with Bulk Data $export: starts the export, waits for it, downloads its files, and checks them as verify does. A file is complete when it has its own name; before, .partial is at its end. ${CALLER}`,
    options: {
      base: { value: 'URL', description: 'FHIR base of the server', isRequired: true },
      output: { value: 'FOLDER', description: 'a new folder for the files, manifest.json and report.json' },
      ...KICK_OFF_OPTIONS,
      resume: {
        value: 'STATUS_URL',
        description: 'continues an export, and its downloads in the folder, instead of a new one',
      },
      cancel: {
        value: 'STATUS_URL',
        description: 'cancels an export that runs, or deletes the files of a complete one at the server',
      },
      parallel: { value: 'N', description: 'files at the same time, 5 without it' },
    },
    exitCodes:
      'Exit codes: 0 every file is there and is what manifest and report say; 1 the server refused or failed, or files are not what is said of them; 2 a mistake in the command line or the settings; 3 not complete, and 130 interrupted: the line that is printed continues.',
    run: async (given) => (await import('./export.js')).exportData(given),
  },
  {
    name: 'reidentify ids',
    summary: `Writes the table of pseudonyms that cryptoHash makes of values of the source, as CSV: pseudonym, value, and whether it is of no other value among those given. ${KEYS} ${ONLY_HERE}`,
    options: {
      config: { value: 'FILE', description: 'the configuration of the export', isRequired: true },
      output: NEW_FILE,
      ids: {
        value: 'FILE',
        description:
          'values of the source, one a line: ids, references such as Patient/1, or what else is hashed',
      },
      types: {
        value: 'TYPE[,TYPE]',
        description:
          'instead of a file the ids of all resources of these types, read from the source by the settings of the app: FHIR_SERVER_URL, SOURCE_AUTHENTICATION and so on',
      },
      pseudonyms: {
        value: 'FILE',
        description: 'pseudonyms that are looked for, one a line; without it all are written',
      },
      audit: AUDIT,
      'fhir-version': FHIR_VERSION,
    },
    run: async (given) => (await import('./reidentify.js')).ids(given),
  },
  {
    name: 'reidentify decrypt',
    summary: `Decrypts what encrypt made of elements of resources. ${KEYS} ${ONLY_HERE}`,
    options: {
      config: { value: 'FILE', description: 'the configuration of the export', isRequired: true },
      input: {
        value: 'FILE',
        description: 'a resource or Bundle, or NDJSON (.ndjson, .jsonl), compressed (.gz) or not',
        isRequired: true,
      },
      output: NEW_FILE,
      audit: AUDIT,
      'fhir-version': FHIR_VERSION,
    },
    run: async (given) => (await import('./reidentify.js')).decrypt(given),
  },
  {
    name: 'reidentify service',
    summary: `Asks the pseudonym service of the settings (PSEUDONYM_SERVICE and so on, from the environment or local.settings.json) for the values of pseudonyms: gPAS by $dePseudonymize, or Vfps. Of the table local, which has no values, it finds the pseudonyms of a list of values. ${ONLY_HERE}`,
    options: {
      domain: {
        value: 'NAME',
        description: 'the domain of the pseudonyms, with its prefix',
        isRequired: true,
      },
      pseudonyms: { value: 'FILE', description: 'pseudonyms, one a line', isRequired: true },
      ids: { value: 'FILE', description: 'for the table local: values that may be theirs, one a line' },
      output: NEW_FILE,
      audit: AUDIT,
    },
    run: async (given) => (await import('./reidentify.js')).service(given),
  },
  {
    name: 'config push',
    operand: 'FILE',
    summary: `Checks a configuration and puts it where exports read it from. ${PLACE}`,
    options: {
      name: { value: 'NAME', description: "the name that it gets; without it the file's" },
      to: { value: 'REFERENCE', description: 'an image with its tag, registry/image:tag' },
      'fhir-version': {
        value: 'VERSION',
        description: "STU3, R4, R4B or R5; without it that of FHIR_VERSION, or the configuration's, or R4",
      },
    },
    run: async (given) => (await import('./config.js')).push(given),
  },
  {
    name: 'config list',
    operand: '[REFERENCE]',
    summary: `Lists the configurations that exports read. ${PLACE}`,
    options: {},
    run: async (given) => (await import('./config.js')).list(given),
  },
  {
    name: 'config show',
    operand: 'NAME',
    summary: `Prints a configuration that exports read. ${PLACE}`,
    options: { from: { value: 'REFERENCE', description: 'an image, registry/image:tag' } },
    run: async (given) => (await import('./config.js')).show(given),
  },
  {
    name: 'console',
    summary:
      'Serves the console to this machine alone: the preview of what a configuration does, in which data stays in the browser, and, with --base, the exports page of an app.',
    options: {
      port: { value: 'N', description: 'the port on 127.0.0.1, 8765 without it; 0 takes a free one' },
      base: {
        value: 'URL',
        description:
          'FHIR base of the app that exports are started at; its CORS_ORIGINS has to name the address of the console, and it has to take tokens (function keys do not go with CORS)',
      },
    },
    run: async (given) => (await import('./console.js')).consoleOnThisMachine(given),
  },
];

async function main(args: readonly string[]): Promise<number> {
  const command = COMMANDS.find(({ name }) => `${args.join(' ')} `.startsWith(`${name} `));
  if (command === undefined) return explain(args);
  try {
    const given = readArguments(command, args.slice(command.name.split(' ').length));
    if (given === 'help') {
      console.log(helpOf(command));
      return 0;
    }
    const environment = { ...process.env };
    applyLocalSettings(PROJECT_ROOT, environment);
    return await command.run({ ...given, environment });
  } catch (error) {
    console.error(error instanceof Error ? error.message : 'Unexpected error.');
    if (error instanceof ArgumentsError) console.error(`\n${helpOf(command)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Where no command is named: version or help where it is asked for, else a mistake. */
function explain(args: readonly string[]): number {
  const [first = ''] = args;
  if (first === '--version' || first === '-v') {
    console.log(version());
    return 0;
  }
  const words = args.filter((word) => !word.startsWith('-'));
  const isGroup = COMMANDS.some(({ name }) => name.startsWith(`${words.join(' ')} `));
  const inGroup = COMMANDS.some(({ name }) => name.startsWith(`${words[0]} `));
  // What follows is what it is to be done with.
  const asked = words.slice(0, inGroup ? 2 : 1).join(' ');
  const overview = overviewOf(COMMANDS, isGroup ? words[0] : '');
  if (args.includes('--help') || args.includes('-h')) {
    console.log(overview);
    return 0;
  }
  const problem = words.length === 0 || isGroup ? 'Name a command.' : `There is no command "${asked}".`;
  console.error(`${problem}\n\n${overview}`);
  return 2;
}

function version(): string {
  const text = readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

process.exitCode = await main(process.argv.slice(2));
