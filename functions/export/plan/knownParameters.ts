import type { TypeFilter } from '../request/typeFilter.js';
import type { Capabilities } from '../source/capabilities.js';
import { missingInSelf, NO_VALUE } from '../source/honored.js';
import { mayTry } from '../source/refusals.js';
import { readSearchPage } from '../source/searchPage.js';
import type { SearchParameters, Source } from '../source/source.js';

/** Values that no resource has, for parameters of every type: a source may refuse one that is none of the type's. */
const INVENTED = [NO_VALUE, '1900-01-01', '0'];

/**
 * The search parameters of filters that the source does not know: neither by its CapabilityStatement nor by a search with
 * an invented value, which it refuses or leaves out of its self link. What a filter asks for is never searched here.
 */
export async function unknownParameters(
  source: Source,
  capabilities: Capabilities,
  filters: readonly TypeFilter[],
): Promise<Array<{ type: string; name: string }>> {
  const asked = new Map<string, { type: string; name: string }>();
  for (const { type, search } of filters) {
    for (const [name] of search) asked.set(`${type} ${name}`, { type, name });
  }
  const unknown: Array<{ type: string; name: string }> = [];
  for (const { type, name } of asked.values()) {
    const listed = capabilities.searchParameters.get(type)?.has(name.split(/[.:]/)[0] ?? '') === true;
    if (!listed && !(await isHonored(source, type, name))) unknown.push({ type, name });
  }
  return unknown;
}

/** Whether a source knows a parameter, as far as that is known: it is taken to where nothing shows otherwise. */
async function isHonored(source: Source, type: string, name: string): Promise<boolean> {
  for (const value of INVENTED) {
    const self = await selfOf(source, type, [[name, value]]);
    if (self !== REFUSED) return self === undefined || missingInSelf([[name, value]], self) === undefined;
  }
  // A source that refuses every search without a patient says nothing of the parameter.
  return (await selfOf(source, type, [])) === REFUSED;
}

const REFUSED = 'refused';

/** The self link of a search, if it has one, or `REFUSED`. */
async function selfOf(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<string | undefined> {
  try {
    const { body } = await source.search(type, [...parameters, ['_count', '1']]);
    return readSearchPage(body, type).self;
  } catch (error) {
    if (mayTry('leave out', error)) return REFUSED;
    throw error;
  }
}
