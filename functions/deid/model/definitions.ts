import { createRequire } from 'node:module';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type publishedFacts from './facts.json';
import type r4bChanges from './r4b.json';
import type { FhirElement } from './types.js';

/** What is known of a FHIR version's types: flat tables by element path. */
export interface Definitions {
  /** Type of each element, by JSON path: `Patient.deceasedBoolean` → `boolean`. */
  path2Type: Readonly<Record<string, string>>;
  /** Whether an element repeats: those that are not named do not, but for content references. */
  path2Repeating: Readonly<Record<string, boolean>>;
  /** Choice elements, without `[x]`, and the capitalized names of their types. */
  choiceTypePaths: Readonly<Record<string, readonly string[]>>;
  /** Content references: elements whose definition is that of another element, whose cardinality they mostly share. */
  pathsDefinedElsewhere: Readonly<Record<string, string>>;
  /** Supertypes. */
  type2Parent: Readonly<Record<string, string>>;
  /** Types a reference may point to. */
  path2RefType: Readonly<Record<string, readonly string[]>>;
  /** What is demanded of elements, by the path of the type and the name of the element. */
  demands: ReadonlyMap<string, ReadonlyMap<string, Demand>>;
}

/** What a version demands of an element, or of a choice. */
export type Demand = Pick<FhirElement, 'isRequired' | 'codes'>;

type Tables = Omit<Definitions, 'demands'>;

const requireTable = createRequire(import.meta.url);

/**
 * Content references that repeat otherwise than the element they refer to: `*` repeats, `1` does not. The tables do not
 * have the cardinality of content references; all others have that of their target.
 */
const CONTENT_REFERENCES: Readonly<Record<FhirVersion, string>> = {
  STU3: 'ImplementationGuide.page.page*',
  R4: `
    Consent.provision.provision*
    ExampleScenario.process.step.operation.request1
    ExampleScenario.process.step.operation.response1
    ImplementationGuide.definition.page.page*
    MedicinalProductAuthorization.procedure.application*
    SubstanceSpecification.molecularWeight*`,
  R4B: `
    Consent.provision.provision*
    ExampleScenario.process.step.operation.request1
    ExampleScenario.process.step.operation.response1
    ImplementationGuide.definition.page.page*`,
  R5: `
    ExampleScenario.process.step.operation.request1
    ExampleScenario.process.step.operation.response1
    ExampleScenario.process.step.process1
    ImplementationGuide.definition.page.page*
    PackagedProductDefinition.packaging.packaging*
    RegulatedAuthorization.case.application*
    SubstanceDefinition.structure.molecularWeight1`,
};

/** The definitions of a FHIR version, read on first use: an export needs one version only. */
export function definitionsOf(version: FhirVersion): Definitions {
  const definitions = tablesOf(version);
  const path2Repeating = { ...definitions.path2Repeating };
  for (const reference of CONTENT_REFERENCES[version].trim().split(/\s+/))
    path2Repeating[reference.slice(0, -1)] = reference.endsWith('*');
  return { ...definitions, path2Repeating, demands: demandsOf(version) };
}

/** The facts of a version: of a type, a word for each element, `status!:10`: `!` if required, the number of its codes. */
function demandsOf(version: FhirVersion): ReadonlyMap<string, ReadonlyMap<string, Demand>> {
  const facts = requireTable('./facts.json') as typeof publishedFacts;
  const codeLists = facts.codeLists.map((codes) => new Set(codes.split(' ')));
  const demands = new Map<string, ReadonlyMap<string, Demand>>();
  for (const [path, byVersions] of Object.entries<Readonly<Record<string, string>>>(facts.types)) {
    const words = Object.entries(byVersions).find(([versions]) => versions.split(' ').includes(version))?.[1];
    const ofType = new Map<string, Demand>();
    for (const [, name = '', mark, list] of words?.matchAll(/(\w+)(!?)(?::(\d+))?/g) ?? [])
      ofType.set(name, {
        isRequired: mark === '!',
        codes: list === undefined ? undefined : codeLists[Number(list)],
      });
    if (ofType.size > 0) demands.set(path, ofType);
  }
  return demands;
}

/**
 * What FHIR R4B (4.3.0) changed in R4's types: types that it removed, types whose elements replace R4's, and new elements,
 * by the type or element that they are in: name, `*` if it repeats, type, and the path of its definition for a content
 * reference. A choice is written `name|Type`.
 */
type R4bChanges = Omit<typeof r4bChanges, 'elements'> & { elements: Record<string, string[]> };

function tablesOf(version: FhirVersion): Tables {
  switch (version) {
    case 'STU3':
      return requireTable('fhirpath/fhir-context/stu3') as Tables;
    case 'R4':
      return requireTable('fhirpath/fhir-context/r4') as Tables;
    case 'R4B':
      return changed(
        requireTable('fhirpath/fhir-context/r4') as Tables,
        requireTable('./r4b.json') as R4bChanges,
      );
    case 'R5':
      return requireTable('fhirpath/fhir-context/r5') as Tables;
  }
}

function changed(r4: Tables, { removed, replaced, dataTypes, elements }: R4bChanges): Tables {
  const gone = new Set([...removed, ...replaced]);
  const kept = <T>(table: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(table).filter(([path]) => !gone.has(path.split('.')[0] ?? '')));
  const into = {
    path2Type: kept(r4.path2Type),
    path2Repeating: kept(r4.path2Repeating),
    choiceTypePaths: kept(r4.choiceTypePaths),
    pathsDefinedElsewhere: kept(r4.pathsDefinedElsewhere),
    type2Parent: Object.fromEntries(
      Object.entries(r4.type2Parent).filter(([type]) => !removed.includes(type)),
    ),
    path2RefType: kept(r4.path2RefType),
  };
  const add = (parent: string, text: string): void => {
    const [head = '', type = '', definition] = text.split(' ');
    const [name = '', choice] = head.replace('*', '').split('|');
    const path = `${parent}.${name}${choice ?? ''}`;
    into.path2Type[path] = type;
    if (head.endsWith('*')) into.path2Repeating[path] = true;
    if (definition !== undefined) into.pathsDefinedElsewhere[path] = definition;
    if (choice !== undefined) {
      const choicePath = `${parent}.${name}`;
      into.choiceTypePaths[choicePath] = [...(into.choiceTypePaths[choicePath] ?? []), choice];
    }
    if (type === 'BackboneElement') for (const element of BACKBONE_ELEMENTS) add(path, element);
  };
  for (const [parent, texts] of Object.entries(elements)) {
    for (const text of texts) add(parent, text);
    const isNew = !Object.hasOwn(r4.type2Parent, parent) || replaced.includes(parent);
    if (parent.includes('.') || !isNew) continue;
    const isDataType = dataTypes.includes(parent);
    into.type2Parent[parent] = isDataType ? 'Element' : 'DomainResource';
    if (!isDataType) for (const element of RESOURCE_ELEMENTS) add(parent, element);
  }
  return into;
}

/** Elements that every resource, and every backbone element, has besides its own. */
const RESOURCE_ELEMENTS = [
  'id id', 'meta Meta', 'implicitRules uri', 'language code', 'text Narrative', 'contained* Resource',
  'extension* Extension', 'modifierExtension* Extension',
]; // prettier-ignore
const BACKBONE_ELEMENTS = ['modifierExtension* Extension'];
