import { describe, expect, it } from 'vitest';
import { Route } from '../../local/host/http/routes.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { routes } from '../../functions/http/routes.js';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';

const settings = readSettings(REQUIRED_SETTINGS);
/** As the host sorts them: by name, whatever their routes. */
const all = routes({ settings } as HttpDependencies)
  .map(({ name, route }) => ({ name, route, matcher: new Route(route, undefined, name) }))
  .sort((a, b) => (a.name.toUpperCase() < b.name.toUpperCase() ? -1 : 1));

const segmentsOf = (route: string): string[] => route.split('/');
const isParameter = (segment: string): boolean => segment.startsWith('{');
const literals = (route: string): number =>
  segmentsOf(route).filter((segment) => !isParameter(segment)).length;

/** Paths that a route matches: each parameter as anything, and as what other routes spell out in its place. */
function samples(route: string): string[][] {
  let paths: string[][] = [[]];
  for (const [index, segment] of segmentsOf(route).entries()) {
    const others = all.map((other) => segmentsOf(other.route)[index] ?? 'x');
    const choices = isParameter(segment)
      ? ['anything', ...others.filter((other) => !isParameter(other))]
      : [segment];
    paths = paths.flatMap((path) => [...new Set(choices)].map((choice) => [...path, choice]));
  }
  return paths;
}

const overlaps = all.flatMap((first, index) =>
  all.slice(index + 1).flatMap((second) => {
    const paths = [...samples(first.route), ...samples(second.route)].filter((path) =>
      [first, second].every(({ matcher }) => matcher.match('GET', path) !== undefined),
    );
    return paths.length === 0 ? [] : [{ first, second, paths }];
  }),
);

describe('routes in the order of the host, which is that of the names', () => {
  it.each(overlaps.map(({ first, second }) => [first.name, second.name, first.route, second.route]))(
    '%s before %s does not hide the more specific one',
    (_first, _second, first, second) => {
      expect(literals(first)).toBeGreaterThan(literals(second));
    },
  );

  it('overlap only with the catch-all, and where a status is asked for that is none', () => {
    const between = overlaps.filter(({ second }) => second.name !== 'unknownPath');
    expect(between.map(({ first, second, paths }) => [first.name, second.name, paths[0]?.join('/')])).toEqual(
      [
        ['exportStatus', 'instanceExport', 'fhir/_operations/export/$export'],
        ['exportStatus', 'instanceExportV4', 'fhir/_operations/export/$export-v4'],
      ],
    );
    expect(overlaps.filter(({ second }) => second.name === 'unknownPath')).toHaveLength(all.length - 1);
  });
});
