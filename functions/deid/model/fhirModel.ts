import { addTo, remembered } from '../../common/maps.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { definitionsOf, type Definitions } from './definitions.js';
import type { FhirElement, FhirType, PrimitiveKind } from './types.js';

const PRIMITIVES: Readonly<Record<string, PrimitiveKind>> = {
  boolean: 'boolean',
  integer: 'integer',
  positiveInt: 'integer',
  unsignedInt: 'integer',
  decimal: 'decimal',
  date: 'date',
  dateTime: 'dateTime',
  instant: 'dateTime',
  time: 'time',
  // A JSON string in R5, so that no parser shortens it.
  integer64: 'string',
  base64Binary: 'string',
  canonical: 'string',
  code: 'string',
  id: 'string',
  markdown: 'string',
  oid: 'string',
  string: 'string',
  uri: 'string',
  url: 'string',
  uuid: 'string',
  xhtml: 'string',
};

/** Types that nothing in a resource can have. */
const ABSTRACT = new Set(['Resource', 'DomainResource', 'CanonicalResource', 'MetadataResource']);

/** The types of one FHIR version and their elements. */
export class FhirModel {
  private readonly definitions: Definitions;
  private readonly types = new Map<string, FhirType>();
  /** Names and type names of the elements under each path. */
  private readonly keys = new Map<string, [key: string, type: string][]>();
  /** Choice elements under each path. */
  private readonly choices = new Map<string, [name: string, types: readonly string[]][]>();
  private static readonly models = new Map<FhirVersion, FhirModel>();

  private constructor(readonly version: FhirVersion) {
    this.definitions = definitionsOf(version);
    for (const [path, type] of Object.entries(this.definitions.path2Type)) {
      const [parent, key] = splitPath(path);
      addTo(this.keys, parent, [key, type]);
    }
    for (const path of Object.keys(this.definitions.pathsDefinedElsewhere)) {
      const [parent, key] = splitPath(path);
      const siblings = this.keys.get(parent);
      if (siblings?.every(([sibling]) => sibling !== key) !== false)
        addTo(this.keys, parent, [key, 'BackboneElement']);
    }
    for (const [path, types] of Object.entries(this.definitions.choiceTypePaths)) {
      const [parent, name] = splitPath(path);
      addTo(this.choices, parent, [name, types]);
    }
  }

  static of(version: FhirVersion): FhirModel {
    return remembered(FhirModel.models, version, () => new FhirModel(version));
  }

  /** A type by its name; undefined for a name that this version does not define. */
  type(name: string): FhirType | undefined {
    if (!Object.hasOwn(this.definitions.type2Parent, name) && name !== 'Element' && name !== 'Resource')
      return undefined;
    return this.typeAt(name, name);
  }

  /** A resource type by its name; undefined for anything a resource cannot be. */
  resource(name: string): FhirType | undefined {
    if (ABSTRACT.has(name) || !this.isA(name, 'Resource')) return undefined;
    return this.typeAt(name, name);
  }

  private readonly resources = new Set<FhirType>();

  /** All resource types: the same set whenever asked. */
  resourceTypes(): ReadonlySet<FhirType> {
    if (this.resources.size > 0) return this.resources;
    for (const name of Object.keys(this.definitions.type2Parent)) {
      const type = this.resource(name);
      if (type !== undefined) this.resources.add(type);
    }
    return this.resources;
  }

  /** Names of all resource types. */
  resourceNames(): string[] {
    return [...this.resourceTypes()].map(({ name }) => name);
  }

  /** Names of all data types, primitives included. */
  dataTypeNames(): string[] {
    return Object.keys(this.definitions.type2Parent).filter((name) => !this.isA(name, 'Resource'));
  }

  private byName: Map<string, FhirElement[]> | undefined;

  /** All elements of all types, by their names. */
  elementsByName(): ReadonlyMap<string, readonly FhirElement[]> {
    if (this.byName !== undefined) return this.byName;
    const byName = new Map<string, FhirElement[]>();
    const seen = new Set<FhirType>();
    const visit = (type: FhirType): void => {
      if (seen.has(type)) return;
      seen.add(type);
      for (const element of type.elements.values()) {
        addTo(byName, element.name, element);
        if (element.type !== null) visit(element.type);
      }
    };
    for (const type of this.resourceTypes()) visit(type);
    this.byName = byName;
    return byName;
  }

