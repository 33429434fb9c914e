/**
 * The functions of the reference engine's FHIRPath with their least and greatest numbers of arguments. What is not
 * here (`resolve`, `hasValue`, `memberOf`, `type`, `sum`, …) it does not know either.
 */
export const FUNCTIONS: ReadonlyMap<string, readonly [number, number]> = new Map<
  string,
  readonly [number, number]
>([
  ...names(0, 'empty not allTrue anyTrue allFalse anyFalse count distinct isDistinct single first last tail'),
  ...names(0, 'children descendants now today timeOfDay upper lower length toChars trim'),
  ...names(
    0,
    'abs ceiling exp floor ln sqrt truncate toString toInteger toDecimal toBoolean toDate toDateTime',
  ),
  ...names(0, 'toTime convertsToString convertsToInteger convertsToDecimal convertsToBoolean convertsToDate'),
  ...names(0, 'convertsToDateTime convertsToTime toLong convertsToLong'),
  ...names(
    1,
    'all subsetOf supersetOf where select repeat ofType is as skip take intersect exclude union combine',
  ),
  ...names(1, 'indexOf lastIndexOf startsWith endsWith contains matches split encode decode escape'),
  ...names(1, 'unescape log power extension nodesByType nodesByName'),
  ...names(2, 'replace replaceMatches'),
  ['exists', [0, 1]],
  ['iif', [2, 3]],
  ['trace', [1, 2]],
  ['aggregate', [1, 2]],
  ['substring', [1, 2]],
  ['round', [0, 1]],
  ['join', [0, 1]],
  ['toQuantity', [0, 1]],
  ['convertsToQuantity', [0, 1]],
]);

function names(parameters: number, list: string): [string, readonly [number, number]][] {
  return list.split(' ').map((name) => [name, [parameters, parameters]]);
}
