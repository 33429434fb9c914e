import { type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../local/paths.js';
import { codeFor } from './page.js';

/** A tool of the page. Its block reads `export/`; what it has read is written to `out/` by lines that follow it here. */
export interface Tool {
  name: string;
  /** Why it cannot be run on this machine; `undefined` where it can. */
  missing(): string | undefined;
  /**
   * Runs the block for each type. Then `out/TYPE.ndjson` has the resources as the tool has them, a line each, and
   * `out/TYPE.json` how often each column is not null by the tool's own count, where it has columns.
   */
  run(folder: string, types: readonly string[]): void;
  /** Numbers are texts in what it writes. */
  writesTexts?: true;
}

const SECONDS = 120;

/** Runs a program in a folder. @throws Error with what it wrote to standard error */
export function runProgram(
  [command = '', ...args]: string[],
  options: Pick<SpawnSyncOptionsWithStringEncoding, 'cwd' | 'input' | 'env'>,
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: SECONDS * 1000,
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-2000)}`);
  return stdout;
}

function missingProgram(...command: string[]): string | undefined {
  const [name = '', ...args] = command;
  return spawnSync(name, args).status === 0 ? undefined : `${command.join(' ')} cannot be run`;
}

/** Both nodejs-polars and @medplum/core need what Node 22 brings, and the blocks use its `globSync`. */
export function missingNode22(): string | undefined {
  return Number(process.versions.node.split('.')[0]) >= 22 ? undefined : 'needs Node 22';
}

/** Debian's, since that has pandas. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

export function missingPandas(): string | undefined {
  return missingProgram(PYTHON, '-c', 'import pandas');
}

/** One program for all types: what starts slowly starts once. */
function script(types: readonly string[], block: string, after: (type: string) => string): string {
  return types.map((type) => `${codeFor(block, type)}${after(type)}`).join('\n');
}

/** Runs a module per type, since each declares the same names. */
function runModules(
  folder: string,
  types: readonly string[],
  block: string,
  after: (type: string) => string,
): void {
  for (const type of types) {
    writeFileSync(join(folder, `${block}-${type}.mjs`), `${codeFor(block, type)}\n${after(type)}`);
  }
  const imports = types.map((type) => `await import('./${block}-${type}.mjs');\n`);
  writeFileSync(join(folder, `${block}.mjs`), imports.join(''));
  runProgram([process.execPath, `${block}.mjs`], { cwd: folder });
}

/** Runs SQL as DuckDB's shell does, which npm does not have. */
const DUCKDB_SHELL = `
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const reader = await connection.runAndReadAll(readFileSync(0, 'utf8'));
console.log(JSON.stringify(reader.getRowObjectsJson()));
`;

export function runDuckDb(folder: string, sql: string): Array<Record<string, unknown>> {
  writeFileSync(join(folder, 'duckdb.mjs'), DUCKDB_SHELL);
  const output = runProgram([process.execPath, 'duckdb.mjs'], { cwd: folder, input: sql });
  return JSON.parse(output) as Array<Record<string, unknown>>;
}

const duckDb: Tool = {
  name: 'duckdb',
  missing: () => undefined,
  run(folder, types) {
    const after = (type: string): string => `
      COPY "${type}" TO 'out/${type}.ndjson' (FORMAT json);
      COPY (SELECT count(COLUMNS(*)) AS "\\0" FROM "${type}") TO 'out/${type}.json' (FORMAT json);`;
    runDuckDb(folder, script(types, 'duckdb', after));
  },
};

const parquet: Tool = {
  name: 'parquet',
  missing: missingNode22,
  run(folder, types) {
    const write = types.map((type) => `${codeFor('duckdb', type)}${codeFor('duckdb-parquet', type)}`);
    runDuckDb(folder, write.join('\n'));
    runModules(
      folder,
      types,
      'parquet',
      (type) => `
import { writeFileSync } from 'node:fs';
const json = (key, value) => (typeof value === 'bigint' ? Number(value) : value);
writeFileSync('out/${type}.ndjson', resources.map((resource) => JSON.stringify(resource, json) + '\\n').join(''));`,
    );
  },
};

const pandas: Tool = {
  name: 'pandas',
  missing: missingPandas,
  run(folder, types) {
    const after = (type: string): string => `
import json
with open("out/${type}.json", "w") as file:
    json.dump({name: int(count) for name, count in resources.notna().sum().items()}, file)
with open("out/${type}.ndjson", "w") as file:
    for row in resources.to_dict("records"):
        file.write(json.dumps({name: value for name, value in row.items() if value == value}) + "\\n")
`;
    runProgram([PYTHON, '-'], { cwd: folder, input: script(types, 'pandas', after) });
  },
};

const polars: Tool = {
  name: 'polars',
  missing: missingNode22,
  run(folder, types) {
    runModules(
      folder,
      types,
      'polars',
      (type) => `
import { writeFileSync } from 'node:fs';
const filled = resources.columns.map((name) => [name, resources.height - resources.getColumn(name).nullCount()]);
writeFileSync('out/${type}.json', JSON.stringify(Object.fromEntries(filled)));
writeFileSync('out/${type}.ndjson', resources.writeJSON({ format: 'lines' }));`,
    );
  },
};

const arrow: Tool = {
  name: 'arrow',
  missing: missingNode22,
  run(folder, types) {
    runModules(
      folder,
      types,
      'arrow',
      (type) => `
