import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Level } from './clients.js';
import { type Line, parseLines } from './source.js';

/** Of the standardized log that both programs write beside the files: an event, and what it says. */
export interface LogEvent {
  eventId: string;
  eventDetail: Record<string, unknown>;
}

export interface ProgramRun {
  exitCode: number | null;
  printed: string;
  log: LogEvent[];
  /** Of the files of `output`, and of those of `error`. */
  lines: Line[];
  errors: Line[];
}

interface SignIn {
  baseUrl: string;
  tokenUrl: string;
  clientId: string;
  /** The private key, as text of a JWK. */
  privateJwk: string;
}

/** A program that the registry of npm does not have, by the environment variable that has its command. */
interface Program {
  name: string;
  variable: string;
  levels: readonly Level[];
  /** Writes what it is configured by into the folder; its arguments. */
  prepare: (folder: string, output: string, level: Level, signIn: SignIn) => string[];
}

export const PROGRAMS: readonly Program[] = [
  {
    name: 'bulk-data-client',
    variable: 'BULK_DATA_CLIENT',
    levels: ['', 'Patient', 'Group/'],
    prepare(folder, output, level, { baseUrl, tokenUrl, clientId, privateJwk }) {
      const configuration = {
        fhirUrl: baseUrl,
        tokenUrl,
        clientId,
        privateKey: JSON.parse(privateJwk) as object,
        // It rounds its clock to seconds, so that 300, its default, is over the five minutes of the specification half of the time.
        accessTokenLifetime: 240,
        destination: output,
        reporter: 'text',
      };
      const file = join(folder, 'config.cjs');
      writeFileSync(file, `module.exports = ${JSON.stringify(configuration)};`);
      const byLevel = level === '' ? ['--global'] : level === 'Patient' ? [] : ['--group', level.slice(6)];
      return ['--config', file, ...byLevel];
    },
  },
  {
    name: 'SMART Fetch',
    variable: 'SMART_FETCH',
    // It has no exports of all patients.
    levels: ['', 'Group/'],
    prepare(folder, output, level, { baseUrl, clientId, privateJwk }) {
      const file = join(folder, 'key.jwk');
      writeFileSync(file, privateJwk);
      const byLevel = level === '' ? [] : ['--group', level.slice(6)];
      const signIn = ['--smart-client-id', clientId, '--smart-key', file];
      return [
        'bulk',
        '--fhir-url',
        baseUrl,
        ...signIn,
        '--no-compression',
        '--no-default-filters',
        ...byLevel,
        output,
      ];
    },
  },
];

/** Runs a program to its end, in a folder of its own. */
export async function runProgram(program: Program, level: Level, signIn: SignIn): Promise<ProgramRun> {
  const folder = mkdtempSync(join(tmpdir(), 'fhir-clients-'));
  try {
    const output = mkdtempSync(join(folder, 'output-'));
    const [command = '', ...first] = (process.env[program.variable] ?? '').split(' ');
    const own = program.prepare(folder, output, level, signIn);
    const child = spawn(command, [...first, ...own], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
    }
    const exitCode = await new Promise<number | null>((done, fail) =>
      child.on('close', done).on('error', fail),
    );
    return {
      exitCode,
      printed,
      log: readLines(output, (file) => file === 'log.ndjson') as unknown as LogEvent[],
      lines: readLines(output, (file) => /^[^/]*[A-Z][^/]*\.ndjson$/.test(file)),
      errors: readLines(output, (file) => file.startsWith('error/')),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readLines(folder: string, isOne: (file: string) => boolean): Line[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ndjson') && isOne(file))
    .flatMap((file) => parseLines(readFileSync(join(folder, file), 'utf8')));
}
