import type { Method } from '../../functions/deid/methods/method.js';
import { LABELS } from '../../functions/deid/methods/labels.js';
import type { FhirPathFunction } from '../../functions/deid/expression/functionRow.js';
import type { Parameter } from '../../functions/export/request/parameters.js';
import type { SettingRow } from '../../functions/settings/schema.js';
import { formOf } from '../../functions/settings/setting.js';
import { type BicepFile, type BicepParameter, stringContent } from './bicepFile.js';

/** The tables in `docs/settings.md`: one for each area. */
export function settingTables(settings: readonly SettingRow[]): string {
  const areas = [...new Set(settings.map(({ area }) => area))];
  return areas
    .map((area) => {
      const rows = settings
        .filter((row) => row.area === area)
        .map((row) => [
          `\`${row.name}\``,
          valueOf(row),
          row.isRequired === true ? '(required)' : (row.default ?? ''),
          row.appliesWith === undefined
            ? ''
            : `\`${row.appliesWith.name}\`: ${row.appliesWith.values.join(', ')}`,
          row.description,
        ]);
      return `## ${area}\n\n${table(['Setting', 'Value', 'Default', 'Applies with', 'Meaning'], rows)}`;
    })
    .join('\n\n');
}

function valueOf({ kind, isSecret }: SettingRow): string {
  const form =
    kind.is === 'integer' ? `${kind.min} to ${kind.max} ${kind.unit}` : formOf(kind).replace(/^one of /, '');
  return isSecret === true ? `${form}; **secret**` : form;
}

/** Rows of the table of parameters in `docs/operations.md`. */
export function parameterTable(main: BicepFile): string {
  return table(
    ['Parameter', 'Type, bounds', 'Default', 'Meaning'],
    main.parameters.map((parameter) => [
      `\`${parameter.name}\``,
      bounds(parameter),
      initial(parameter),
      parameter.description,
    ]),
  );
}

/** The methods in `docs/configuration.md`: what they take, and what they leave in `meta.security`. */
export function methodTable(methods: readonly Method[]): string {
  return table(
    ['Method', 'Settings', 'Parameters', 'Labels'],
    methods.map((method) => [
      `[\`${method.name}\`](#${method.name.toLowerCase()})`,
      codes(Object.keys(method.settings)),
      codes(Object.keys(method.parameters)),
      codes(method.labels.map((place) => LABELS[place] ?? '')),
    ]),
  );
}

