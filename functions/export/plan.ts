import { ExportError } from '../errors.js';
import { compareInstants, instantFromMilliseconds, parseInstant } from './instant.js';
import type { Window } from './walk.js';

export interface PlanInput {
  types: readonly string[];
  since: string | undefined;
  until: string | undefined;
  transactionTime: string;
}

export interface PlannedWindow {
  window: Window;
  /** Parameters of a search that counts the window's resources. */
  countParameters: Array<readonly [string, string]>;
}

/**
 * The instant up to which everything is exported: the source's clock, less a margin for transactions that are
 * under way there, or the caller's `_until` where that is earlier. Never our own clock, which the source's
 * `meta.lastUpdated` knows nothing of.
 */
export function transactionInstant(
  sourceDate: number | undefined,
  marginSeconds: number,
  until: string | undefined,
): string {
  if (sourceDate === undefined) {
    throw new ExportError(
      'source-unverifiable',
      'The source sends no Date header, so it cannot be told what its clock says. Let it, or what stands before it, send one.',
    );
  }
  const latest = instantFromMilliseconds(sourceDate - marginSeconds * 1000);
  const asked = parseInstant(until);
  return asked !== undefined && compareInstants(asked, latest) < 0 ? asked.text : latest.text;
}

/** One partition per type. */
export function planPartitions({ types, since, until, transactionTime }: PlanInput): PlannedWindow[] {
  return types.map((type) => ({
    window: { type, from: since, until: transactionTime, untilAsked: until !== undefined },
    countParameters: [
      ...(since === undefined ? [] : [['_lastUpdated', `ge${since}`] as const]),
      ['_lastUpdated', `lt${transactionTime}`],
      ['_summary', 'count'],
    ],
  }));
}
