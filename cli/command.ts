import { parseArgs } from 'node:util';
import type { Environment } from '../functions/settings/setting.js';

export const PROGRAM = 'fhir-deid';
const WIDTH = 110;
const INDENT = 26;

const EXIT_CODES = `Exit codes: 0 done; 1 errors in the data, listed by file and line, or an export that is not as it says, or nothing written, or a storage account or registry that refused; 2 a mistake in the command line, the settings or the configuration.`;

/** A mistake in what was asked for: the message says what to do. Exit code 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** A mistake in the arguments: help follows the message. */
export class ArgumentsError extends UsageError {
  override readonly name = 'ArgumentsError';
}

/** What may be meant to give a key. */
const KEY_OPTION = /^--?[a-z-]*(?:key|secret|password|token)/i;

interface Option {
  /** The placeholder of its value in the help; without it the option is a flag. */
  readonly value?: string;
  /** The value of an option that is given without one: others are given as `--option=value`. */
  readonly valueWithout?: string;
  readonly description: string;
  readonly isRequired?: true;
  /** Whether it may be given several times. */
  readonly isRepeated?: true;
}

/** What a command was given. */
export interface Given {
  /** Of options with a value. */
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly flags: ReadonlySet<string>;
  /** Of options that may be given several times, where one was given. */
  readonly lists: Readonly<Record<string, readonly string[] | undefined>>;
  /** What is no option; empty where it may be left out and was. */
  readonly operand: string;
  /** The environment and, for what is not set there, `local.settings.json`. */
  readonly environment: Environment;
}

export interface Command {
  /** One word or two. */
  readonly name: string;
  readonly summary: string;
  /** In brackets where it may be left out; `undefined`: none is taken. */
  readonly operand?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** What its exit codes mean, where that is not what it is for most. */
  readonly exitCodes?: string;
  /** @returns the exit code */
  readonly run: (given: Given) => Promise<number>;
}

/**
 * Reads the arguments of a command.
 * @returns `help` where that is asked for
 * @throws ArgumentsError
 */
export function readArguments(
  { name, operand, options }: Command,
  args: readonly string[],
): Omit<Given, 'environment'> | 'help' {
  const { values, positionals } = parse(options, args);
  if (values['help'] === true) return 'help';
  const missing = Object.entries(options).find(
    ([option, { isRequired }]) => isRequired === true && values[option] === undefined,
  );
  if (missing !== undefined) throw new ArgumentsError(`--${missing[0]} is required.`);
  const [first, second] = positionals;
  if (first !== undefined && operand === undefined) {
    throw new ArgumentsError(`${name} takes options only, and no ${first}.`);
  }
  if (second !== undefined) throw new ArgumentsError(`${name} takes one ${operand}, not more.`);
  if (first === undefined && operand !== undefined && !operand.startsWith('[')) {
    throw new ArgumentsError(`${name} takes one ${operand}.`);
  }
  const entries = Object.entries(values);
  return {
    values: Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
    flags: new Set(entries.flatMap(([option, value]) => (value === true ? [option] : []))),
    lists: Object.fromEntries(
      entries.filter((entry): entry is [string, string[]] => Array.isArray(entry[1])),
    ),
    operand: first ?? '',
  };
}

function parse(
  options: Command['options'],
  args: readonly string[],
): { values: Readonly<Record<string, unknown>>; positionals: string[] } {
  if (args.some((arg) => KEY_OPTION.test(arg))) {
    throw new ArgumentsError(
      'Keys are never taken from the command line, which other users and the history of the shell see: set ANONYMIZATION_SECRET_<name>, or for export CALLER_…, in the environment or local.settings.json.',
    );
  }
  const types = Object.entries(options).map(
    ([option, { value, isRepeated = false }]) =>
      [
        option,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: isRepeated },
      ] as const,
  );
  try {
    return parseArgs({
      args: args.map((arg) => withValue(options, arg)),
      allowPositionals: true,
      options: { ...Object.fromEntries(types), help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : 'Wrong arguments').split(/\.(?:\s|$)/);
    throw new ArgumentsError(`${sentence}.`);
  }
}

function withValue(options: Command['options'], arg: string): string {
  const value = options[arg.slice('--'.length)]?.valueWithout;
  return value === undefined || !arg.startsWith('--') ? arg : `${arg}=${value}`;
}

/** What a command does and takes. */
export function helpOf({ name, summary, operand, options, exitCodes = EXIT_CODES }: Command): string {
  const all = Object.entries(options);
  const usage = [
    PROGRAM,
    name,
    ...(operand === undefined ? [] : [operand]),
    ...all.flatMap(([option, { value, isRequired }]) =>
      isRequired === true ? [`--${option} ${value}`] : [],
    ),
    ...(all.some(([, { isRequired }]) => isRequired !== true) ? ['[options]'] : []),
  ].join(' ');
  const lines = all.map(([option, { value, valueWithout, description }]) => {
    const shown = value === undefined ? '' : valueWithout === undefined ? ` ${value}` : `[=${value}]`;
    return described(`--${option}${shown}`, description);
  });
  return [
    usage,
    wrapped(summary),
    ...(lines.length === 0 ? [] : [lines.join('\n')]),
    wrapped(exitCodes),
  ].join('\n\n');
}

/** What commands there are, of those whose names begin with a word. */
export function overviewOf(commands: readonly Command[], word = ''): string {
  const lines = commands
    .filter(({ name }) => name.startsWith(word))
    .map(({ name, operand = '', summary }) =>
      described(`${name} ${operand}`, `${summary.split('. ')[0]?.replace(/\.$/, '')}.`),
    );
  return `${PROGRAM} <command> [options]\n\n${lines.join('\n')}\n\n${PROGRAM} <command> --help has the options of a command; ${PROGRAM} --version is the version.`;
}

function described(term: string, description: string): string {
  const text = wrapped(description, WIDTH - INDENT).replaceAll('\n', `\n${' '.repeat(INDENT)}`);
  const head = `  ${term}`.trimEnd();
  return head.length < INDENT ? `${head.padEnd(INDENT)}${text}` : `${head}\n${' '.repeat(INDENT)}${text}`;
}

function wrapped(text: string, width = WIDTH): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + word.length < width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}
