import type { CoverageCategory, IdentityKind } from '../methods/effect.js';
import { QUANTITY_TYPES } from '../methods/perturb.js';
import type { FhirElement, FhirType } from '../model/types.js';

/** An element that may hold an identity. */
export interface Identity extends IdentityKind {
  /** What the element is grouped by: a data type, or the type of the primitive. */
  readonly dataType: string;
  /** A path that selects all elements of the group. Those of one group are joined with `|`. */
  readonly path: string;
  readonly method: 'redact' | 'cryptoHash';
  /** Parameters without which the method clears it in part only. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Data types all of whose texts, dates and binaries are identities of one category. */
const DATA_TYPES: Readonly<Record<string, CoverageCategory>> = {
  HumanName: 'names',
  Address: 'places',
  ContactPoint: 'contacts',
  Identifier: 'identifiers',
  Attachment: 'media',
  Extension: 'extensions',
  Narrative: 'freeText',
};

/** Elements that are no identities, though their type can hold one. */
const HARMLESS: ReadonlySet<string> = new Set([
  // Not smaller than a state.
  'Address.state',
  'Address.country',
  // A code means nothing without its code system; names of resource types; sizes in bytes.
  'Coding.system',
  'Coding.version',
  'Reference.type',
  // Numbers and the letters E, U and L.
  'SampledData.data',
]);

function special(
  category: CoverageCategory,
  dataType: string,
  needs: Identity['needs'],
  path: string,
  method: Identity['method'] = 'redact',
): Identity {
  return { category, dataType, needs, path, method };
}

/** Elements with a place of their own in the list, by the path of their definition. */
const ELEMENTS: Readonly<Record<string, Identity>> = {
  'Reference.reference': {
    category: 'references',
    dataType: 'Reference.reference',
    needs: 'clearing',
    path: "nodesByType('Reference').reference",
    method: 'cryptoHash',
    parameters: { referenceServers: 'hash' },
  },
  'Reference.display': special('names', 'Reference.display', 'clearing', "nodesByType('Reference').display"),
  'Coding.display': special('freeText', 'Coding.display', 'decision', "nodesByType('Coding').display"),
  'Age.value': special('ages', 'Age', 'clearing', "nodesByType('Age').value"),
  'Quantity.value': special(
    'ages',
    'Quantity',
    'condition',
    "nodesByType('Quantity').where(value > 89 and (code = 'a' or unit ~ 'years'))",
  ),
  'Observation.valueInteger': special('ages', 'integer', 'condition', 'Observation.value.ofType(integer)'),
  'Observation.component.valueInteger': special(
    'ages',
    'integer',
    'condition',
    'Observation.component.value.ofType(integer)',
  ),
};

const UNIT = special('freeText', 'Quantity.unit', 'decision', "nodesByName('unit').ofType(string)");

/** Elements whose value may be of any type, and questionnaires' answers: numbers in them are no measurements. */
const OPEN_VALUES: Readonly<Record<string, string>> = {
  'QuestionnaireResponse.item.answer':
    "nodesByName('answer').value.ofType(integer) | nodesByName('answer').value.ofType(decimal)",
  'Parameters.parameter': "nodesByName('parameter').value | nodesByName('part').value",
  'Task.input': "nodesByName('input').value",
  'Task.output': "nodesByName('output').value",
  'Transport.input': "nodesByName('input').value",
  'Transport.output': "nodesByName('output').value",
};

const NUMBERS: ReadonlySet<string> = new Set([
  'integer', 'positiveInt', 'unsignedInt', 'integer64', 'decimal',
]); // prettier-ignore
/** Primitives that are no identities: values of a fixed list, and numbers but for those named above. */
const HARMLESS_TYPES: ReadonlySet<string> = new Set([...NUMBERS, 'boolean', 'code']);

/** Texts of resources that are more than free text, by their names. */
const TEXTS: Readonly<Record<string, CoverageCategory>> = {
  name: 'names',
  alias: 'names',
  serialNumber: 'devices',
  lotNumber: 'devices',
  modelNumber: 'devices',
  partNumber: 'devices',
  deviceIdentifier: 'devices',
  distinctIdentifier: 'devices',
  udi: 'devices',
  carrierHRF: 'devices',
  deviceName: 'devices',
  manufacturer: 'devices',
  subscriberId: 'accounts',
  dependent: 'accounts',
  preAuthRef: 'accounts',
  altId: 'accounts',
  ifNoneExist: 'urls',
};

const PRIMITIVES: Readonly<Record<string, CoverageCategory>> = {
  date: 'dates',
  dateTime: 'dates',
  instant: 'dates',
  time: 'dates',
  uri: 'urls',
  url: 'urls',
  canonical: 'urls',
  id: 'identifiers',
  oid: 'identifiers',
  uuid: 'identifiers',
  base64Binary: 'media',
  xhtml: 'freeText',
};

/** What identity an element may hold; null for none. */
export function identityOf(element: FhirElement): Identity | null {
  const { parent, type, path } = element;
  if (type === null || type.primitive === null) return null;
  if (HARMLESS.has(path)) return null;
  const own = ELEMENTS[path];
  if (own !== undefined) return own;
  if (element.key === 'id') return idOf(parent);
  if (QUANTITY_TYPES.has(parent.name)) return element.key === 'unit' ? UNIT : null;
  const whole = DATA_TYPES[parent.name];
  if (whole !== undefined) return ofDataType(whole, element, type);
  if (parent.path === 'Location.position')
    return special('places', 'Location.position', 'clearing', 'Location.position');
  const open = OPEN_VALUES[parent.path];
  if (open !== undefined && NUMBERS.has(type.name)) return special('numbers', 'value[x]', 'clearing', open);
  return HARMLESS_TYPES.has(type.name) ? null : ofPrimitive(element, type.name);
}

function idOf(parent: FhirType): Identity {
  return parent.isResource
    ? special('identifiers', 'Resource.id', 'clearing', 'Resource.id', 'cryptoHash')
    : special('identifiers', 'id', 'decision', "nodesByName('id')");
}

function ofDataType(category: CoverageCategory, element: FhirElement, type: FhirType): Identity | null {
  const { name } = element.parent;
  // A number in an extension may be a number of a person.
  const isHarmless = HARMLESS_TYPES.has(type.name) && !(name === 'Extension' && NUMBERS.has(type.name));
  if (isHarmless) return null;
  const needs = name === 'Extension' && element.key === 'url' ? 'decision' : 'clearing';
  return special(category, name, needs, `nodesByType('${name}')`);
}

function ofPrimitive(element: FhirElement, type: string): Identity {
  const { parent } = element;
  const isAddress = parent.path.endsWith('.network') || element.key === 'networkString';
  const category = isAddress
    ? 'networkAddresses'
    : (TEXTS[element.name] ?? (parent.path.startsWith('Coverage.') ? 'accounts' : undefined));
  const isText = type === 'string' || type === 'markdown';
  const needs = type === 'canonical' || element.name === 'linkId' ? 'decision' : 'clearing';
  return special(
    (isText ? category : undefined) ?? PRIMITIVES[type] ?? 'freeText',
    type,
    needs,
    `nodesByType('${type}')`,
  );
}