import { writeFileSync } from 'node:fs';
import { tableFromIPC, tableToIPC } from 'apache-arrow';
const table = tableFromIPC(tableToIPC(resources, 'file'));
const filled = names.map((name) => [name, table.numRows - table.getChild(name).nullCount]);
writeFileSync('out/${type}.json', JSON.stringify(Object.fromEntries(filled)));
// What is nested is JSON in a text column.
const isText = (name) => objects.some((object) => typeof object[name] === 'object');
const nested = new Set(names.filter(isText));
const value = (name, cell) => (nested.has(name) && cell !== null ? JSON.parse(cell) : cell);
const rows = table.toArray().map((row) => names.map((name) => [name, value(name, row[name])]));
writeFileSync('out/${type}.ndjson', rows.map((row) => JSON.stringify(Object.fromEntries(row)) + '\\n').join(''));`,
    );
  },
};

/** Debian does not put the server's programs into the path. */
function postgresPrograms(): string | undefined {
  const parent = '/usr/lib/postgresql';
  const [newest] = existsSync(parent) ? readdirSync(parent).sort((a, b) => Number(b) - Number(a)) : [];
  return newest === undefined ? undefined : join(parent, newest, 'bin');
}

const postgres: Tool = {
  name: 'postgresql',
  missing: () =>
    postgresPrograms() === undefined
      ? 'needs the Debian package postgresql'
      : missingProgram('psql', '--version'),
  run(folder, types) {
    const programs = postgresPrograms() ?? '';
    // The server does not run as root, and sockets have short paths.
    const asUser = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
    const home = runProgram([...asUser, 'mktemp', '-d', '/tmp/reading-XXXXXX'], { cwd: '/tmp' }).trim();
    const program = (name: string, ...args: string[]): string =>
      runProgram([...asUser, join(programs, name), '-D', join(home, 'data'), ...args], { cwd: '/tmp' });
    try {
      program('initdb', '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale', 'C.UTF-8');
      const options = `-c listen_addresses='' -c fsync=off -k ${home}`;
      program('pg_ctl', '-o', options, '-l', join(home, 'log'), '-w', 'start');
      const after = (type: string): string => `
\\o out/${type}.ndjson
SELECT resource FROM "${type}";
\\o
`;
      runProgram(['psql', '-h', home, '-U', 'postgres', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-f', '-'], {
        cwd: folder,
        input: script(types, 'postgresql', after),
      });
    } finally {
      if (existsSync(join(home, 'data', 'postmaster.pid'))) program('pg_ctl', '-m', 'immediate', 'stop');
      runProgram([...asUser, 'rm', '-rf', home], { cwd: '/tmp' });
    }
  },
};

const sqlite: Tool = {
  name: 'sqlite',
  missing: () => missingProgram('sqlite3', '--version'),
  run(folder, types) {
    const after = (type: string): string => `
.mode list
.once out/${type}.ndjson
SELECT json(resource) FROM "${type}";
`;
    runProgram(['sqlite3', '-bail', ':memory:'], { cwd: folder, input: script(types, 'sqlite', after) });
  },
};

const r: Tool = {
  name: 'r',
  missing: () => missingProgram('Rscript', '-e', 'library(jsonlite)'),
  run(folder, types) {
    const after = (type: string): string =>
      `stream_out(resources, file("out/${type}.ndjson"), digits = NA, verbose = FALSE)\n`;
    writeFileSync(join(folder, 'read.R'), script(types, 'r', after));
    runProgram(['Rscript', 'read.R'], { cwd: folder });
  },
};

const miller: Tool = {
  name: 'miller',
  missing: () => missingProgram('mlr', '--version'),
  writesTexts: true,
  run(folder, types) {
    const after = (type: string): string => `mlr -S --icsv --ojsonl cat ${type}.csv > out/${type}.ndjson\n`;
    runProgram(['bash', '-e'], { cwd: folder, input: script(types, 'miller', after) });
  },
};

const jq: Tool = {
  name: 'jq',
  missing: () => missingProgram('jq', '--version'),
  run(folder, types) {
    const code = types.map((type) => `{\n${codeFor('jq', type)}} > out/${type}.ndjson\n`);
    runProgram(['bash', '-e'], { cwd: folder, input: code.join('') });
  },
};

const built = new Map<string, string>();

/** Builds a program of the blocks of all types, once: its types are those of R4, and a build takes long. */
function buildFirely(types: readonly string[]): string {
  const source = types.map((type) => {
    const lines = codeFor('firely', type).split('\n');
    const code = lines.filter((line) => !line.startsWith('using ')).join('\n');
    const write = `JsonSerializer.Serialize(resource, options)`;
    return `{\n${code}File.WriteAllLines("out/${type}.ndjson", resources.Select(resource => ${write}));\n}\n`;
  });
  const usings = codeFor('firely', 'Patient').match(/^using .*;$/gm) ?? [];
  const program = `${usings.join('\n')}\n${source.join('')}`;
  let folder = built.get(program);
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'fhir-firely-'));
    cpSync(join(PROJECT_ROOT, 'test', 'reading', 'firely', 'firely.csproj'), join(folder, 'firely.csproj'));
    writeFileSync(join(folder, 'Program.cs'), program);
    runProgram(['dotnet', 'build', '--nologo', '-v', 'quiet', '-o', 'built'], { cwd: folder });
    built.set(program, folder);
  }
  return join(folder, 'built', 'firely.dll');
}

const firely: Tool = {
  name: 'firely',
  missing: () => missingProgram('dotnet', '--version'),
  run(folder, types) {
    runProgram(['dotnet', buildFirely([...types].sort())], { cwd: folder });
  },
};

/** Removes what was built. */
export function endTools(): void {
  for (const folder of built.values()) rmSync(folder, { recursive: true, force: true });
}

export const TOOLS: readonly Tool[] = [
  duckDb,
  parquet,
  pandas,
  polars,
  arrow,
  postgres,
  sqlite,
  r,
  miller,
  jq,
  firely,
];

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
