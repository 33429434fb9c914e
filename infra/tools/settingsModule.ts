import type { SettingDefinition } from '../../functions/settings/settings.js';

/**
 * Text of `infra/modules/settings.bicep`: the settings of the app as types of parameters, with their bounds.
 * A setting is a secret where its meaning says that it is a Key Vault reference on Azure. Families of settings
 * (`NAME_<name>`) have parameters of their own.
 * @param ownSettings app settings that the template sets by itself, which are no parameters
 */
export function settingsModule(
  definitions: readonly SettingDefinition[],
  ownSettings: readonly string[],
): string {
  const own = new Set(ownSettings.flatMap((name) => [name, name.replace(/__.*$/, '')]));
  const given = definitions.filter(({ name }) => !own.has(name));
  const secrets = given.filter((definition) => isSecret(definition) && !isFamily(definition));
  return `// Made from the settings of the app by \`npm run infra:generate\`: not to be edited.
metadata description = 'Settings of the app as types of parameters.'

@export()
@description('Settings of the app. Those not given have the defaults of the app.')
@sealed()
type ExportSettings = {
${given
  .filter((definition) => !isSecret(definition) && !isFamily(definition))
  .map(property)
  .join('\n\n')}
}

@export()
@description('Settings that are secrets: for each the name of a secret in the Key Vault.')
@sealed()
type KeyVaultSettings = {
${secrets.map(secretProperty).join('\n\n')}
}
`;
}

function isSecret({ meaning }: SettingDefinition): boolean {
  return meaning.includes('Key Vault reference');
}

function isFamily({ name }: SettingDefinition): boolean {
  return name.includes('<');
}

function property(definition: SettingDefinition): string {
  const { name, unit, default: initial, bounds, meaning } = definition;
  const range = /^(\d+) to (\d+)$/.exec(bounds);
  const words = /^[\w-]+(?:, [\w-]+)+$/.test(bounds) ? bounds.split(', ') : [];
  // Where the default is several of them, a value is a list.
  const choices = words.some((word) => word === initial) || !initial.includes(',') ? words : [];
  const told = [
    ...(unit === '' ? [] : [unit]),
    ...(range === null && choices.length === 0 && bounds !== '' ? [bounds] : []),
    ...(initial === '' || initial === '(required)' ? [] : [`default ${initial}`]),
  ].join('; ');
  const description = told === '' ? meaning : `${meaning} (${told})`;
  const lines = [`@description(${quoted(description)})`];
  if (range !== null) lines.push(`@minValue(${range[1]})`, `@maxValue(${range[2]})`);
  const type = range !== null ? 'int' : choices.length > 0 ? choices.map(quoted).join(' | ') : 'string';
  const optional = initial === '(required)' ? type : choices.length > 0 ? `(${type})?` : `${type}?`;
  return indented([...lines, `${name}: ${optional}`]);
}

function secretProperty({ name, meaning }: SettingDefinition): string {
  return indented([`@description(${quoted(meaning)})`, `${name}: string?`]);
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
