import type { FhirModel } from '../../deid/model/fhirModel.js';
import type { FhirType } from '../../deid/model/types.js';
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson, valueAt } from '../../json/json.js';
import { ARRAY, type JsonTape, OBJECT, refuseReleased, STRING } from '../../json/jsonTape.js';
import { nameNumber } from '../../json/keyNames.js';
import type { LineMaker } from './lineMaker.js';
import { rawLines } from './rawLines.js';

const URL_NAME = nameNumber('url');
/** Neither with a scheme or host of its own, nor a part of the same resource. */
const RELATIVE = /^(?![a-z][a-z0-9+.-]*:|\/\/|#)./i;

/**
 * Lines of a raw export in which each `Attachment.url` is absolute: a relative one is of the source, which readers of the
 * files do not know. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#attachments
 * @param base FHIR base of the source
 */
export function rawLinesOf(base: string, model: FhirModel): LineMaker {
  const change: Change = { base, model };
  return {
    ...rawLines,
    isAsItCame: ({ tape, node }) => !hasRelativeUrl(tape, node),
    makeLine(resource, line, report) {
      refuseReleased(resource);
      const { tape, node } = resource;
      if (hasRelativeUrl(tape, node)) {
        const json = valueAt(tape, node);
        if (makeAbsolute(json, null, change)) {
          line.text(stringifyJson(json));
          return undefined;
        }
      }
      return rawLines.makeLine(resource, line, report);
    },
  };
}

/** Whether any `url` is relative, be it of an attachment or an extension. */
function hasRelativeUrl(tape: JsonTape, root: number): boolean {
  const end = tape.after(root);
  for (let node = root; node < end;) {
    const kind = tape.kind(node);
    if (kind === STRING && tape.name(node) === URL_NAME && RELATIVE.test(tape.primitive(node) as string))
      return true;
    node = kind === OBJECT || kind === ARRAY ? tape.first(node) : tape.after(node);
  }
  return false;
}

interface Change {
  readonly base: string;
  readonly model: FhirModel;
}

/**
 * Makes the URLs of attachments in a value absolute.
 * @param type null for a resource of any type
 * @returns whether there were others
 */
function makeAbsolute(value: JsonValue | undefined, type: FhirType | null, change: Change): boolean {
  if (Array.isArray(value)) return value.map((item) => makeAbsolute(item, type, change)).some(Boolean);
  if (!isJsonObject(value)) return false;
  const { resourceType } = value;
  const own = type ?? (typeof resourceType === 'string' ? change.model.resource(resourceType) : undefined);
  return own !== undefined && makeMembersAbsolute(value, own, change);
}

function makeMembersAbsolute(json: JsonObject, type: FhirType, change: Change): boolean {
  let isChanged = false;
  for (const [key, value] of Object.entries(json)) {
    const element = type.elements.get(key.startsWith('_') ? key.slice(1) : key);
    if (element === undefined) continue;
    if (type.name === 'Attachment' && key === 'url' && typeof value === 'string') {
      if (!RELATIVE.test(value)) continue;
      json[key] = value.startsWith('/')
        ? `${new URL(change.base).origin}${value}`
        : `${change.base}/${value}`;
      isChanged = true;
    } else if (makeAbsolute(value, element.type, change)) isChanged = true;
  }
  return isChanged;
}
