/** A route template cannot be used. */
class RouteError extends Error {
  override readonly name = 'RouteError';
}

interface Segment {
  expression: RegExp;
  /** Names of the parameters, in the order of the expression's groups. */
  parameters: string[];
  optional: boolean;
}

/** One route of the app: a template of literals, `{parameter}`s and at most one `{*rest}` at its end. */
export class Route<T> {
  readonly value: T;
  readonly #segments: Segment[];
  readonly #rest: string | undefined;
  readonly #methods: ReadonlySet<string> | undefined;

  /**
   * @param methods upper case; undefined for all
   * @throws RouteError when the template has something this host does not know
   */
  constructor(template: string, methods: readonly string[] | undefined, value: T) {
    this.value = value;
    this.#methods = methods && new Set(methods);
    const parts = template.split('/').filter((part) => part !== '');
    const rest = /^\{\*{1,2}(\w+)\}$/.exec(parts.at(-1) ?? '');
    if (rest) parts.pop();
    this.#rest = rest?.[1];
    this.#segments = parts.map((part) => parseSegment(part, template));
  }

  /** The parameters as they are in the path, or undefined when the route does not match. */
  match(method: string, path: readonly string[]): Record<string, string> | undefined {
    if (this.#methods && !this.#methods.has(method)) return undefined;
    const parameters: Record<string, string> = {};
    for (const [index, { expression, parameters: names, optional }] of this.#segments.entries()) {
      const part = path[index];
      if (part === undefined) {
        if (optional) continue;
        return undefined;
      }
      const found = names.length === 0 ? expression.exec(decode(part)) : expression.exec(part);
      if (!found) return undefined;
      for (const [group, name] of names.entries()) parameters[name] = found[group + 1] ?? '';
    }
    if (path.length > this.#segments.length) {
      if (this.#rest === undefined) return undefined;
      parameters[this.#rest] = path.slice(this.#segments.length).join('/');
    }
    return parameters;
  }
}

const CONSTRAINTS: Record<string, string> = {
  int: '-?\\d+',
  long: '-?\\d+',
  alpha: '[A-Za-z]*',
  guid: '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}',
  bool: 'true|false',
};

function parseSegment(part: string, template: string): Segment {
  const parameters: string[] = [];
  let optional = false;
  let pattern = '';
  let end = 0;
  for (const match of part.matchAll(/\{([^{}]*)\}/g)) {
    const text = part.slice(end, match.index);
    end = match.index + match[0].length;
    const [, name, constraint, mark] = /^(\w+)(?::(\w+))?(\?)?$/.exec(match[1] ?? '') ?? [];
    const expression = constraint === undefined ? '.+?' : CONSTRAINTS[constraint];
    if (name === undefined || expression === undefined) {
      throw new RouteError(`Route '${template}': this local host does not know '${match[0]}'.`);
    }
    parameters.push(name);
    optional ||= mark !== undefined;
    pattern += `${escape(text)}(${expression})`;
  }
  const expression = new RegExp(`^${pattern}${escape(part.slice(end))}$`, 'i');
  return { expression, parameters, optional };
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Splits the path of a request into its parts, undecoded, without an empty one at either end. */
export function pathParts(path: string): string[] {
  return path
    .replace(/^\/|\/$/g, '')
    .split('/')
    .filter((part, _index, all) => all.length > 1 || part !== '');
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