  /** Whether a type is another one or derived from it. */
  isA(name: string, ancestor: string): boolean {
    for (let at: string | undefined = name, steps = 0; at !== undefined && steps < 10; steps++) {
      if (at === ancestor) return true;
      at = Object.hasOwn(this.definitions.type2Parent, at) ? this.definitions.type2Parent[at] : undefined;
    }
    return false;
  }

  private typeAt(path: string, name: string): FhirType {
    return remembered(this.types, path, () => {
      const primitive = PRIMITIVES[name] ?? null;
      const isResource = primitive === null && this.isA(name, 'Resource');
      return new LazyType(name, path, isResource, primitive, (type) => this.elementsOf(type));
    });
  }

  private elementsOf(type: FhirType): Map<string, FhirElement> {
    const { path, isResource } = type;
    const elements = new Map<string, FhirElement>();
    const own = this.keys.get(path) ?? [];
    const demands = this.definitions.demands.get(path);
    const inherited: [string, string][] = isResource
      ? []
      : [
          ['id', 'string'],
          ['extension', 'Extension'],
        ];
    for (const [key, typeName] of type.primitive !== null ? inherited : [...own, ...inherited]) {
      if (elements.has(key)) continue;
      const elementPath = `${path}.${key}`;
      const name = this.choiceName(path, key);
      const demand = demands?.get(name);
      elements.set(key, {
        key,
        name,
        parent: type,
        type: this.elementType(elementPath, key, typeName, isResource),
        repeats: key === 'extension' || this.repeats(elementPath),
        isRequired: demand?.isRequired ?? false,
        codes: demand?.codes,
        path: elementPath,
      });
    }
    return elements;
  }

  private repeats(path: string): boolean {
    const { path2Repeating, pathsDefinedElsewhere } = this.definitions;
    if (Object.hasOwn(path2Repeating, path)) return path2Repeating[path] === true;
    const [parent, key] = splitPath(path);
    const name = this.choiceName(parent, key);
    if (name !== key && path2Repeating[`${parent}.${name}`] === true) return true;
    return (
      Object.hasOwn(pathsDefinedElsewhere, path) && path2Repeating[pathsDefinedElsewhere[path] ?? ''] === true
    );
  }

  private choiceName(parent: string, key: string): string {
    for (const [name, types] of this.choices.get(parent) ?? []) {
      if (key.startsWith(name) && types.includes(key.slice(name.length))) return name;
    }
    return key;
  }

  private elementType(path: string, key: string, typeName: string, ofResource: boolean): FhirType | null {
    const elsewhere = this.definitions.pathsDefinedElsewhere;
    if (Object.hasOwn(elsewhere, path)) {
      const target = elsewhere[path] as string;
      return this.typeAt(target, this.definitions.path2Type[target] ?? 'BackboneElement');
    }
    if (typeName === 'Resource') return null;
    if (typeName === 'BackboneElement' || typeName === 'Element') return this.typeAt(path, typeName);
    if (key === 'id' && ofResource) return this.typeAt('id', 'id');
    if (typeName === 'System.String') {
      const name = key === 'url' ? 'uri' : 'string';
      return this.typeAt(name, name);
    }
    return this.typeAt(typeName, typeName);
  }
}

class LazyType implements FhirType {
  private loaded: ReadonlyMap<string, FhirElement> | undefined;
  constructor(
    readonly name: string,
    readonly path: string,
    readonly isResource: boolean,
    readonly primitive: PrimitiveKind | null,
    private readonly load: (type: FhirType) => ReadonlyMap<string, FhirElement>,
  ) {}
  get elements(): ReadonlyMap<string, FhirElement> {
    this.loaded ??= this.load(this);
    return this.loaded;
  }
}

function splitPath(path: string): [parent: string, key: string] {
  const dot = path.lastIndexOf('.');
  return dot < 0 ? ['', path] : [path.slice(0, dot), path.slice(dot + 1)];
}
