export type Environment = Readonly<Record<string, string | undefined>>;

/** What the text of a setting is. `form` completes the sentence "must be …". */
export type Kind =
  | { readonly is: 'integer'; readonly unit: string; readonly min: number; readonly max: number }
  | { readonly is: 'flag' }
  | { readonly is: 'choice'; readonly of: readonly string[] }
  | { readonly is: 'text' | 'URL' | 'list'; readonly form: string; readonly unit?: string };

/** A problem with a text that "must be …" does not say. It completes a sentence that begins with the setting's name. */
export class Problem extends Error {}

/** Value of a text; `undefined`: not of the setting's form. */
type Parse<T> = (text: string) => T | Problem | undefined;
type Report = (setting: Setting<unknown>, problem: string) => void;

/** One setting: all that its reader, the documentation and the deployment template know of it. */
export interface Setting<T> {
  /** The environment variable. */
  readonly name: string;
  readonly kind: Kind;
  /** What is read where nothing is set, as text; `undefined`: the value is `undefined`. */
  readonly default?: string;
  readonly isRequired?: boolean;
  /** Belongs into a Key Vault, by reference. */
  readonly isSecret?: boolean;
  /** Read in small letters first, as other tools do. */
  readonly isSmallFirst?: boolean;
  /** Value in `local.settings.sample.json`. */
  readonly sample?: string;
  /** In Markdown. */
  readonly description: string;
  /** Settings that apply only where this one has a value, by that value. */
  readonly variants?: Readonly<Record<string, Settings>>;
  readonly parse: Parse<T>;
  /** For what is not one variable. */
  readonly readAll?: (environment: Environment, report: (problem: string) => void) => T;
}

/** Settings by the name of their value; nested as the values are. */
export interface Settings {
  readonly [key: string]: Setting<unknown> | Settings;
}

/** The values of settings. */
export type Values<S> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : Values<S[K]>;
};

type Options = Pick<Setting<unknown>, 'default' | 'isRequired' | 'isSecret' | 'isSmallFirst' | 'sample'>;
type Value<T, O> = O extends { default: string } | { isRequired: true } ? T : T | undefined;

