import type { BulkKickOff } from '../../export/plan/bulkKickOffs.js';
import type { SourceCall } from './sourceRequests.js';

/** Types of the parameters in a POST that are no strings: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters */
const VALUES: Readonly<Record<string, (value: string) => object>> = {
  _since: (value) => ({ valueInstant: value }),
  _until: (value) => ({ valueInstant: value }),
  patient: (reference) => ({ valueReference: { reference } }),
};

/**
 * The request that starts a bulk export at a server.
 * @param baseUrl FHIR base without trailing slash
 * @param preferences what is preferred beside an asynchronous answer
 */
export function kickOffCall(
  baseUrl: string,
  { level, method, parameters }: BulkKickOff,
  preferences: readonly string[] = [],
): SourceCall {
  const path =
    level.kind === 'system'
      ? '$export'
      : level.kind === 'patient'
        ? 'Patient/$export'
        : `Group/${encodeURIComponent(level.groupId)}/$export`;
  const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]));
  const url = `${baseUrl}/${path}`;
  return {
    url: method === 'POST' || query.size === 0 ? url : `${url}?${query.toString()}`,
    method,
    headers: {
      accept: 'application/fhir+json',
      // Some servers give a job that asked for the same its export once more.
      'cache-control': 'no-cache',
      prefer: ['respond-async', ...preferences].join(', '),
      ...(method === 'POST' ? { 'content-type': 'application/fhir+json' } : {}),
    },
    body: method === 'POST' ? JSON.stringify(parametersResource(parameters)) : undefined,
  };
}

function parametersResource(parameters: BulkKickOff['parameters']): object {
  const parameter = parameters.map(([name, value]) => ({
    name,
    ...(VALUES[name]?.(value) ?? { valueString: value }),
  }));
  return { resourceType: 'Parameters', parameter };
}
