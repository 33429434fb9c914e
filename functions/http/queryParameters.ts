/** Of the host, and of the format of answers, which is JSON. */
const WITHOUT_EFFECT = new Set(['code', 'clientid', '_format', '_pretty']);

/** The parameters of a URL, without those that have no effect. */
export function parametersOf(url: string): Array<[name: string, value: string]> {
  return [...new URL(url).searchParams].filter(([name]) => !WITHOUT_EFFECT.has(name.toLowerCase()));
}
