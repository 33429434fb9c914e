import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type Alias,
  type CST,
  type ErrorCode,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { JsonObject, JsonValue } from '../../json/json.js';
import { numberFromText } from '../../json/jsonNumber.js';
import { DocumentError } from './documentError.js';
import { MAX_DEPTH } from './jsonDocument.js';
import { memberPath, type Places } from './places.js';

/** Most lexical tokens: what reading takes grows with these. 2,000 rules have some 50,000. */
const MAX_TOKENS = 100_000;
/** Largest text with all aliases written out, in UTF-16 units: as large as a configuration may be. */
const MAX_LENGTH = 1024 * 1024;

const OPTIONS = {
  version: '1.2',
  // Every scalar is a text to the library: what it means is decided here.
  schema: 'failsafe',
  // Looked for here, in less time.
  uniqueKeys: false,
  merge: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

const BAD_ESCAPE = 'A string with an unknown escape';
const NO_TAGS = 'Tags are not read: write a text in quotes, anything else as in JSON';

/** What is wrong, in words that quote nothing, by the library's codes. */
const REASONS: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: 'Lines are not indented alike',
  TAB_AS_INDENT: 'Tabs cannot indent YAML: use spaces',
  TAG_RESOLVE_FAILED: NO_TAGS,
  MULTIPLE_DOCS: 'A configuration is one YAML document, and another begins',
  BAD_DQ_ESCAPE: BAD_ESCAPE,
  MISSING_CHAR: 'A bracket, a quote or a colon is missing',
  BAD_SCALAR_START: 'A text that begins so must be in quotes',
  MULTILINE_IMPLICIT_KEY: 'A property name must be on one line',
  KEY_OVER_1024_CHARS: 'A property name is too long',
  RESOURCE_EXHAUSTION: 'YAML nested too deeply',
};

