/** The median, and between which values it is: of order statistics, by the binomial distribution (95 %). */
export function medianInWords(ratios: readonly number[]): string {
  const sorted = [...ratios].sort((one, other) => one - other);
  const at = (index: number): string => (sorted[index] ?? Number.NaN).toFixed(3);
  const middle = (sorted.length - 1) / 2;
  const median = (((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2).toFixed(3);
  // How many values the median is above in fewer than 2.5 % of all samples.
  let below = -1;
  for (let k = 0, chance = 0.5 ** sorted.length, sum = chance; sum < 0.025; k++) {
    below = k;
    chance *= (sorted.length - k) / (k + 1);
    sum += chance;
  }
  const few = below < 0;
  return few
    ? `${median} (${at(0)} to ${at(sorted.length - 1)}, all of ${sorted.length} pairs)`
    : `${median} (${at(below)} to ${at(sorted.length - 1 - below)}, 95 % of ${sorted.length} pairs)`;
}
