import { ExportError } from '../../common/errors.js';
import { onRefusal } from './refusals.js';
import { searchPage } from './searchPage.js';
import type { SearchParameters, Source } from './source.js';
import { count } from './count.js';

/** A value that no resource has. Of a parameter of another kind it is no value at all, which a source may refuse. */
export const NO_VALUE = 'none-has-this';

/**
 * The first parameter that was asked for and is not in a self link, which names what the source honored:
 * https://hl7.org/fhir/R4/search.html#conformance. Values are compared by their number only, since a source may
 * write them in another way.
 */
export function missingInSelf(asked: SearchParameters, self: string): string | undefined {
  const honored = new URLSearchParams(self.slice(self.indexOf('?') + 1));
  const names = new Set(asked.map(([name]) => name));
  for (const name of names) {
    const values = new Set(asked.filter(([other]) => other === name).map(([, value]) => value));
    if (honored.getAll(name).length < values.size) return name;
  }
  return undefined;
}

/** Names of the parameters in the query of a URL. */
export function parameterNames(url: string): ReadonlySet<string> {
  return new Set(new URLSearchParams(url.slice(url.indexOf('?') + 1)).keys());
}

/** The name of a parameter as it may be in a message: it is the caller's own text. */
export function safeName(parameter: string): string {
  return /^[\w:.-]{1,64}$/.test(parameter) ? parameter : 'a parameter';
}

/**
 * Makes sure that a source without self links honors each of `parameters`, which are among those of `search`: a value
 * that no resource has must give none, or fewer resources must be counted with the parameter than without it.
 * @throws ExportError `source-unverifiable` where neither shows
 */
export async function proveHonored(
  source: Source,
  type: string,
  search: SearchParameters,
  parameters: SearchParameters,
): Promise<void> {
  for (const parameter of parameters) {
    const others = search.filter((other) => other !== parameter);
    if (await givesNothing(source, type, [...others, [parameter[0], NO_VALUE]])) continue;
    const [within, without] = await Promise.all([count(source, type, search), count(source, type, others)]);
    if (within !== undefined && without !== undefined && within < without) continue;
    throw new ExportError(
      'source-unverifiable',
      `The source does not report in a self link which search parameters it honored, and nothing else shows that a filter of _typeFilter for ${type} has any effect, so the export might hold more than was asked for. Leave that filter out, or let the source have self links.`,
    );
  }
}

/** Whether a search has no result. A source that refuses the value knows the parameter. */
async function givesNothing(source: Source, type: string, search: SearchParameters): Promise<boolean> {
  return searchPage(source, type, [...search, ['_count', '1']]).then(
    ({ rows, next, total = 0 }) => rows.length === 0 && next === undefined && total === 0,
    onRefusal('other search', () => true),
  );
}
