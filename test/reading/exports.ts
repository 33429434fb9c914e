import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExportClient } from '../../cli/export/exportClient.js';
import type { Risk } from '../../functions/export/risk/risk.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { downloadLines, startTestStack } from '../stack/harness.js';
import type { Counts, Resource } from './counts.js';

/** A downloaded export, in the folder `export` of a folder in which the blocks of the page are run. */
export interface Download {
  folder: string;
  /** What the lines are by `JSON.parse`, by type. */
  resources: Map<string, Resource[]>;
  /** What report.json says of each type; without counts of elements in exports of earlier versions. */
  report: Map<string, Counts | undefined>;
  risk: Risk | undefined;
}

/** Ids and references are hashed, dates are moved with their time and offset. What names a person is removed. */
const SHIFTED = {
  fhirVersion: 'R4',
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    ...['date', 'dateTime', 'instant'].map((type) => ({
      path: `nodesByType('${type}')`,
      method: 'dateShift',
    })),
    ...['HumanName', 'Address', 'ContactPoint', 'Identifier', 'Narrative', 'Attachment'].map((type) => ({
      path: `nodesByType('${type}')`,
      method: 'redact',
    })),
  ],
  parameters: {
    cryptoHashKey: '',
    dateShiftKey: '',
    dateShiftScope: 'resource',
    // Dates of patients over 89 become years.
    enablePartialDatesForRedact: true,
    validOutput: true,
  },
};

/** Files that a type is split into, as that of a large source is; more than the 32 that DuckDB looks into by itself. */
const FILES_OF_A_TYPE = 40;

/** The demo's data, exported twice: with the Safe Harbor sample, and with shifted dates. */
export async function exportTwice(): Promise<{ redacted: Download; shifted: Download; end: () => void }> {
  const test = await startTestStack({});
  const parent = mkdtempSync(join(tmpdir(), 'fhir-reading-'));
  try {
    await test.putConfiguration('shifted.json', SHIFTED);
    const client = new ExportClient(test.stack.baseUrl);
    const download = async (container: string, configuration: string): Promise<Download> => {
      const statusUrl = await client.kickOff({
        _container: container,
        _anonymizationConfig: configuration,
      });
      const manifest = await client.manifest(statusUrl, 100, () => undefined);
      const report = await fetch(String(manifest.extension['report']));
      const folder = join(parent, container);
      const lines = await downloadLines(manifest);
      writeFolder(folder, lines);
      const { types, risk } = (await report.json()) as {
        types: Array<{ type: string; content?: Counts }>;
        risk?: Risk;
      };
      return {
        folder,
        resources: new Map(
          [...lines].map(([type, own]) => [type, own.map((line) => JSON.parse(line) as Resource)]),
        ),
        report: new Map(types.map(({ type, content }) => [type, content])),
        risk,
      };
    };
    return {
      redacted: await download('redacted', test.stack.sampleConfiguration),
      shifted: await download('shifted', 'shifted.json'),
      end: () => rmSync(parent, { recursive: true, force: true }),
    };
  } finally {
    await test.end();
  }
}

function writeFolder(folder: string, lines: Map<string, string[]>): void {
  mkdirSync(join(folder, 'export'), { recursive: true });
  mkdirSync(join(folder, 'out'));
  for (const [type, own] of lines) {
    const perFile = Math.ceil(own.length / FILES_OF_A_TYPE);
    for (let file = 0; file * perFile < own.length; file++) {
      const part = own.slice(file * perFile, (file + 1) * perFile);
      writeFileSync(join(folder, 'export', `${type}-${file}-0.ndjson`), `${part.join('\n')}\n`);
    }
  }
  symlinkSync(join(PROJECT_ROOT, 'test', 'reading', 'node_modules'), join(folder, 'node_modules'));
  symlinkSync(join(PROJECT_ROOT, 'docs', 'views'), join(folder, 'views'));
}
