import type { ElementNode } from './elements.js';

export interface Rule {
  path: string;
  method: string;
}

/** Whether a rule selects an element: always, never, or depending on the data. */
export type Selection = 'always' | 'never' | 'sometimes';

/**
 * Reads the forms of rule paths that the configuration uses: `Type.a.b`, `nodesByType('T').child`,
 * `nodesByName('n').child`; with `where`, `ofType` or nested nodesBy… in them, a rule selects sometimes.
 */
export function compileRule(rule: Rule): (node: ElementNode) => Selection {
  const [, head = '', rest = ''] =
    /^((?:[A-Z]\w*\.)?nodesBy(?:Type|Name)\('\w+'\)|[A-Z]\w*)((?:\..*)?)$/.exec(rule.path) ?? [];
  if (head === '') throw new Error(`The test cannot read the path ${rule.path}`);
  const steps = splitSteps(rest);
  const isConditional = /\(/.test(rest) || /^[A-Z]\w*\./.test(head);
  const names = steps.filter((step) => !step.includes('('));
  const [, type, by, argument] = /^(?:([A-Z]\w*)\.)?(?:nodesBy(Type|Name)\('(\w+)'\))?/.exec(head) ?? [];
  const rootType = type ?? (by === undefined ? head : undefined);
  return (node) => {
    if (rootType !== undefined && rootType !== 'Resource' && node.path[0] !== rootType) return 'never';
    const selected =
      by === undefined
        ? sameNames(node.path.slice(1), names)
        : sameNames(node.path.slice(node.path.length - names.length), names) &&
          isStart(node, names.length, by, argument!);
    if (!selected) return 'never';
    return isConditional ? 'sometimes' : 'always';
  };
}

function isStart(node: ElementNode, below: number, by: string, argument: string): boolean {
  if (by === 'Name')
    return node.path.length > below + 1 && node.path[node.path.length - 1 - below] === argument;
  if (below > 1) throw new Error('The test reads one step below nodesByType at most');
  return below === 0 ? node.path.length > 1 && node.type === argument : node.parentType === argument;
}

function splitSteps(rest: string): string[] {
  const steps: string[] = [];
  let depth = 0;
  for (const character of rest) {
    if (character === '.' && depth === 0) steps.push('');
    else steps[steps.length - 1] += character;
    if (character === '(') depth++;
    if (character === ')') depth--;
  }
  return steps;
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}
