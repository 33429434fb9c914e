import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generateSample } from '../../local/sample/sample.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { sampleResources } from './sampleResources.js';
import { type Asked, type JobResource, keysOf, runJob, type RunJob } from './runJob.js';

const TYPES = ['Patient', 'Condition', 'Observation'];
const CONFIGURATION = JSON.stringify({
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Patient.name', method: 'redact' },
  ],
  parameters: { cryptoHashKey: 'a-key-of-the-test' },
});

let storage: TestStorage;
let directory: string;
let source: RunningSource;
let resources: JobResource[];

beforeAll(async () => {
  storage = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-organized-'));
  generateSample({ directory, seed: 5, patients: 3 });
  resources = sampleResources(directory);
});
afterAll(async () => {
  await storage.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => source.close());

async function exportOf(asked: Partial<Asked>, losesAttempts = false): Promise<RunJob> {
  source = await startSource({ directory });
  const whole: Asked = { level: { kind: 'patient' }, types: TYPES, pageSize: 2, ...asked };
  return runJob(storage, source.url, whole, {}, { workers: 2, losesAttempts });
}

interface Block {
  file: string;
  /** The reference of its header. */
  patient: string;
  resources: JobResource[];
}

/** The blocks of the files, in order. */
function blocksOf({ manifest, resources: lines }: RunJob): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  for (const { url, count } of manifest.output) {
    const own = lines.slice(at, (at += count));
    // A file begins with a header, also where it goes on with a block.
    expect(own[0]?.resourceType).toBe('Parameters');
    for (const line of own) {
      if (line.resourceType !== 'Parameters') blocks.at(-1)?.resources.push(line);
      else {
        const [{ name, valueReference }] = line['parameter'] as [
          { name: string; valueReference: { reference: string } },
        ];
        expect(name).toBe('header');
        blocks.push({ file: url, patient: valueReference.reference, resources: [] });
      }
    }
  }
  return blocks;
}

/** Where the types of this test name their patient. */
const patientOf = (resource: JobResource): string =>
  resource.resourceType === 'Patient'
    ? `Patient/${resource.id}`
    : (resource['subject'] as { reference: string }).reference;

describe('files by patient', () => {
  it.each([
    ['raw', {}, false],
    ['de-identified, where attempts are lost', { configuration: CONFIGURATION }, true],
  ])('have every resource once, after the header of its patient: %s', async (_name, asked, losesAttempts) => {
    const plain = await exportOf(asked);
    await source.close();
    const organized = await exportOf({ ...asked, organizedBy: 'Patient' }, losesAttempts);
    const blocks = blocksOf(organized);
    const exported = blocks.flatMap((block) => block.resources);
    expect(keysOf(exported).sort()).toEqual(keysOf(plain.resources).sort());
    for (const { patient, resources: own } of blocks) {
      expect(own.length).toBeGreaterThan(0);
      expect(new Set(own.map(patientOf))).toEqual(new Set([patient]));
    }
    // A block begins with its Patient, and goes on in the next file where it is said so.
    const seen = new Set<string>();
    for (const [nth, { patient, file, resources: own }] of blocks.entries()) {
      const before = blocks[nth - 1];
      if (seen.has(patient)) {
        expect(before?.patient).toBe(patient);
        const entry = organized.manifest.output.find(({ url }) => url === before?.file);
        expect(entry?.continuesInFile).toBe(file);
      } else expect(own[0]?.resourceType).toBe('Patient');
      seen.add(patient);
    }
    expect(organized.manifest.output.filter((entry) => entry.continuesInFile !== undefined).length).toBe(
      blocks.length - seen.size,
    );
    expect(blocks.length).toBeGreaterThan(seen.size);
    expect(organized.manifest.outputOrganizedBy).toBe('Patient');
    const { types } = organized.report;
    expect(types.map(({ type, written }) => [type, written])).toEqual(
      plain.report.types.map(({ type, written }) => [type, written]),
    );
    if ('configuration' in asked) {
      const ids = new Set(resources.map(({ id }) => id));
      expect(blocks.some(({ patient }) => ids.has(patient.slice('Patient/'.length)))).toBe(false);
    }
  });

  it('of a group have its members alone, also without their Patients', async () => {
    const group = resources.find(
      ({ resourceType, member }) => resourceType === 'Group' && Array.isArray(member) && member.length > 1,
    );
    const level = { kind: 'group', groupId: group?.id ?? '' } as const;
    const types = ['Condition'];
    const plain = await exportOf({ level, types });
    await source.close();
    const organized = await exportOf({ level, types, organizedBy: 'Patient', configuration: CONFIGURATION });
    const blocks = blocksOf(organized);
    expect(blocks.flatMap((block) => block.resources)).toHaveLength(plain.resources.length);
    for (const { patient, resources: own } of blocks)
      expect(new Set(own.map(patientOf))).toEqual(new Set([patient]));
  });

  it('name no id that the configuration has no rule for, since it is for other types', async () => {
    const configuration = JSON.stringify({
      fhirPathRules: [
        { path: 'Condition.id', method: 'cryptoHash' },
        { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
      ],
      parameters: { cryptoHashKey: 'a-key-of-the-test' },
    });
    const asked = { types: ['Condition'], organizedBy: 'Patient', configuration } as const;
    const { resources: lines } = await exportOf({ ...asked, types: [...asked.types] });
    const headers = lines.filter(({ resourceType }) => resourceType === 'Parameters');
    expect(headers.length).toBeGreaterThan(1);
    expect(JSON.stringify(headers)).not.toContain('"reference"');
    const patients = resources.filter(({ resourceType }) => resourceType === 'Patient');
    for (const { id } of patients) expect(JSON.stringify(lines)).not.toContain(`Patient/${id}`);
  });

  it.each([[['Patient', 'Condition']], [['Condition']]])(
    'are refused where the configuration leaves Patients no id: blocks would link what it does not (%s)',
    async (types) => {
      const configuration = JSON.stringify({
        fhirPathRules: [
          { path: 'Resource.id', method: 'redact' },
          { path: "nodesByType('Reference')", method: 'redact' },
        ],
      });
      const exported = exportOf({ types, organizedBy: 'Patient', configuration });
      await expect(exported).rejects.toThrow(/leaves Patients no id/);
    },
  );
});
