import type { JobPlan, JobRequest } from '../export/records/job.js';
import { type KnownMembership, membershipRecord } from '../export/plan/membership.js';
import { Members } from '../export/selection/members.js';
import type { ActivityDependencies } from './dependencies.js';

type MembershipDependencies = Pick<ActivityDependencies, 'jobs' | 'settings'>;

/** The members that the export before of the same chain had; `undefined` where that was not remembered. */
export async function knownMembership(
  { jobs, settings: { membershipKey, fhirServerUrl } }: MembershipDependencies,
  request: JobRequest,
): Promise<KnownMembership | undefined> {
  const { level, since } = request;
  if (membershipKey === undefined || level.kind !== 'group' || since === undefined) return undefined;
  const record = membershipRecord(membershipKey, request, fhirServerUrl, since);
  const digests = await jobs.membership(record.name);
  if (digests === undefined) return undefined;
  const known = new Set(digests);
  return { size: known.size, has: (id) => known.has(record.digest(id)) };
}

/** Remembers the members that an export of a group had, for the next one of the chain. Safe to repeat. */
export async function rememberMembership(
  { jobs, settings: { membershipKey, fhirServerUrl } }: MembershipDependencies,
  request: JobRequest,
  { transactionTime, compartment }: JobPlan,
): Promise<void> {
  if (membershipKey === undefined || request.level.kind !== 'group' || compartment?.hasMembers !== true)
    return;
  const record = membershipRecord(membershipKey, request, fhirServerUrl, transactionTime);
  const { complete } = Members.of(await jobs.members(request.jobId));
  await jobs.putMembership(
    record,
    complete.map((id) => record.digest(id)),
  );
}
