import type { Coverage, CoverageCategory } from '../../deid/coverage/coverage.js';

/** Which configurations count as de-identification: the value of CONFIGURATION_APPROVAL. */
export const APPROVAL_RULES = ['container', 'coverage', 'digest'] as const;
export type ApprovalRule = (typeof APPROVAL_RULES)[number];

/** The rule, and the digests of configurations that count whatever they leave. */
export interface ApprovalPolicy {
  readonly rule: ApprovalRule;
  /** As `configurationDigest` writes them. */
  readonly digests: ReadonlySet<string>;
}

/** What a job keeps of a coverage: complete, or the data types that are left, by category. */
export interface CoverageSummary {
  readonly isComplete: boolean;
  readonly left: Readonly<Partial<Record<CoverageCategory, readonly string[]>>>;
}

/**
 * Why a configuration counts as de-identification: its digest is listed, its coverage is complete, or anyone who can
 * write where it was read from approves it; `undefined`: it does not count, so what it exports is raw data.
 */
export function approvalOf(
  { rule, digests }: ApprovalPolicy,
  { digest, coverage }: { digest: string; coverage: Pick<CoverageSummary, 'isComplete'> },
): ApprovalRule | undefined {
  if (digests.has(digest)) return 'digest';
  if (rule === 'digest') return undefined;
  if (coverage.isComplete) return 'coverage';
  return rule === 'container' ? 'container' : undefined;
}

/**
 * Whether what a job exports may be called de-identified: by complete coverage or a listed digest, not by the place of
 * its configuration alone.
 */
export function isCalledDeidentified(approval: ApprovalRule | undefined): boolean {
  return approval === 'digest' || approval === 'coverage';
}

export function summaryOf({ isComplete, gaps }: Pick<Coverage, 'isComplete' | 'gaps'>): CoverageSummary {
  const left: Partial<Record<CoverageCategory, string[]>> = {};
  for (const { category, dataType } of gaps) {
    const types = (left[category] ??= []);
    for (const type of dataType.split(', ')) if (!types.includes(type)) types.push(type);
  }
  return { isComplete, left };
}

const WHY: Readonly<Record<ApprovalRule, string>> = {
  container:
    'it is accepted all the same, since here anyone who can write where it was read from approves it (CONFIGURATION_APPROVAL=container)',
  coverage: 'it counts as de-identification by its coverage',
  digest: 'it counts as de-identification, since its digest is listed in CONFIGURATION_DIGESTS',
};

/** Digest, coverage and approval of a job's configuration, in words for the caller. */
export function approvalSentence({
  name,
  digest,
  extends: sample,
  coverage,
  approval,
}: {
  name: string;
  digest: string;
  extends?: string;
  coverage?: CoverageSummary;
  approval?: ApprovalRule;
}): string {
  const why =
    approval === undefined
      ? 'it does not count as de-identification here, so the export is of raw data'
      : WHY[approval];
  const extending = sample === undefined ? '' : `, which extends ${sample},`;
  return `The configuration ${name}${extending} has the digest ${digest}. ${coverage === undefined ? 'Its coverage is not known' : coverageSentence(coverage)}; ${why}.`;
}

/** Without a full stop. */
export function coverageSentence({ isComplete, left }: CoverageSummary): string {
  if (isComplete) return 'Its coverage is complete';
  const parts = Object.entries(left).map(([category, types]) => `${category} (${types.join(', ')})`);
  return `It may leave identities: ${parts.join('; ')}`;
}
