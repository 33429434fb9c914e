import { describe, expect, it } from 'vitest';
import type { Item } from '../../../functions/deid/expression/collection.js';
import { compileExpression, evaluate } from '../../../functions/deid/expression/evaluate.js';
import { valueText } from '../../../functions/deid/expression/conversions.js';
import { parseFhirPath } from '../../../functions/deid/expression/parser.js';
import { systemTypeOf } from '../../../functions/deid/expression/typeTest.js';
import { isJsonObject, parseJson } from '../../../functions/json/json.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { FhirNode } from '../../../functions/deid/model/node.js';
import { primitiveText } from '../../../functions/deid/model/primitive.js';
import { NOW, hasShared, readText } from '../shared.js';

/** What the reference's FHIRPath gave: `[location, FHIR type, system type, value]` of each item, or an error. */
interface Golden {
  line: number;
  expr: string;
  result?: [location: string, type: string, systemType: string | null, value: string | null][];
  error?: string;
}

const isThere = hasShared('goldens/fhirpath');
const goldens = isThere
  ? readText('goldens', 'fhirpath', 'results-r4.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Golden)
  : [];

function rootOf(line: string): FhirNode {
  const json = parseJson(line);
  const context = {
    model: FhirModel.of('R4'),
    onDropped: (path: string) => expect.fail(`${path} is not defined`),
  };
  const root = isJsonObject(json) ? FhirNode.ofResource(context, json) : undefined;
  if (root === undefined) throw new Error('not a resource');
  return root;
}

function location(node: FhirNode): string {
  if (node.parent === null) return node.type.name;
  const place = node.parent.children.filter(({ name }) => name === node.name).indexOf(node);
  return `${location(node.parent)}.${node.name}[${place}]`;
}

function describeItem(item: Item): string {
  if (item instanceof FhirNode) {
    return `${location(item)} ${item.type.name} ${item.value === undefined ? null : primitiveText(item.value)}`;
  }
  const text = typeof item === 'boolean' ? (item ? 'True' : 'False') : valueText(item);
  return `value ${systemTypeOf(item)} ${text}`;
}

/** The reference gives bare values for these, and elements everywhere else; here they give elements. */
const GIVES_ELEMENTS = /\b(?:first|last|single)\(/;

function outcomeHere(root: FhirNode, { expr }: Golden): string {
  try {
    const environment = { resource: root, rootResource: root, now: NOW };
    const items = evaluate(compileExpression(parseFhirPath(expr)), [root], environment);
    const texts = items.map(describeItem);
    return (GIVES_ELEMENTS.test(expr) ? texts.map((text) => text.split(' ').slice(2).join(' ')) : texts)
      .sort()
      .join('\n');
  } catch {
    return 'error';
  }
}

function outcomeThere({ expr, result, error }: Golden): string {
  if (error !== undefined || result === undefined) return 'error';
  const texts = result.map(([where, type, , value]) =>
    where.startsWith('@') ? `value ${type.replace('System.', '')} ${value}` : `${where} ${type} ${value}`,
  );
  return (GIVES_ELEMENTS.test(expr) ? texts.map((text) => text.split(' ').slice(2).join(' ')) : texts)
    .sort()
    .join('\n');
}

describe.runIf(isThere)("FHIRPath as the reference's", () => {
  const roots = isThere
    ? readText('goldens', 'fhirpath', 'resources-r4.ndjson').trim().split('\n').map(rootOf)
    : [];
  const byExpression = new Map<string, Golden[]>();
  for (const golden of goldens)
    byExpression.set(golden.expr, [...(byExpression.get(golden.expr) ?? []), golden]);

  it.each([...byExpression])('%s', (_, cases) => {
    for (const golden of cases) {
      const root = roots[golden.line - 1];
      if (root === undefined) throw new Error(`no line ${golden.line}`);
      expect(outcomeHere(root, golden), `line ${golden.line}`).toBe(outcomeThere(golden));
    }
  });
});