/** A whole number within bounds. */
export function integer<O extends { default?: number }>(
  name: string,
  { min, max, unit, ...options }: O & { min: number; max: number; unit: string },
  description: string,
): Setting<O extends { default: number } ? number : number | undefined> {
  return {
    name,
    kind: { is: 'integer', min, max, unit },
    ...(options.default === undefined ? {} : { default: String(options.default) }),
    description,
    parse: (found) => {
      const value = /^\d{1,12}$/.test(found) ? Number(found) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** `true` or `false`, which is the default. */
export function flag(name: string, description: string): Setting<boolean> {
  return {
    name,
    kind: { is: 'flag' },
    default: 'false',
    description,
    parse: (found) => (/^(true|false)$/i.test(found) ? found.toLowerCase() === 'true' : undefined),
  };
}

/** One of several words, in capital or small letters. */
export function choice<const W extends string, O extends Options>(
  name: string,
  words: readonly W[],
  options: O,
  description: string,
): Setting<Value<W, O>> {
  return {
    name,
    kind: { is: 'choice', of: words },
    ...options,
    description,
    parse: (found) => words.find((word) => word.toLowerCase() === found.toLowerCase()),
  };
}

/** A text of any other form, by how it is read. */
export function text<T, O extends Options>(
  name: string,
  form: string,
  parse: Parse<T>,
  options: O,
  description: string,
  is: 'text' | 'URL' | 'list' = 'text',
): Setting<Value<T, O>> {
  return { name, kind: { is, form }, ...options, description, parse };
}

/** A text by what it must match. */
export function matching(pattern: RegExp): Parse<string> {
  return (found) => (pattern.test(found) ? found : undefined);
}

/** Fewest characters of a key: what is short can be guessed. */
const MIN_KEY = 32;

/** A key for HMACs. */
export function hmacKey<O extends Options>(
  name: string,
  options: O,
  description: string,
): Setting<Value<string, O>> & { isSecret: true } {
  const isLong = matching(new RegExp(`^[^]{${MIN_KEY},}$`));
  const form = `text of ${MIN_KEY} characters or more`;
  return { ...text(name, form, isLong, options, description), isSecret: true };
}

/** Any text. */
export const anyText: Parse<string> = (found) => found;

/** A URL, kept as it is written. */
export function url<O extends Options>(
  name: string,
  form: string,
  isLegal: (found: URL) => boolean,
  options: O,
  description: string,
): Setting<Value<string, O>> {
  const parse = (found: string): string | undefined =>
    URL.canParse(found) && isLegal(new URL(found)) ? found : undefined;
  return text(name, form, parse, options, description, 'URL');
}

/** Several texts, separated by commas. */
export function list<O extends Options>(
  name: string,
  form: string,
  isLegal: (item: string) => boolean,
  options: O,
  description: string,
): Setting<Value<ReadonlySet<string>, O>> {
  const parse = (found: string): ReadonlySet<string> | undefined => {
    const items = itemsOf(found);
    return (items.length > 0 || found === '') && items.every(isLegal) ? new Set(items) : undefined;
  };
  return text(name, form, parse, options, description, 'list');
}

/** What commas separate, without what is empty. */
export function itemsOf(found: string): string[] {
  const items = found.split(',').map((item) => item.trim());
  return items.filter((item) => item !== '');
}

/** A choice with settings of its own for each: the value has `method`, and theirs. */
export function variants<const V extends Readonly<Record<string, Settings>>>(
  name: string,
  initial: keyof V & string,
  description: string,
  settings: V,
): Setting<{ [M in keyof V]: { readonly method: M } & Values<V[M]> }[keyof V]> {
  const { kind, parse } = choice(name, Object.keys(settings), {}, description);
  type Variant = { [M in keyof V]: { readonly method: M } & Values<V[M]> }[keyof V];
  // `readSettings` adds the values of the settings.
  return {
    name,
    kind,
    default: initial,
    description,
    variants: settings,
    parse: (found) => asVariant(parse(found)) as Variant | undefined,
  };
}

function asVariant(method: unknown): object | undefined {
  return method === undefined ? undefined : { method };
}

/** A setting that one variant needs and others do not. */
export function required<T>(setting: Setting<T>): Setting<NonNullable<T>> {
  return { ...(setting as Setting<NonNullable<T>>), isRequired: true };
}

/** What a setting must be, in words. */
export function formOf(kind: Kind): string {
  switch (kind.is) {
    case 'integer':
      return `a whole number from ${kind.min} to ${kind.max} (${kind.unit})`;
    case 'flag':
      return 'true or false';
    case 'choice':
      return kind.of.length === 2 ? kind.of.join(' or ') : `one of ${kind.of.join(', ')}`;
    case 'text':
    case 'URL':
    case 'list':
      return kind.form;
  }
}

/**
 * Reads settings. A value is never quoted in a problem: it may be a secret in the wrong place.
 * @param report gets every problem; where there is one, that value is `undefined` whatever its type says
 */
export function readValues<S extends Settings>(
  settings: S,
  environment: Environment,
  report: Report,
  neededBy = '',
): Values<S> {
  const values = Object.entries(settings).map(([key, found]) => [
    key,
    isSetting(found)
      ? readValue(found, environment, report, neededBy)
      : readValues(found, environment, report),
  ]);
  return Object.fromEntries(values) as Values<S>;
}

function readValue(
  setting: Setting<unknown>,
  environment: Environment,
  report: Report,
  neededBy: string,
): unknown {
  const { name, kind, description } = setting;
  const complain = (problem: string): undefined => report(setting, `${name} ${problem}`) as undefined;
  if (setting.readAll !== undefined)
    return setting.readAll(environment, (problem) => report(setting, problem));
  const given =
    (setting.isSmallFirst === true && environment[name.toLowerCase()]?.trim()) || environment[name]?.trim();
  const found = given || setting.default;
  if (found === undefined) {
    if (setting.isRequired !== true) return undefined;
    return complain(`is missing: ${neededBy}${description.replace(/\.$/, '')} (${formOf(kind)})`);
  }
  if (setting.isSecret === true && isUnresolved(found)) return complain(UNRESOLVED);
  const value = setting.parse(found);
  if (value === undefined) return complain(`must be ${formOf(kind)}`);
  if (value instanceof Problem) return complain(value.message);
  if (setting.variants === undefined) return value;
  const { method } = value as { method: string };
  const more = setting.variants[method] ?? {};
  return { method, ...readValues(more, environment, report, `${name}=${method} needs it. `) };
}

export function isSetting(found: Setting<unknown> | Settings): found is Setting<unknown> {
  return typeof found['name'] === 'string';
}

/** The platform passes on a reference that it cannot resolve as it is: a secret that anybody can read. */
export function isUnresolved(found: string): boolean {
  return /^\s*@Microsoft\.KeyVault\(/i.test(found);
}

export const UNRESOLVED =
  "is a Key Vault reference that was not resolved: give the app's identity the role Key Vault Secrets User, and let it reach the vault";
