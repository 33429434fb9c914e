import * as df from 'durable-functions';
import { activity, type ActivityLog } from './activity.js';
import { claimPartition } from './claimPartition.js';
import { completeGroup, completePartition } from './completePartition.js';
import type { MainDependencies } from './dependencies.js';
import { findDoubles } from './findDoubles.js';
import { finishExport } from './finishExport.js';
import { planExport } from './planExport.js';
import { planReferenced } from './planReferenced.js';
import { prepareSource } from './prepareSource.js';
import { proveSource } from './proveSource.js';
import { renewSource } from './renewSource.js';
import type { ExportGroupInput, ExportSliceInput } from './sliceRunner.js';
import { stopExport } from './stopExport.js';

/**
 * Every activity by its name. What goes in and comes out is kept in the Durable history, so it is job ids, numbers, counts
 * and attempt names only. All are tried again by the retry policy of their job.
 */
const ACTIVITIES = {
  prepareSource,
  planExport,
  claimPartition,
  exportSlice:
    ({ slices }: MainDependencies) =>
    (input: ExportSliceInput, log: ActivityLog) =>
      slices.run(input, log),
  exportGroup:
    ({ slices }: MainDependencies) =>
    (input: ExportGroupInput, log: ActivityLog) =>
      slices.runGroup(input, log),
  completePartition,
  completeGroup,
  proveSource,
  findDoubles,
  planReferenced,
  stopExport,
  renewSource,
  finishExport,
};

/** What goes into each activity and what comes out, for the orchestrators. */
export type Activities = {
  [Name in keyof typeof ACTIVITIES]: (typeof ACTIVITIES)[Name] extends (
    dependencies: MainDependencies,
  ) => (input: infer Input, log: ActivityLog) => Promise<infer Output>
    ? { input: Input; output: Output }
    : never;
};

type Activity = (dependencies: MainDependencies) => (input: never, log: ActivityLog) => Promise<unknown>;

export function registerActivities(dependencies: MainDependencies): void {
  const rows: Readonly<Record<string, Activity>> = ACTIVITIES;
  for (const [name, make] of Object.entries(rows)) {
    df.app.activity(name, { handler: activity(make(dependencies)) as df.ActivityHandler });
  }
}
