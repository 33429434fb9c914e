import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';
import type { Resource } from './counts.js';
import type { Download } from './exports.js';
import { blockOf } from './page.js';
import { readJson, runProgram } from './tools.js';

interface Column {
  name: string;
  path: string;
}
interface Select {
  column?: Column[];
  forEach?: string;
}
interface View {
  name: string;
  resource: string;
  select: Select[];
}
type Row = Record<string, unknown>;

const FOLDER = join(PROJECT_ROOT, 'docs', 'views');

/** Runs the page's block with each view definition, and compares its rows with the lines of the export. */
export function expectViewsToHaveAll({ folder, resources }: Download): void {
  const files = readdirSync(FOLDER);
  for (const file of files) {
    const code = blockOf('views').replace('views/patient.json', `views/${file}`);
    const end = `import { writeFileSync } from 'node:fs';\nwriteFileSync('out/${file}', JSON.stringify(rows));\n`;
    writeFileSync(join(folder, `view-${file}.mjs`), `${code}\n${end}`);
  }
  const imports = files.map((file) => `await import('./view-${file}.mjs');\n`);
  writeFileSync(join(folder, 'views.mjs'), imports.join(''));
  runProgram([process.execPath, 'views.mjs'], { cwd: folder });

  const idsOf = (type: string): Set<unknown> => new Set(resources.get(type)?.map(({ id }) => id));
  for (const file of files) {
    const view = readJson(join(FOLDER, file)) as View;
    const rows = readJson(join(folder, 'out', file)) as Row[];
    const own = resources.get(view.resource) ?? [];
    expect(rows.length, file).toBe(rowsOf(view, own));
    for (const { name, path } of view.select.flatMap(({ column = [] }) => column)) {
      const cells = rows.map((row) => row[name]).filter((cell) => cell !== null && cell !== undefined);
      const [, reference, target] = /^(\w+)\.where.*getReferenceKey\((\w+)\)$/.exec(path) ?? [];
      if (path === 'getResourceKey()') {
        expect(new Set(cells), `${file} ${name}`).toEqual(
          new Set(own.filter((resource) => rowsOf(view, [resource]) > 0).map(({ id }) => id)),
        );
      } else if (reference !== undefined && target !== undefined && view.name !== 'observation_component') {
        expect(cells.length, `${file} ${name}`).toBe(referring(own, reference, target));
        if (idsOf(target).size > 0) expect(cells.filter((cell) => !idsOf(target).has(cell))).toEqual([]);
      } else if (/^\w+$/.test(path) && !isInside(view, name)) {
        expect(cells.map(String).sort(), `${file} ${name}`).toEqual(
          own.flatMap(({ [path]: value }) => (value === undefined ? [] : String(value))).sort(),
        );
      }
    }
  }
}

function isInside(view: View, name: string): boolean {
  const root = view.select.filter((select) => Object.keys(select).length === 1);
  return !root.some(({ column = [] }) => column.some((one) => one.name === name));
}

/** One row a resource, or one for each of its components. */
function rowsOf({ select }: View, own: readonly Resource[]): number {
  const forEach = select.find((one) => one.forEach !== undefined)?.forEach;
  if (forEach === undefined) return own.length;
  return own.reduce((sum, { [forEach]: items }) => sum + (Array.isArray(items) ? items.length : 0), 0);
}

function referring(own: readonly Resource[], element: string, target: string): number {
  return own.filter(({ [element]: value }) => {
    const { reference = '' } = (value ?? {}) as { reference?: string };
    return reference.startsWith(`${target}/`);
  }).length;
}