const NULL = /^(?:null|Null|NULL|~|)$/;
const BOOLEAN = /^(?:true|True|TRUE|false|False|FALSE)$/;
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
/** An escape (section 5.7), or a backslash that begins none. The library makes an error of each, which takes long. */
const ESCAPE = /\\(?:[0abt\tnvfre "/\\N_LP\r\n]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(\\)/g;
/** What YAML 1.2's core schema (section 10.3.2) reads as numbers. */
const YAML_NUMBER =
  /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/**
 * Reads YAML 1.2 (core schema) as what the same JSON would be: names are texts, each once in its object; numbers are
 * written as in JSON; no tags, no merge keys; aliases count as what they stand for.
 * @param places gets where each value is
 * @throws DocumentError
 */
export function parseYamlDocument(text: string, places: Places | undefined): JsonValue {
  return new Reader(text, places).read();
}

/** What is known of an anchor: its value once that was read, and its length with aliases written out. */
interface Anchored {
  value?: JsonValue;
  length: number;
}

class Reader {
  readonly #text: string;
  readonly #places: Places | undefined;
  readonly #anchors = new Map<string, Anchored>();
  /** Length of the text with the aliases so far written out. */
  #length: number;

  constructor(text: string, places: Places | undefined) {
    this.#text = text;
    this.#places = places;
    this.#length = text.length;
  }

  #error(reason: string, position: number): DocumentError {
    return new DocumentError(reason, this.#text, position);
  }

  read(): JsonValue {
    const documents = [...new Composer(OPTIONS).compose(this.#tokens())];
    for (const { errors, warnings, directives } of documents) {
      const [problem] = [...errors, ...warnings];
      if (problem !== undefined) throw this.#error(REASONS[problem.code] ?? 'Not YAML', problem.pos[0]);
      if (directives.yaml.explicit === true && directives.yaml.version !== '1.2')
        throw this.#error('Only YAML 1.2 is read', 0);
    }
    const [document, other] = documents;
    if (other !== undefined)
      throw this.#error(REASONS.MULTIPLE_DOCS ?? '', other.contents?.range?.[0] ?? other.range[0]);
    if (document?.contents == null) throw this.#error('The configuration is empty', this.#text.length);
    return this.#value(document.contents, 0, '');
  }

  /** The tokens of the text, of which there must not be too many. */
  *#tokens(): Generator<CST.Token> {
    const parser = new Parser();
    let count = 0;
    for (const lexeme of new Lexer().lex(this.#text)) {
      if (++count > MAX_TOKENS) throw this.#error('The configuration has too many parts', parser.offset);
      this.#checkEscapes(lexeme, parser.offset);
      yield* parser.next(lexeme);
    }
    yield* parser.end();
  }

  #checkEscapes(lexeme: string, offset: number): void {
    if (!lexeme.startsWith('"')) return;
    for (const { index, 1: wrong } of lexeme.matchAll(ESCAPE))
      if (wrong !== undefined) throw this.#error(BAD_ESCAPE, offset + index);
  }

  #value(node: Node | null, depth: number, path: string): JsonValue {
    // A name alone has nothing as its value.
    if (node === null) return null;
    const [start = 0] = node.range ?? [];
    if (depth > MAX_DEPTH) throw this.#error('YAML nested too deeply', start);
    if (isAlias(node)) return this.#aliased(node, start);
    if (node.tag !== undefined) throw this.#error(NO_TAGS, start);
    const { anchor } = node;
    const [, end = start] = node.range ?? [];
    const anchored: Anchored = { length: end - start - this.#length };
    if (anchor !== undefined) this.#anchors.set(anchor, anchored);
    const value = isMap(node)
      ? this.#object(node as YAMLMap<Node, Node | null>, depth, path)
      : isSeq(node)
        ? this.#array(node as YAMLSeq<Node | null>, depth, path)
        : this.#scalar(node, start);
    anchored.value = value;
    anchored.length += this.#length;
    return value;
  }

  #aliased({ source }: Alias, start: number): JsonValue {
    const anchored = this.#anchors.get(source);
    if (anchored?.value === undefined)
      throw this.#error(
        anchored === undefined ? 'An alias without an anchor before it' : 'An alias inside its own anchor',
        start,
      );
    this.#length += anchored.length;
    if (this.#length > MAX_LENGTH)
      throw this.#error('The configuration is larger than 1 MiB with its aliases written out', start);
    return anchored.value;
  }

  #scalar(node: Node, start: number): JsonValue {
    const { value, type } = node as Scalar;
    const text = typeof value === 'string' ? value : '';
    if (type !== 'PLAIN') return text;
    if (NULL.test(text)) return null;
    if (BOOLEAN.test(text)) return text.toLowerCase() === 'true';
    if (JSON_NUMBER.test(text)) return numberFromText(text);
    if (YAML_NUMBER.test(text))
      throw this.#error('A number that is not written as in JSON: write a text in quotes', start);
    return text;
  }

  #array({ items }: YAMLSeq<Node | null>, depth: number, path: string): JsonValue[] {
    return items.map((item, index) =>
      this.#value(
        item,
        depth + 1,
        this.#note(() => `${path}[${index}]`, item),
      ),
    );
  }

  #object({ items }: YAMLMap<Node, Node | null>, depth: number, path: string): JsonObject {
    const members = Object.create(null) as JsonObject;
    for (const pair of items) {
      const name = this.#name(pair);
      const [start = 0] = pair.key.range ?? [];
      if (name in members)
        throw this.#error(`The property '${name}' is there twice in the same object`, start);
      members[name] = this.#value(
        pair.value,
        depth + 1,
        this.#note(() => memberPath(path, name), pair.key),
      );
    }
    return members;
  }

  #name({ key }: Pair<Node, Node | null>): string {
    const [start = 0] = key.range ?? [];
    const name = isScalar(key) && key.tag === undefined ? this.#value(key, 0, '') : undefined;
    if (typeof name !== 'string')
      throw this.#error('A property name must be a text: write it in quotes', start);
    if (name === '<<' && (key as Scalar).type === 'PLAIN')
      throw this.#error('Merge keys (<<) are not read: write the settings of each rule', start);
    return name;
  }

  /** Notes the place of a value, where places are asked for. @returns its path */
  #note(path: () => string, node: Node | null): string {
    const [start] = node?.range ?? [];
    if (this.#places === undefined || start === undefined) return '';
    const noted = path();
    this.#places.note(noted, start);
    return noted;
  }
}
