import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FunctionApp } from './app.js';
import { collectRegistrations } from './coreModule.js';

/** The app cannot be started as it is. The message says what to do and holds no data. */
export class AppLoadError extends Error {
  override readonly name = 'AppLoadError';
}

/** A module is evaluated once a process, so an app is known by its entry points from then on. */
const loaded = new Map<string, Promise<FunctionApp>>();

/**
 * Loads the function app in `scriptRoot`: the file (or files: `*` is allowed in the last part) that `main`
 * of its package.json names.
 *
 * @throws AppLoadError when there is no package.json, no `main`, or the entry point cannot be loaded.
 */
export function loadApp(scriptRoot: string): Promise<FunctionApp> {
  const entryPoints = findEntryPoints(scriptRoot);
  const key = entryPoints.join('\n');
  let app = loaded.get(key);
  if (!app) loaded.set(key, (app = loadEntryPoints(entryPoints)));
  return app;
}

function findEntryPoints(scriptRoot: string): string[] {
  const packageFile = join(scriptRoot, 'package.json');
  let main: unknown;
  try {
    const json: { main?: unknown } = JSON.parse(readFileSync(packageFile, 'utf8'));
    ({ main } = json);
  } catch (error) {
    throw new AppLoadError(`Cannot read ${packageFile}: a function app needs it.`, { cause: error });
  }
  if (typeof main !== 'string' || main === '') {
    throw new AppLoadError(`${packageFile} has no "main": it must name the app's entry point.`);
  }
  const path = resolve(scriptRoot, main);
  const pattern = basename(path);
  let files = [path];
  if (pattern.includes('*')) {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const expression = new RegExp(`^${parts.join('.*')}$`);
    const folder = dirname(path);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    files = names.filter((name) => expression.test(name)).map((name) => join(folder, name));
  }
  if (files.length === 0 || files.some((file) => !existsSync(file))) {
    throw new AppLoadError(`The entry point ${path} does not exist. Build the app first (npm run build).`);
  }
  return files.sort();
}

async function loadEntryPoints(entryPoints: string[]): Promise<FunctionApp> {
  const app = new FunctionApp();
  for (const file of entryPoints) {
    try {
      await collectRegistrations(app, async () => {
        await import(pathToFileURL(file).href);
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AppLoadError(`Worker was unable to load entry point "${file}": ${reason}`, { cause: error });
    }
  }
  if (!app.programmingModel || app.functions.size === 0) {
    throw new AppLoadError(`${entryPoints.join(', ')} registered no functions with @azure/functions.`);
  }
  return app;
}
