import { Cron } from 'croner';
import { resolveSettings } from './hostJson.js';
import type { AppFunction, Worker } from './worker/worker.js';

/**
 * Runs the functions with a timer trigger: schedules of six fields (seconds first), in UTC, each function
 * once at a time. Runs that fall into a time without the host are not made up for.
 */
export class TimerTriggers {
  readonly #jobs: Cron[];
  readonly #atStartup: (() => Promise<void>)[] = [];
  readonly #runs = new Map<string, () => Promise<void>>();

  /** @throws when a schedule cannot be read; the message names the function. */
  constructor(worker: Worker) {
    this.#jobs = worker.functions
      .filter(({ trigger }) => trigger.type.toLowerCase() === 'timertrigger')
      .map((fn) => this.#schedule(worker, fn));
  }

  start(): void {
    for (const job of this.#jobs) job.resume();
    for (const run of this.#atStartup) void run();
  }

  stop(): void {
    for (const job of this.#jobs) job.stop();
  }

  /** Starts a run of the function besides its schedule; false where no timer function is called so. */
  runNow(name: string): boolean {
    const run = this.#runs.get(name);
    void run?.();
    return run !== undefined;
  }

  #schedule(worker: Worker, fn: AppFunction): Cron {
    const { schedule = '', runOnStartup } = fn.trigger;
    let last: Date | undefined;
    const run = async (): Promise<void> => {
      const now = new Date();
      const status = { Last: last ?? now, LastUpdated: last ?? now, Next: job.nextRun() ?? now };
      const timer = { Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: false };
      last = now;
      // The worker logs a failure; the schedule continues.
      await worker.invoke(fn, { triggerData: { json: JSON.stringify(timer) } }).catch(() => {});
    };
    let job: Cron;
    try {
      const pattern = resolveSettings(schedule, process.env);
      job = new Cron(
        pattern,
        { timezone: 'UTC', mode: '6-part', domAndDow: true, protect: true, paused: true },
        run,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Function '${fn.name}': its schedule '${schedule}' cannot be used: ${reason}`, {
        cause: error,
      });
    }
    this.#runs.set(fn.name, run);
    if (runOnStartup === true) this.#atStartup.push(run);
    return job;
  }
}
