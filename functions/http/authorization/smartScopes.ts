import type { Permissions } from './caller.js';

/** `system/Type.read` and `system/*.*` of version 1, `system/Type.rs` of version 2, and nothing behind it. */
const SYSTEM_SCOPE = /^system\/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)$/;

/**
 * What the scopes of a token permit: an export reads and searches, so both have to be granted for a type. A scope with
 * search parameters (`system/Observation.rs?category=…`) grants a part of a type only, which an export does not keep
 * to, so it counts for nothing.
 * https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
 */
export function readScopes(
  scopes: readonly string[],
  rawScope: string | undefined,
  isResourceType: (name: string) => boolean,
): Permissions {
  const types = new Set<string>();
  let isAll = false;
  for (const scope of scopes) {
    const [, type, granted] = SYSTEM_SCOPE.exec(scope) ?? [];
    if (type === undefined || granted === undefined) continue;
    if (granted !== 'read' && granted !== '*' && !/^c?ru?d?s$/.test(granted)) continue;
    if (type === '*') isAll = true;
    else if (isResourceType(type)) types.add(type);
  }
  return {
    types: isAll ? 'all' : types,
    raw: rawScope !== undefined && scopes.includes(rawScope),
  };
}
