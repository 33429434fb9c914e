import { readFileSync } from 'node:fs';

const MICROSECONDS = 1e6;
const NANOSECONDS = 1e9;
/** https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat: the first number is time on the CPU. */
const SCHEDULER = '/proc/thread-self/schedstat';

/** The types of Node.js 20 do not have it: https://nodejs.org/api/process.html#processthreadcpuusagepreviousvalue */
interface WithThreadCpu {
  threadCpuUsage?: () => NodeJS.CpuUsage;
}

/** CPU time that this thread has taken, in seconds; `undefined` where neither Node.js nor Linux gives it. */
export function threadCpuSeconds(): number | undefined {
  const usage = (process as WithThreadCpu).threadCpuUsage?.();
  if (usage !== undefined) return (usage.user + usage.system) / MICROSECONDS;
  try {
    const [onCpu = ''] = readFileSync(SCHEDULER, 'latin1').split(' ');
    return /^\d+$/.test(onCpu) ? Number(onCpu) / NANOSECONDS : undefined;
  } catch {
    return undefined;
  }
}
