import { readFileSync } from 'node:fs';
import { ArgumentsError, type Command, type Given, UsageError } from '../command.js';
import { fileFault } from '../fileFault.js';
import type { KickOff } from './exportClient.js';

type Options = Command['options'];

interface ParameterOption {
  /** The parameter of the kick-off. */
  readonly parameter: string;
  readonly option: Options[string];
}

const repeated = (value: string, description: string): Options[string] => ({
  value,
  description: `${description}; may be given several times`,
  isRepeated: true,
});

/** Options that are parameters of the kick-off. */
const PARAMETERS: Readonly<Record<string, ParameterOption>> = {
  type: {
    parameter: '_type',
    option: { value: 'TYPE[,TYPE]', description: 'resource types; all without it' },
  },
  since: {
    parameter: '_since',
    option: { value: 'INSTANT', description: 'only what was changed since, 2026-01-31T00:00:00Z' },
  },
  until: { parameter: '_until', option: { value: 'INSTANT', description: 'only what was changed before' } },
  'type-filter': {
    parameter: '_typeFilter',
    option: repeated('TYPE?SEARCH', 'only what a search finds: Observation?code=1234-5'),
  },
  elements: {
    parameter: '_elements',
    option: { value: 'NAME[,NAME]', description: 'root elements to keep' },
  },
  'associated-data': {
    parameter: 'includeAssociatedData',
    option: { value: 'NAME', description: 'what comes along: RelevantProvenanceResources, or _referenced' },
  },
  container: {
    parameter: '_container',
    option: {
      value: 'NAME',
      description: 'container for the files, of the storage account of this app and of Azure',
    },
  },
  config: {
    parameter: '_anonymizationConfig',
    option: { value: 'NAME', description: 'the configuration to de-identify with, of this app and of Azure' },
  },
  'config-etag': {
    parameter: '_anonymizationConfigEtag',
    option: { value: 'ETAG', description: 'version of the configuration' },
  },
  'config-collection': {
    parameter: '_anonymizationConfigCollectionReference',
    option: { value: 'REFERENCE', description: 'image with the configuration, registry/image:tag' },
  },
};

/** What a kick-off asks for. */
export const KICK_OFF_OPTIONS: Options = {
  level: {
    value: 'LEVEL',
    description: 'system (without it), patient, or group/ID for the members of a group',
  },
  ...Object.fromEntries(Object.entries(PARAMETERS).map(([name, { option }]) => [name, option])),
  patients: {
    value: 'FILE',
    description: 'references of patients, one a line (Patient/123); at the levels patient and group',
  },
  raw: { description: 'asks for data with identities, which the server has to allow' },
  parameter: repeated('NAME=VALUE', 'any other parameter of the kick-off'),
  prefer: repeated('PREFERENCE', 'any other preference of the kick-off, as bulk-data-version=4.0.0-ballot'),
  post: { description: 'sends the kick-off by POST, as the ballot of STU 4 has it' },
  lenient: { description: 'lets the server ignore parameters that it does not know (handling=lenient)' },
};

/** @throws UsageError */
export function kickOffOf({ values, lists, flags }: Given): KickOff {
  const named = Object.entries(PARAMETERS).flatMap(([name, { parameter }]) =>
    [...(lists[name] ?? []), ...(values[name] === undefined ? [] : [values[name]])].map(
      (value) => [parameter, value] as const,
    ),
  );
  const others = (lists['parameter'] ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new ArgumentsError('--parameter is NAME=VALUE.');
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return {
    level: levelOf(values['level'] ?? 'system'),
    method: flags.has('post') ? 'POST' : 'GET',
    parameters: [
      ...named,
      ...(values['patients'] === undefined ? [] : patientsIn(values['patients'])),
      ...(flags.has('raw') ? [['_raw', 'true'] as const] : []),
      ...others,
    ],
    preferences: [...(flags.has('lenient') ? ['handling=lenient'] : []), ...(lists['prefer'] ?? [])],
  };
}

function levelOf(text: string): KickOff['level'] {
  if (text === 'system' || text === 'patient') return { kind: text };
  const groupId = /^group\/(.+)$/i.exec(text)?.[1];
  if (groupId === undefined) throw new ArgumentsError('--level must be system, patient or group/ID.');
  return { kind: 'group', groupId };
}

function patientsIn(path: string): Array<readonly [string, string]> {
  try {
    const lines = readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.trim());
    return lines.filter((line) => line !== '').map((line) => ['patient', line] as const);
  } catch (error) {
    throw new UsageError(`The file ${path} cannot be read (${fileFault(error)}).`);
  }
}
