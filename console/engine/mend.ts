import { isYaml, parseDocument } from '../../functions/deid/reading/document.js';
import { Places } from '../../functions/deid/reading/places.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { isJsonObject, type JsonObject } from '../../functions/json/json.js';
import type { MendAsk, TextEdit } from './protocol.js';
import { offsetAt } from './textPlaces.js';

/** White space and comments of JSON. */
const SPACE = /(?:[\s\ufeff]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;

/**
 * The changes that add a rule to a configuration, with the parameters that it needs: after all other rules if it clears
 * what it is for there, else before them. None where the text cannot be changed so.
 */
export function mendEdits(ask: MendAsk, version: FhirVersion): TextEdit[] {
  const { configuration: text } = ask;
  try {
    const json = parseDocument(text);
    if (!isJsonObject(json)) return [];
    const candidates = isYaml(text) ? yamlEdits(ask, json) : jsonEdits(ask, json);
    return candidates.find((edits) => mends(edits, ask, version)) ?? [];
  } catch {
    // Of a text that cannot be read, or that a change would break, nothing is changed.
    return [];
  }
}

function mends(edits: readonly TextEdit[], { configuration, rule }: MendAsk, version: FhirVersion): boolean {
  const { coverage } = readConfiguration(changed(configuration, edits), {
    fhirVersion: version,
    coverage: 'warning',
  });
  return coverage?.gaps.every(({ suggestion }) => suggestion.path !== rule.path) === true;
}

/** A text with changes, whose places are those before any of them. */
function changed(text: string, edits: readonly TextEdit[]): string {
  const last = [...edits].sort((one, other) => other.from - one.from);
  return last.reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);
}

/** Members of the configuration by their right names, whatever their case. */
function nameOf(json: JsonObject, name: string): string | undefined {
  return Object.keys(json).find((key) => key.toLowerCase() === name.toLowerCase());
}

function jsonEdits({ configuration: text, rule, parameters }: MendAsk, json: JsonObject): TextEdit[][] {
  const places = new Places();
  parseDocument(text, places);
  const added = `{ "path": ${JSON.stringify(rule.path)}, "method": ${JSON.stringify(rule.method)} }`;
  const open = skipped(text, 0) + 1;
  const more = parameterEdits(text, json, parameters, places, open);
  const rules = nameOf(json, 'fhirPathRules');
  if (rules === undefined) return [[insertion(open, `\n  "fhirPathRules": [\n    ${added}\n  ],`), ...more]];
  const start = afterName(text, beginOf(places, rules, text)) + 1;
  const { length } = json[rules] as unknown[];
  if (length === 0) return [[insertion(start, `\n    ${added}\n  `), ...more]];
  const end = endOfValue(text, beginOf(places, `${rules}[${length - 1}]`, text));
  return [
    [insertion(end, `,\n    ${added}`), ...more],
    [insertion(start, `\n    ${added},`), ...more],
  ];
}

/** The changes that give parameters. One that is there with another value stays: then the rule does not mend. */
function parameterEdits(
  text: string,
  json: JsonObject,
  parameters: MendAsk['parameters'],
  places: Places,
  open: number,
): TextEdit[] {
  const name = nameOf(json, 'parameters');
  const present = name === undefined ? {} : json[name];
  const missing = Object.entries(parameters).filter(
    ([key]) => isJsonObject(present) && nameOf(present, key) === undefined,
  );
  if (missing.length === 0) return [];
  const members = missing
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(', ');
  if (name === undefined) return [insertion(open, `\n  "parameters": { ${members} },`)];
  const start = afterName(text, beginOf(places, name, text)) + 1;
  return [
    insertion(start, Object.keys(present as JsonObject).length === 0 ? ` ${members} ` : ` ${members},`),
  ];
}

/** Of lists in block style, an item on each line or lines. */
function yamlEdits({ configuration: text, rule, parameters }: MendAsk, json: JsonObject): TextEdit[][] {
  const rules = nameOf(json, 'fhirPathRules');
  const list = rules === undefined ? undefined : json[rules];
  if (rules === undefined || !Array.isArray(list) || list.length === 0) return [];
  const given = nameOf(json, 'parameters');
  if (Object.keys(parameters).length > 0 && given !== undefined) return [];
  const places = new Places();
  parseDocument(text, places);
  const first = beginOf(places, `${rules}[0]`, text);
  const line = text.lastIndexOf('\n', first - 1) + 1;
  const indent = /^( *)- $/.exec(text.slice(line, first))?.[1];
  if (indent === undefined) return [];
  const added = `${indent}- path: ${JSON.stringify(rule.path)}\n${indent}  method: ${rule.method}\n`;
  const members = Object.entries(parameters).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  const end = text.endsWith('\n') ? '' : '\n';
  const more = members.length === 0 ? [] : [insertion(text.length, `${end}parameters:\n${members.join('')}`)];
  const last = endOfItem(text, beginOf(places, `${rules}[${list.length - 1}]`, text), indent.length);
  return [
    [insertion(last, `${last > 0 && text[last - 1] !== '\n' ? '\n' : ''}${added}`), ...more],
    [insertion(line, added), ...more],
  ];
}

/** Where the line begins that is no more of the last item of a list. */
function endOfItem(text: string, from: number, indent: number): number {
  for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', at + 1)) {
    const next = /^( *)(\S?)/.exec(text.slice(at + 1, at + 200));
    if (next?.[2] !== '' && (next?.[1]?.length ?? 0) <= indent) return at + 1;
  }
  return text.length;
}

function insertion(from: number, text: string): TextEdit {
  return { from, to: from, insert: text };
}

/** Where what is at a path begins. @throws Error where it is not known */
function beginOf(places: Places, path: string, text: string): number {
  const found = places.find(path, text);
  if (found === undefined) throw new Error('There is no such place');
  return offsetAt(text, found.line, found.column);
}

function skipped(text: string, from: number): number {
  SPACE.lastIndex = from;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** Where the value of a member begins, of which the name in quotes begins at a place. */
function afterName(text: string, from: number): number {
  const colon = skipped(text, endOfString(text, from));
  return skipped(text, colon + 1);
}

function endOfString(text: string, from: number): number {
  const string = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/y;
  string.lastIndex = from;
  if (!string.test(text)) throw new Error('There is no text in quotes');
  return string.lastIndex;
}

/** Where an object ends. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  const part = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|\/\/[^\n]*|\/\*[^]*?\*\/|[{}]/g;
  part.lastIndex = from;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    if (found[0] === '{') depth++;
    else if (found[0] === '}' && --depth === 0) return part.lastIndex;
  }
  throw new Error('The object has no end');
}
