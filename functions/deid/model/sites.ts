import { remembered } from '../../common/maps.js';

const paths: string[] = [];
const numbers = new Map<string, number>();

/** A number for the path of an element's definition: the same wherever it is asked for. */
export function siteOf(path: string): number {
  return remembered(numbers, path, () => paths.push(path) - 1);
}

/** The path of a number. */
export function pathOfSite(site: number): string {
  return paths[site] as string;
}
