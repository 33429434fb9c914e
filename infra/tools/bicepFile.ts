import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Language, type Node, Parser } from 'web-tree-sitter';

/** A declaration of a Bicep file. */
export interface BicepDeclaration {
  name: string;
  /** From its decorators; empty where it has none. */
  description: string;
  /** Arguments of its other decorators, as written: `minValue` → `1`. */
  decorators: ReadonlyMap<string, string>;
  node: Node;
}

export interface BicepParameter extends BicepDeclaration {
  type: string;
  /** As written; `undefined` where it has none. A type that may be null needs none. */
  initial: string | undefined;
}

export interface BicepResource extends BicepDeclaration {
  type: string;
  apiVersion: string;
  isExisting: boolean;
  /** Values of the top properties, as written: `scope` → `exportStorage`. */
  properties: ReadonlyMap<string, string>;
}

/** What a Bicep file declares. */
export interface BicepFile {
  text: string;
  /** Lines that the grammar does not understand. */
  errors: readonly string[];
  parameters: readonly BicepParameter[];
  variables: readonly BicepDeclaration[];
  resources: readonly BicepResource[];
  modules: readonly BicepDeclaration[];
  outputs: readonly BicepDeclaration[];
}

let parser: Promise<Parser> | undefined;

async function startParser(): Promise<Parser> {
  await Parser.init();
  const grammar = createRequire(import.meta.url).resolve('tree-sitter-bicep/tree-sitter-bicep.wasm');
  const started = new Parser();
  started.setLanguage(await Language.load(grammar));
  return started;
}

/** Reads a `.bicep` or `.bicepparam` file. Of the latter the assignments are the variables. */
export async function readBicep(path: string): Promise<BicepFile> {
  const text = readFileSync(path, 'utf8');
  // The grammar knows templates only; an assignment of a parameter reads like a variable.
  const template = path.endsWith('.bicepparam')
    ? text.replace(/^using .*$/m, '').replaceAll(/^param /gm, 'var ')
    : text;
  const tree = (await (parser ??= startParser())).parse(template);
  if (tree === null) throw new Error(`${path} cannot be parsed.`);
  const declarations = tree.rootNode.namedChildren.map((node, index, all) =>
    declaration(node, all[index - 1]),
  );
  const of = (type: string): BicepDeclaration[] => declarations.filter(({ node }) => node.type === type);
  return {
    text,
    errors: errorsOf(tree.rootNode),
    parameters: of('parameter_declaration').map(parameter),
    variables: of('variable_declaration'),
    resources: [
      ...of('resource_declaration').map(resource),
      ...tree.rootNode
        .descendantsOfType('resource_declaration')
        .filter((node) => node.parent?.type !== 'infrastructure')
        .map((node) => resource(declaration(node, node.previousNamedSibling ?? undefined))),
    ],
    modules: of('module_declaration'),
    outputs: of('output_declaration'),
  };
}

/** Names and values, as written, of an object; `node` is the object or holds it. */
export function objectProperties(node: Node): ReadonlyMap<string, string> {
  const object = node.type === 'object' ? node : node.descendantsOfType('object')[0];
  return new Map(
    (object?.namedChildren ?? [])
      .filter(({ type }) => type === 'object_property')
      .map((property) => {
        const [key, value] = [property.namedChildren[0], property.namedChildren.at(-1)];
        return [stringContent(key), value?.text ?? ''];
      }),
  );
}

function errorsOf(node: Node): string[] {
  const own =
    node.isError || node.isMissing
      ? [`line ${node.startPosition.row + 1}: ${node.text.split('\n')[0]?.slice(0, 80) ?? ''}`]
      : [];
  return [...own, ...node.children.flatMap((child) => errorsOf(child))];
}

function declaration(node: Node, before: Node | undefined): BicepDeclaration {
  const decorators = new Map<string, string>();
  let description = '';
  if (before?.type === 'decorators') {
    for (const call of before.descendantsOfType('call_expression')) {
      const name = call.namedChildren[0]?.text ?? '';
      const values = call.namedChildren[1];
      if (name === 'description') description = stringContent(values?.namedChildren[0]);
      else decorators.set(name, values?.text.slice(1, -1) ?? '');
    }
  }
  return { name: node.namedChildren[0]?.text ?? '', description, decorators, node };
}

function parameter(declared: BicepDeclaration): BicepParameter {
  const [, type, initial] = declared.node.namedChildren;
  return { ...declared, type: type?.text ?? '', initial: initial?.text };
}

function resource(declared: BicepDeclaration): BicepResource {
  const [type = '', apiVersion = ''] = stringContent(declared.node.namedChildren[1]).split('@');
  return {
    ...declared,
    type,
    apiVersion,
    isExisting: declared.node.children.some((child) => child.type === 'existing'),
    properties: objectProperties(declared.node),
  };
}

/** The text of a string without its quotes and escapes, or of a name. */
export function stringContent(node: Node | null | undefined): string {
  const text = node?.text ?? '';
  return text.startsWith("'") ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
}
