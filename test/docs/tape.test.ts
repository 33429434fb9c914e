import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { tapeOf } from '../../functions/json/json.js';
import {
  ARRAY,
  FALSE,
  type JsonTape,
  NULL,
  NUMBER,
  OBJECT,
  STRING,
  TRUE,
} from '../../functions/json/jsonTape.js';

const PAGE = new URL('../../docs/tape.md', import.meta.url);
const RESOURCE =
  '{"resourceType":"Patient","name":[{"given":["Anna",null],"_given":[null,{"id":"g2"}]}],"active":true}';
const KINDS = new Map([
  [OBJECT, 'object'],
  [ARRAY, 'array'],
  [STRING, 'string'],
  [NUMBER, 'number'],
  [TRUE, 'true'],
  [FALSE, 'false'],
  [NULL, 'null'],
]);

/** One line for each value of a tape. */
function dump(tape: JsonTape, root: number): string {
  const rows = [['place', 'name', 'kind', 'begin', 'end', 'next', 'JSON']];
  const isIn = (object: number, at: number): boolean => {
    for (let child = tape.first(object); child < tape.after(object); child = tape.after(child))
      if (child === at) return tape.kind(object) === OBJECT;
    return false;
  };
  const places: number[] = [];
  for (let at = root; at < tape.after(root);) {
    const isMember = places.some((place) => tape.kind(place) <= ARRAY && isIn(place, at));
    const json = tape.json(at);
    rows.push([
      String(at),
      isMember ? tape.nameText(at) : '',
      KINDS.get(tape.kind(at)) ?? '',
      ...[tape.start(at), tape.end(at), tape.after(at)].map(String),
      json.length > 30 ? `${json.slice(0, 27)}...` : json,
    ]);
    places.push(at);
    at = tape.kind(at) <= ARRAY ? tape.first(at) : tape.after(at);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

it('the dump of a tape in the documentation is that of the code (UPDATE_DOCS=1 writes it)', () => {
  const { tape, node } = tapeOf(RESOURCE);
  const made = `<!-- tape -->\n\n\`\`\`text\n${RESOURCE}\n\n${dump(tape, node)}\n\`\`\`\n\n<!-- /tape -->`;
  const page = readFileSync(PAGE, 'utf8');
  const there = /<!-- tape -->[^]*<!-- \/tape -->/.exec(page)?.[0] ?? '';
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, page.replace(there, made));
  else expect(there).toBe(made);
});
