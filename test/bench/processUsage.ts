import { readFileSync } from 'node:fs';

/** What a process has used so far, as Linux accounts for it. */
export interface ProcessUsage {
  /** Largest resident set since its start. */
  peakMebibytes: number;
  cpuSeconds: number;
}

/** Clock ticks per second, which Linux fixes for user space. */
const TICKS = 100;

/** Reads `/proc`; `undefined` elsewhere than on Linux. */
export function processUsage(pid: number | undefined): ProcessUsage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The fields after the name, which may hold anything: utime and stime are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      peakMebibytes: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    };
  } catch {
    return undefined;
  }
}
