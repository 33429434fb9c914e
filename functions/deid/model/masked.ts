import { remembered } from '../../common/maps.js';
import type { JsonObject, JsonValue } from '../../json/json.js';
import { REMOVED, shapeOf, type Shape } from './shape.js';
import type { FhirElement, FhirType } from './types.js';

/** What is left of a required element that was taken away (FHIR R4, extension data-absent-reason). */
export const ABSENT_URL = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
const ABSENT: JsonObject = {
  url: ABSENT_URL,
  valueCode: 'masked',
};

/** An element marked as masked, as a member of the object around it. */
export interface MaskedMember {
  readonly element: FhirElement;
  /** `_status` for a primitive, else the element's name in JSON. */
  readonly key: string;
  readonly value: JsonValue;
  /** Both, as they are written. */
  readonly json: string;
  /** How often it has the extension that marks it. */
  readonly marks: number;
}

const members = new WeakMap<FhirElement, MaskedMember | null>();

/** How an element is marked as masked; null for what cannot be: a resource, a narrative, an extension. */
function maskedMember(element: FhirElement): MaskedMember | null {
  return remembered(members, element, () => makeMember(element));
}

function makeMember(element: FhirElement): MaskedMember | null {
  const { key, type, repeats } = element;
  const object = type === null ? null : maskedObject(type);
  if (object === null) return null;
  const name = type?.primitive == null ? key : `_${key}`;
  const value = repeats ? [object] : object;
  const json = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  return { element, key: name, value, json, marks: json.split(ABSENT_URL).length - 1 };
}

/** An object with the extension, and with all that its type asks for, which is masked as well. */
function maskedObject(type: FhirType): JsonObject | null {
  if (UNMARKED.has(type.name) || type.isResource) return null;
  const object: JsonObject = { extension: [ABSENT] };
  const shape = shapeOf(type);
  const missing = shape.missing(~0, shape.bit('extension'));
  if (missing === REMOVED) return null;
  for (const { key, value } of maskedMembers(type, missing, () => true)) object[key] = value;
  return object;
}

const UNMARKED: ReadonlySet<string> = new Set(['Narrative', 'xhtml', 'Extension']);

/**
 * The elements of an object that have to be marked as masked.
 * @param missing their bits, as the type's shape gives them
 * @param wasThere whether an object had an element: of a choice, it is the one that is marked
 */
export function maskedMembers(
  type: FhirType,
  missing: number,
  wasThere: (element: FhirElement) => boolean,
): readonly MaskedMember[] {
  const shape = shapeOf(type);
  // Without choices, it does not matter what was there.
  const isKnown = (missing & shape.choices) === 0;
  const known = isKnown ? knownMembers.get(shape)?.get(missing) : undefined;
  if (known !== undefined) return known;
  const found: MaskedMember[] = [];
  let open = missing;
  for (const isSought of [wasThere, () => true]) {
    for (const element of type.elements.values()) {
      const bit = shape.bit(element.name) & open;
      const member = bit === 0 || !isSought(element) ? null : maskedMember(element);
      if (member === null) continue;
      open &= ~bit;
      found.push(member);
    }
  }
  if (isKnown) {
    const kept = remembered(knownMembers, shape, () => new Map<number, readonly MaskedMember[]>());
    if (kept.size < MAX_KNOWN) kept.set(missing, found);
  }
  return found;
}

/** By their bits: mostly the same few. */
const knownMembers = new WeakMap<Shape, Map<number, readonly MaskedMember[]>>();

const MAX_KNOWN = 64;
