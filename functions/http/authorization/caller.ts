import { createHash } from 'node:crypto';
import { isRawExport, type JobRequest } from '../../export/records/job.js';
import { errorIssue } from '../../fhir/operationOutcome.js';
import { notPermitted } from './bearer.js';

/** What a known caller may do. */
export interface Permissions {
  /** Resource types that may be exported. */
  types: 'all' | ReadonlySet<string>;
  /** Whether exports without a configuration, which hold identities, and searches without limits are permitted. */
  raw: boolean;
}

/** Who calls: an anonymous caller, or one whose jobs are visible to that caller alone. */
export type Caller =
  | { kind: 'unknown' }
  | {
      kind: 'known';
      /** Distinguishes this caller from all others, and says nothing else. */
      owner: string;
      permissions: Permissions;
      /** What gives the permission for raw exports here, for the words of a refusal; `undefined`: nothing does. */
      rawPermission: string | undefined;
    };

/** Callers that function keys or the machine itself have let in: who knows a job's id may see the job. */
export const UNKNOWN_CALLER: Caller = { kind: 'unknown' };

/** An opaque name for a caller, from what identifies it. */
export function ownerOf(...identity: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/** Whether a caller may know of a job: no caller knows of another's. */
export function maySee(caller: Caller, job: Pick<JobRequest, 'owner'>): boolean {
  return caller.kind === 'unknown' ? job.owner === undefined : job.owner === caller.owner;
}

/** Whether what a job exports is within the permissions that a caller has now. */
export function requireAccess(caller: Caller, job: Pick<JobRequest, 'configuration'>): void {
  if (isRawExport(job)) requireRaw(caller);
}

/** Whether a caller may have, by its permissions now, what a job has exported of these types. */
export function hasAccess(
  caller: Caller,
  job: Pick<JobRequest, 'configuration'>,
  types: readonly string[],
): boolean {
  return (!isRawExport(job) || mayHaveRaw(caller)) && missingTypes(caller, types).length === 0;
}

function mayHaveRaw(caller: Caller): boolean {
  return caller.kind === 'unknown' || caller.permissions.raw;
}

function missingTypes(caller: Caller, types: readonly string[]): string[] {
  if (caller.kind === 'unknown' || caller.permissions.types === 'all') return [];
  const permitted = caller.permissions.types;
  return types.filter((type) => !permitted.has(type));
}

/** @throws RequestError 403 where a caller may not have exports that hold identities */
export function requireRaw(caller: Caller): void {
  if (caller.kind === 'unknown' || caller.permissions.raw) return;
  const permission =
    caller.rawPermission === undefined
      ? 'which no scope gives here (SMART_RAW_SCOPE is not set)'
      : `${caller.rawPermission}, which you do not have`;
  throw notPermitted([
    errorIssue(
      'forbidden',
      `An export without a configuration that counts as de-identification is of raw data, with identities, and needs a permission of its own, ${permission}. Name a configuration that counts with _anonymizationConfig.`,
      '_anonymizationConfig',
    ),
  ]);
}

/** @throws RequestError 403 where types are asked for that a caller has no permission for */
export function requireTypes(caller: Caller, types: readonly string[]): void {
  const missing = missingTypes(caller, types);
  if (missing.length === 0) return;
  throw notPermitted([
    errorIssue(
      'forbidden',
      `Your permissions do not include ${missing.join(', ')}. Get a token with ${missing.map((type) => `system/${type}.rs`).join(' ')}, or ask for less with _type.`,
      '_type',
    ),
  ]);
}

/** The types that an export without `_type` is narrowed to; `undefined`: it is not narrowed. */
export function permittedTypes(caller: Caller): string[] | undefined {
  return caller.kind === 'unknown' || caller.permissions.types === 'all'
    ? undefined
    : [...caller.permissions.types].sort();
}
