import type { IncomingHttpHeaders } from 'node:http';
import type { SourceContext } from '../context.js';
import type { Fault } from '../faults.js';
import { OutcomeError } from '../outcome.js';
import type { ExportBehaviour } from './behaviours.js';

/** Segments below the base: of a status, `status/ID` or `status/ID/PAGE`; of a file, `files/ID/NAME`. */
export const PATHS = { status: 'export-status', poll: '$export-poll-status', files: 'export-files' } as const;

/** A request of the export operation. */
export interface BulkCall {
  method: string;
  /** Segments below the base. */
  path: readonly string[];
  query: URLSearchParams;
  /** Text of a POST. */
  body: string;
  headers: IncomingHttpHeaders;
  /** `http://host:port/fhir` */
  base: string;
  /** URL as it was requested. */
  url: string;
  faults: readonly Fault[];
}

export function has({ settings }: SourceContext, behaviour: ExportBehaviour): boolean {
  return settings.behaviours.includes(behaviour);
}

/** @throws OutcomeError with 405 */
export function allow({ method }: BulkCall, ...methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new OutcomeError(405, 'not-supported', `${method} is not supported here`, {
    Allow: methods.join(', '),
  });
}

export function notThere(): OutcomeError {
  return new OutcomeError(404, 'not-found', 'There is no such export');
}
