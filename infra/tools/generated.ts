import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTIONS } from '../../functions/deid/expression/functions.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { PARAMETERS } from '../../functions/export/request/parameters.js';
import { settingRows } from '../../functions/settings/schema.js';
import { objectProperties, readBicep } from './bicepFile.js';
import { factsFile } from './fhirFacts.js';
import { settingsModule } from './settingsModule.js';
import {
  clearsTable,
  exportParameterTable,
  functionTable,
  methodTable,
  parameterTable,
  roleTable,
  settingTables,
  withTable,
} from './tables.js';

/** App settings that the template sets by itself: names and values as written. */
export async function templateSettings(
  root: string,
): Promise<Record<'ownSettings' | 'defaultSettings' | 'smallSettings', ReadonlyMap<string, string>>> {
  const { variables } = await readBicep(join(root, 'infra/modules/functionApp.bicep'));
  const of = (name: string): ReadonlyMap<string, string> => {
    const variable = variables.find((declared) => declared.name === name);
    if (variable === undefined) throw new Error(`infra/modules/functionApp.bicep has no variable ${name}.`);
    return objectProperties(variable.node);
  };
  return {
    ownSettings: of('ownSettings'),
    defaultSettings: of('defaultSettings'),
    smallSettings: of('smallSettings'),
  };
}

/** What is made from other files: path from the root of the project, and text. */
export async function generatedFiles(root: string): Promise<ReadonlyMap<string, string>> {
  const { ownSettings } = await templateSettings(root);
  const read = (path: string): ReturnType<typeof readBicep> => readBicep(join(root, 'infra', path));
  const main = await read('main.bicep');
  const roles = await Promise.all([
    read('modules/roles.bicep'),
    read('modules/fhirRole.bicep'),
    read('modules/sourceStorageRole.bicep'),
  ]);
  const page = (path: string): string => readFileSync(join(root, path), 'utf8');
  return new Map([
    ['functions/deid/model/facts.json', factsFile()],
    ['infra/modules/settings.bicep', settingsModule(settingRows, [...ownSettings.keys()])],
    ['local.settings.sample.json', sampleSettings(page('local.settings.sample.json'))],
    [
      'docs/export-api.md',
      withTable(page('docs/export-api.md'), 'parameters', exportParameterTable(Object.values(PARAMETERS))),
    ],
    ['docs/settings.md', withTable(page('docs/settings.md'), 'settings', settingTables(settingRows))],
    [
      'docs/configuration.md',
      [
        ['functions', functionTable([...FUNCTIONS.values()])],
        ['methods', methodTable(METHODS)],
        ['clears', clearsTable(METHODS)],
      ].reduce(
        (text, [name = '', table = '']) => withTable(text, name, table),
        page('docs/configuration.md'),
      ),
    ],
    [
      'docs/operations.md',
      withTable(
        withTable(page('docs/operations.md'), 'parameters', parameterTable(main)),
        'roles',
        roleTable(roles),
      ),
    ],
  ]);
}

/** The sample settings, with what the app needs to start; what else is in them is of the host. */
function sampleSettings(text: string): string {
  const { Values: before, ...rest } = JSON.parse(text) as { Values: Record<string, string> };
  const names = new Set(settingRows.map(({ name }) => name));
  const ofHost = Object.entries(before).filter(([name]) => !names.has(name));
  const ofApp = settingRows.flatMap(({ name, sample }) => (sample === undefined ? [] : [[name, sample]]));
  const values: unknown = Object.fromEntries([...ofHost, ...ofApp]);
  return `${JSON.stringify({ ...rest, Values: values }, undefined, 2)}\n`;
}
