import type { SettingRow } from '../../functions/settings/schema.js';
import { formOf } from '../../functions/settings/setting.js';

/**
 * Text of `infra/modules/settings.bicep`: the settings of the app as types of parameters, with their bounds; secrets as
 * names of secrets in the Key Vault. Families of settings (`NAME_<name>`) have parameters of their own.
 * @param ownSettings app settings that the template sets by itself, which are no parameters
 */
export function settingsModule(rows: readonly SettingRow[], ownSettings: readonly string[]): string {
  const own = new Set(ownSettings.flatMap((name) => [name, name.replace(/__.*$/, '')]));
  const given = rows.filter(({ name }) => !own.has(name) && !name.includes('<'));
  const properties = (isSecret: boolean): string =>
    given
      .filter((row) => (row.isSecret === true) === isSecret)
      .map(property)
      .join('\n\n');
  return `// Made from the settings of the app by \`npm run generate\`: not to be edited.
metadata description = 'Settings of the app as types of parameters.'

@export()
@description('Settings of the app. Those not given have the defaults of the app: docs/settings.md.')
@sealed()
type ExportSettings = {
${properties(false)}
}

@export()
@description('Settings that are secrets: for each the name of a secret in the Key Vault.')
@sealed()
type KeyVaultSettings = {
${properties(true)}
}
`;
}

function property({
  name,
  kind,
  description,
  isRequired,
  appliesWith,
  default: initial,
}: SettingRow): string {
  const integer = kind.is === 'integer' ? kind : undefined;
  const words = kind.is === 'choice' ? kind.of : kind.is === 'flag' ? ['true', 'false'] : [];
  const notes = [
    ...(appliesWith === undefined ? [] : [`with ${appliesWith.name} ${appliesWith.values.join(', ')}`]),
    ...(integer === undefined ? [] : [integer.unit]),
    ...(integer === undefined && words.length === 0 && formOf(kind) !== 'text' ? [formOf(kind)] : []),
    ...(initial === undefined || initial === '' ? [] : [`default ${initial}`]),
  ].join('; ');
  const text = `${withoutLinks(description)}${notes === '' ? '' : ` (${notes})`}`;
  const bounds = integer === undefined ? [] : [`@minValue(${integer.min})`, `@maxValue(${integer.max})`];
  const type = words.length > 0 ? `(${words.map(quoted).join(' | ')})` : 'string';
  return indented([
    `@description(${quoted(text)})`,
    ...bounds,
    `${name}: ${integer === undefined ? type : 'int'}${isRequired === true ? '' : '?'}`,
  ]);
}

/** `[Callers](authorization.md)` → `Callers (docs/authorization.md)`. */
function withoutLinks(markdown: string): string {
  return markdown.replaceAll(/\[([^\]]+)\]\(([\w-]+\.md)\)/g, '$1 (docs/$2)');
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

function quoted(text: string): string {
  return `'${text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", String.raw`\'`)
    .replaceAll('${', String.raw`\${`)}'`;
}
