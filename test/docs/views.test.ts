import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

// What SQL on FHIR v2 demands of a ViewDefinition, and its profile ShareableViewDefinition beyond that:
// https://sql-on-fhir.org/ig/StructureDefinition-ShareableViewDefinition.html

interface Column {
  name: string;
  path: string;
  type: string;
  tag?: Array<{ name: string; value: string }>;
}
interface Select {
  column?: Column[];
  select?: Select[];
  forEach?: string;
  forEachOrNull?: string;
}
interface View extends Select {
  resourceType: string;
  url: string;
  name: string;
  status: string;
  resource: string;
  fhirVersion: string[];
  select: Select[];
}

const FOLDER = join(PROJECT_ROOT, 'docs', 'views');
const VIEWS = readdirSync(FOLDER).map((file) => ({
  file,
  view: JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as View,
}));
const columnsOf = ({ column = [], select = [] }: Select): Column[] => [
  ...column,
  ...select.flatMap(columnsOf),
];
const selectsOf = (select: Select): Select[] => [select, ...(select.select ?? []).flatMap(selectsOf)];
const SQL_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const PRIMITIVES = [
  'boolean',
  'code',
  'date',
  'dateTime',
  'decimal',
  'id',
  'instant',
  'integer',
  'string',
  'uri',
];

describe.each(VIEWS)('the view definition $file', ({ file, view }) => {
  it('has what the specification requires', () => {
    expect(view).toMatchObject({
      resourceType: 'ViewDefinition',
      status: 'active',
      name: file.replace('.json', ''),
    });
    expect(view.url).toMatch(/^urn:uuid:/);
    expect(view.fhirVersion).toEqual(['4.0.1', '4.3.0']);
    const allowed = new Set(['column', 'select', 'forEach', 'forEachOrNull']);
    for (const select of view.select.flatMap(selectsOf)) {
      expect(Object.keys(select).filter((name) => !allowed.has(name))).toEqual([]);
      expect(select.forEach !== undefined && select.forEachOrNull !== undefined).toBe(false);
    }
  });

  it('has columns of distinct SQL names and of primitive types', () => {
    const columns = columnsOf(view);
    const names = columns.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !SQL_NAME.test(name))).toEqual([]);
    expect(columns.filter(({ type }) => !PRIMITIVES.includes(type))).toEqual([]);
  });

  it('keeps dates as text, since they are of mixed precision', () => {
    const dates = columnsOf(view).filter(({ type }) => ['date', 'dateTime', 'instant'].includes(type));
    for (const { name, tag } of dates)
      expect(tag, name).toEqual([{ name: 'ansi/type', value: 'CHARACTER VARYING' }]);
  });

  it('asks a Reference for its key only where it has a reference', () => {
    const keys = columnsOf(view).filter(({ path }) => path.includes('getReferenceKey'));
    for (const { path } of keys) expect(path).toContain('.where(reference.exists()).getReferenceKey(');
  });
});