/** What the methods clear, in `docs/configuration.md`. */
export function clearsTable(methods: readonly Method[]): string {
  return table(
    ['Method', 'Clears'],
    methods.map(({ name, clears }) => [`\`${name}\``, clears]),
  );
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

const WHO: Readonly<Record<string, string>> = {
  appPrincipalId: 'the app',
  'author.id': '`configurationAuthors`',
};

/** Rows of the table of roles in `docs/operations.md`: who has which role, on what, and why. */
export function roleTable(files: readonly BicepFile[]): string {
  const rows = files.flatMap((file) =>
    file.resources
      .filter(({ type }) => type === 'Microsoft.Authorization/roleAssignments')
      .map((assignment) => {
        const text = assignment.node.text;
        const constant = /roleDefinitions', (\w+)\)/.exec(text)?.[1] ?? '';
        const id = file.variables.find(({ name }) => name === constant)?.node.namedChildren[1];
        const who = /principalId: (\S+)/.exec(text)?.[1] ?? '';
        return [
          `${roleName(constant)} \`${stringContent(id)}\``,
          WHO[who] ?? who,
          `\`${assignment.properties.get('scope')?.split('::').at(-1) ?? ''}\``,
          assignment.description,
        ];
      }),
  );
  return table(['Role', 'Who', 'On', 'Why'], rows);
}

/** `STORAGE_BLOB_DATA_OWNER` → `Storage Blob Data Owner`, `ACR_PULL` → `AcrPull`, as the portal has them. */
export function roleName(constant: string): string {
  const words = constant.split('_').map((word) => `${word.slice(0, 1)}${word.slice(1).toLowerCase()}`);
  return words[0] === 'Acr' ? words.join('') : words.join(' ').replace('Fhir', 'FHIR');
}

function bounds({ type, decorators }: BicepParameter): string {
  const unit = decorators.has('minLength') || decorators.has('maxLength') ? ' long' : '';
  const least = decorators.get('minValue') ?? decorators.get('minLength');
  const most = decorators.get('maxValue') ?? decorators.get('maxLength');
  const allowed = decorators.get('allowed')?.match(/'[^']*'|\d+/g);
  return [
    `\`${type}\``,
    ...(allowed === undefined || allowed === null ? [] : [allowed.join(', ').replaceAll("'", '')]),
    ...(least === undefined && most === undefined
      ? []
      : [
          least === undefined
            ? `at most ${most}${unit}`
            : most === undefined
              ? `${least} or more`
              : `${least} to ${most}${unit}`,
        ]),
  ].join('; ');
}

function initial({ initial: value, type }: BicepParameter): string {
  if (value === undefined) return type.endsWith('?') ? 'null' : '(required)';
  const text = value.replaceAll(/\s+/g, ' ').replaceAll(/^'|'$/g, '');
  return text === '' ? '' : `\`${text}\``;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Puts a table between the marks of its name in a Markdown text. */
export function withTable(markdown: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: npm run generate -->`, `<!-- end of ${name} -->`];
  const from = markdown.indexOf(begin);
  const to = markdown.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The marks of the table "${name}" are missing.`);
  return `${markdown.slice(0, from)}${begin}\n\n${content}\n\n${markdown.slice(to)}`;
}

const LEVELS = { system: 'system', patient: 'Patient', group: 'Group' } as const;

/** Rows of the table of parameters of `$export` in `docs/export-api.md`. */
export function exportParameterTable(
  parameters: readonly (Parameter & { readonly takes: 'one' | 'several' })[],
): string {
  return table(
    ['Parameter', 'Times', 'Where', 'Meaning'],
    parameters.map(({ name, aliases, takes, levels, isInBodyOnly, meaning }) => [
      [`\`${name}\``, ...aliases.map((alias) => `(or \`${alias}\`)`)].join(' '),
      takes === 'one' ? 'once' : 'repeated',
      [
        isInBodyOnly ? 'body of a `POST`' : 'URL, body of a `POST`',
        ...(levels.length === Object.keys(LEVELS).length
          ? []
          : [`levels ${levels.map((level) => LEVELS[level]).join(' and ')}`]),
      ].join('; '),
      meaning,
    ]),
  );
}

/** What functions of FHIRPath give, for readers: those of one text are one row. */
const RESULTS: Readonly<Record<FhirPathFunction['gives'], string>> = {
  boolean: 'a Boolean',
  some: 'items of the input',
  same: 'items of the input',
  typed: 'items of the input',
  projected: 'what an argument gives',
  chosen: 'what an argument gives',
  any: 'items of several sources',
  children: 'elements below the input',
  descendants: 'elements below the input',
  nodesByType: 'elements below the input',
  nodesByName: 'elements below the input',
  extension: 'elements below the input',
  date: 'a date or time',
  time: 'a date or time',
  number: 'a number',
  quantity: 'a quantity',
  string: 'a string',
};

/** Rows of the table of FHIRPath functions in `docs/configuration.md`: by what they give. */
export function functionTable(functions: readonly FhirPathFunction[]): string {
  const results = [...new Set(Object.values(RESULTS))];
  return table(
    ['Gives', 'Functions'],
    results.map((result) => [
      result,
      functions
        .flatMap((each) => (RESULTS[each.gives] === result ? [`\`${signature(each)}\``] : []))
        .join(', '),
    ]),
  );
}

/** `round([integer])` */
function signature({ name, takes }: FhirPathFunction): string {
  const given = takes.map((argument) => (argument.endsWith('?') ? `[${argument.slice(0, -1)}]` : argument));
  return `${name}(${given.join(', ')})`;
}
