import { createRequire } from 'node:module';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { R4B_DATA_TYPES, R4B_ELEMENTS, R4B_REMOVED, R4B_REPLACED } from './r4b.js';

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
}

const requireModel: (name: string) => Definitions = createRequire(import.meta.url);

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
  return { ...definitions, path2Repeating };
}

function tablesOf(version: FhirVersion): Definitions {
  switch (version) {
    case 'STU3':
      return requireModel('fhirpath/fhir-context/stu3');
    case 'R4':
      return requireModel('fhirpath/fhir-context/r4');
    case 'R4B':
      return r4b(requireModel('fhirpath/fhir-context/r4'));
    case 'R5':
      return requireModel('fhirpath/fhir-context/r5');
  }
}

function isGone(path: string): boolean {
  const root = path.split('.')[0] ?? '';
  return R4B_REMOVED.includes(root) || R4B_REPLACED.includes(root);
}

function kept<T>(table: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(table).filter(([path]) => !isGone(path)));
}

/** R4's definitions with what R4B changed. */
function r4b(r4: Definitions): Definitions {
  const result = {
    path2Type: kept(r4.path2Type),
    path2Repeating: kept(r4.path2Repeating),
    choiceTypePaths: kept(r4.choiceTypePaths),
    pathsDefinedElsewhere: kept(r4.pathsDefinedElsewhere),
    type2Parent: Object.fromEntries(
      Object.entries(r4.type2Parent).filter(([type]) => !R4B_REMOVED.includes(type)),
    ),
    path2RefType: kept(r4.path2RefType),
  };
  addElements(result);
  return result;
}

/** Elements that every resource, and every backbone element, has besides its own. */
const RESOURCE_ELEMENTS = [
  'id id', 'meta Meta', 'implicitRules uri', 'language code', 'text Narrative', 'contained* Resource',
  'extension* Extension', 'modifierExtension* Extension',
]; // prettier-ignore
const BACKBONE_ELEMENTS = ['modifierExtension* Extension'];

function addElements(into: {
  path2Type: Record<string, string>;
  path2Repeating: Record<string, boolean>;
  choiceTypePaths: Record<string, readonly string[]>;
  pathsDefinedElsewhere: Record<string, string>;
  type2Parent: Record<string, string>;
}): void {
  const add = (parent: string, text: string): string => {
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
    return path;
  };
  const parents: string[] = [];
  for (const line of R4B_ELEMENTS.trim().split('\n')) {
    const depth = line.search(/\S/) / 2;
    parents.length = depth;
    if (depth > 0) {
      parents.push(add(parents[depth - 1] ?? '', line.trim()));
      continue;
    }
    parents.push(line);
    if (line.includes('.') || (Object.hasOwn(into.type2Parent, line) && !R4B_REPLACED.includes(line)))
      continue;
    const isDataType = R4B_DATA_TYPES.includes(line);
    into.type2Parent[line] = isDataType ? 'Element' : 'DomainResource';
    if (!isDataType) for (const element of RESOURCE_ELEMENTS) add(line, element);
  }
}
