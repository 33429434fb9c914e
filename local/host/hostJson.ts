import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseLogLevel, type LogLevels } from './log.js';

/** The settings of host.json this host knows; the others are left alone. */
export interface HostSettings {
  routePrefix: string;
  hubName: string;
  maxConcurrentActivityFunctions: number;
  maxConcurrentOrchestratorFunctions: number;
  /** Milliseconds; Infinity for no limit. */
  functionTimeoutMs: number;
  /** Milliseconds until what a killed host was doing is seen again: activities, and messages of orchestrators. */
  workItemVisibilityMs: number;
  controlVisibilityMs: number;
  logLevels: LogLevels;
}

/** host.json cannot be used as it is. The message names the setting and what it should be. */
export class HostSettingsError extends Error {
  override readonly name = 'HostSettingsError';
}

/** The default of the plans without a limit of their own. */
const DEFAULT_FUNCTION_TIMEOUT_MS = 30 * 60_000;

/** Default and bounds of the Durable extension (`AzureStorageOptions`). */
const DEFAULT_VISIBILITY_MS = 5 * 60_000;
const MIN_VISIBILITY_MS = 60_000;
const MAX_VISIBILITY_MS = 60 * 60_000;

const LOG_LEVEL_PREFIX = 'AzureFunctionsJobHost__logging__logLevel__';

/**
 * Reads host.json in `scriptRoot`; `%NAME%` in the hub's name is taken from `environment`, as are log levels
 * (`AzureFunctionsJobHost__logging__logLevel__default`).
 *
 * @throws HostSettingsError when it is missing, is not JSON, or has a setting that cannot be used.
 */
export function readHostSettings(scriptRoot: string, environment: NodeJS.ProcessEnv): HostSettings {
  const file = join(scriptRoot, 'host.json');
  if (!existsSync(file)) throw new HostSettingsError(`${file} does not exist: a function app needs it.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new HostSettingsError(`${file} is not valid JSON.`, { cause: error });
  }
  const at = (...path: string[]): unknown => {
    let value = json;
    for (const name of path) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = Object.entries(value).find(([key]) => key === name)?.[1];
    }
    return value;
  };
  const text = (otherwise: string, ...path: string[]): string => {
    const value = at(...path) ?? otherwise;
    if (typeof value === 'string') return value;
    throw new HostSettingsError(`${file}: ${path.join('.')} must be a string.`);
  };
  const count = (otherwise: number, ...path: string[]): number => {
    const value = at(...path) ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
    throw new HostSettingsError(`${file}: ${path.join('.')} must be a whole number above 0.`);
  };
  // Outside of the consumption plan the extension takes ten for each core.
  const perCore = 10 * availableParallelism();
  const durable = ['extensions', 'durableTask'];
  const visibility = (name: string): number => {
    const value = at(...durable, 'storageProvider', name);
    const ms = value === undefined ? DEFAULT_VISIBILITY_MS : (timeSpan(value) ?? 0);
    if (ms >= MIN_VISIBILITY_MS && ms <= MAX_VISIBILITY_MS) return ms;
    throw new HostSettingsError(
      `${file}: ${[...durable, 'storageProvider', name].join('.')} must be a time from "00:01:00" to "01:00:00".`,
    );
  };
  return {
    routePrefix: text('api', 'extensions', 'http', 'routePrefix'),
    hubName: resolveSettings(text('TestHubName', ...durable, 'hubName'), environment),
    maxConcurrentActivityFunctions: count(perCore, ...durable, 'maxConcurrentActivityFunctions'),
    maxConcurrentOrchestratorFunctions: count(perCore, ...durable, 'maxConcurrentOrchestratorFunctions'),
    functionTimeoutMs: timeout(at('functionTimeout'), file),
    workItemVisibilityMs: visibility('workItemQueueVisibilityTimeout'),
    controlVisibilityMs: visibility('controlQueueVisibilityTimeout'),
    logLevels: { ...logLevels(at('logging', 'logLevel')), ...logLevels(levelsOf(environment)) },
  };
}

/** Replaces `%NAME%` by the setting of that name, as the host does in bindings. */
export function resolveSettings(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%]+)%/g, (_match, name: string) => {
    const value = environment[name];
    if (value === undefined) throw new HostSettingsError(`The setting '${name}' in '${text}' is not set.`);
    return value;
  });
}

function timeout(value: unknown, file: string): number {
  if (value === undefined || value === null) return DEFAULT_FUNCTION_TIMEOUT_MS;
  if (value === '-1') return Infinity;
  const ms = timeSpan(value);
  if (ms !== undefined && ms > 0) return ms;
  throw new HostSettingsError(
    `${file}: functionTimeout must be a time such as "00:10:00", or "-1" for none.`,
  );
}

/** Milliseconds of a .NET TimeSpan (`[d.]hh:mm:ss[.f]`); `undefined` where it is none. */
function timeSpan(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(value) : null;
  if (match === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

function levelsOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment)
      .filter(([name]) => name.startsWith(LOG_LEVEL_PREFIX))
      .map(([name, level = '']) => [name.slice(LOG_LEVEL_PREFIX.length), level]),
  );
}

function logLevels(value: unknown): LogLevels {
  const levels: LogLevels = {};
  for (const [category, level] of Object.entries(value ?? {})) {
    const parsed = parseLogLevel(String(level));
    if (parsed) levels[category] = parsed;
  }
  return levels;
}
