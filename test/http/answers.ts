import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { type Caller, UNKNOWN_CALLER } from '../../functions/http/authorization/caller.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import type { Handler } from '../../functions/http/handler.js';
import { metadata } from '../../functions/http/metadata.js';
import { type Capabilities, readCapabilities } from '../../functions/export/source/capabilities.js';
import { readSettings } from '../../functions/settings/settings.js';
import type { JsonValue } from '../../functions/json/json.js';
import { REQUIRED_SETTINGS } from '../environment.js';

/** Settings of an app whose callers have tokens. */
export const SMART = {
  AUTHENTICATION: 'smart',
  SMART_ISSUER: 'https://login.example.org',
  SMART_AUDIENCE: 'https://export.example.org/fhir',
  SMART_JWKS_URL: 'https://login.example.org/keys',
  SMART_TOKEN_URL: 'https://login.example.org/token',
};

/** What a handler answers to a GET, as JSON. */
export async function answerOf(
  handler: Handler,
  { url, caller = UNKNOWN_CALLER, headers = {} }: { url: string; caller?: Caller; headers?: Record<string, string> }, // prettier-ignore
): Promise<unknown> {
  const request = { url, method: 'GET', headers: new Headers(headers) } as unknown as HttpRequest;
  const context = { debug: () => undefined } as unknown as InvocationContext;
  const { body } = await handler(request, {} as DurableClient, context, caller);
  return JSON.parse(typeof body === 'string' ? body : '') as unknown;
}

export interface Statement {
  fhirVersion: string;
  rest: Array<{
    mode: string;
    documentation: string;
    operation: Array<{ name: string; definition: unknown }>;
    resource: Array<{
      type: string;
      interaction?: Array<{ code: string }>;
      searchParam?: Array<{ name: string; type: string }>;
      operation?: Array<{ name: string; definition: unknown }>;
    }>;
  }>;
}

/** The CapabilityStatement of an app with these settings. @param stated that of its source, where it can be read */
export async function statementOf(environment: Record<string, string>, stated?: object): Promise<Statement> {
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const read = (): Capabilities | undefined =>
    stated === undefined ? undefined : readCapabilities(stated as JsonValue, settings.fhirVersion);
  const capabilities = { get: async () => read() };
  const handler = metadata({ settings, capabilities } as unknown as HttpDependencies);
  return (await answerOf(handler, { url: 'https://app.example.org/fhir/metadata' })) as Statement;
}

/** A source's statement: what it says of its types, search parameters as `name:type`. */
export function sourceStatement(
  types: Readonly<Record<string, readonly string[]>>,
  interactions: readonly string[] = ['read', 'search-type'],
): object {
  return {
    resourceType: 'CapabilityStatement',
    software: { name: 'secret-software' },
    implementation: { url: 'https://secret.internal/fhir' },
    rest: [
      {
        mode: 'server',
        documentation: 'secret words',
        resource: Object.entries(types).map(([type, parameters]) => ({
          type,
          documentation: 'secret words',
          interaction: interactions.map((code) => ({ code })),
          searchParam: parameters.map((parameter) => ({
            name: parameter.split(':')[0],
            type: parameter.split(':')[1],
            definition: 'https://secret.internal/SearchParameter/x',
            documentation: 'secret words',
          })),
        })),
      },
    ],
  };
}
