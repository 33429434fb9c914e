/** What an attempt took. */
export interface SliceCost {
  /** Requests that were sent to the source, also those that failed and were sent again; of files, those that read them. */
  sourceRequests: number;
  /** CPU time of its thread, divided among all that ran there; absent where the platform does not give it. */
  cpuSeconds?: number;
}

/** What several attempts took together; `undefined` where one of them did not count it. */
export function sumOfCosts(costs: ReadonlyArray<SliceCost | undefined>): SliceCost | undefined {
  const known = costs.filter((cost) => cost !== undefined);
  if (known.length < costs.length) return undefined;
  const cpu = known.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
  return {
    sourceRequests: known.reduce((sum, { sourceRequests }) => sum + sourceRequests, 0),
    ...(cpu.length < costs.length
      ? {}
      : { cpuSeconds: toMilliseconds(cpu.reduce((sum, one) => sum + one, 0)) }),
  };
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
