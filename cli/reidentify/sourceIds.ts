import { openSource } from '../../functions/adapters/source/openSource.js';
import { openSourceAccess } from '../../functions/adapters/source/openSourceAccess.js';
import { checkLoop, NO_LOOP } from '../../functions/export/source/linkLoop.js';
import { onRefusal } from '../../functions/export/source/refusals.js';
import { readAnswer } from '../../functions/export/source/searchPage.js';
import type { Environment } from '../../functions/settings/setting.js';
import type { Settings } from '../../functions/settings/settings.js';
import { UsageError } from '../command.js';
import { appSettings } from './appSettings.js';

/** Settings of the app that reading the source does not need. */
const UNUSED = {
  EXPORT_STORAGE: 'UseDevelopmentStorage=true',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

/**
 * References to all resources of types that the source has, read by `Type?_elements=id` with the settings of the app.
 * @throws UsageError where the settings do not do; ExportError where the source does not answer
 */
export async function* sourceReferences(
  types: readonly string[],
  environment: Environment,
): AsyncGenerator<string> {
  const settings = settingsOf(environment);
  const source = openSource(settings, openSourceAccess(settings))('reidentify', () => undefined);
  for (const type of types) {
    const size = ['_count', String(settings.pageSize)] as const;
    // A source that refuses `_elements` gives whole resources.
    const first = source
      .search(type, [['_elements', 'id'], size])
      .catch(onRefusal('leave out', () => source.search(type, [size])));
    let page = readAnswer(await first, type);
    let loop = NO_LOOP;
    for (;;) {
      for (const { id } of page.rows) if (id !== undefined) yield `${type}/${id}`;
      const { next } = page;
      page.release?.();
      if (next === undefined) break;
      loop = checkLoop(loop, next, type);
      page = readAnswer(await source.follow(next), type);
    }
  }
}

function settingsOf(environment: Environment): Settings {
  const settings = appSettings(environment, UNUSED);
  if (settings.source.mode.method !== 'files') return settings;
  throw new UsageError(
    'The source is files (SOURCE_MODE): list their ids in a file, and give it with --ids.',
  );
}
