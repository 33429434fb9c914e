import { TOP_LEVEL } from '../../functions/deid/configuration/extended.js';
import { GENERAL } from '../../functions/deid/configuration/parameters.js';
import { SAMPLE_NAMES } from '../../functions/deid/configuration/samples.js';
import { FUNCTIONS } from '../../functions/deid/expression/functions.js';
import { isYaml } from '../../functions/deid/reading/document.js';
import type { Method } from '../../functions/deid/methods/method.js';
import { METHODS } from '../../functions/deid/methods/methods.js';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirElement, FhirType } from '../../functions/deid/model/types.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import type { Completion, CompletionOption } from './protocol.js';

const METHOD_LIST: readonly Method[] = METHODS;

/** The value of a member up to a place, in JSON or YAML, and the member's name. */
const VALUE = /["']?([\w.-]+)["']?[ \t]*:[ \t]*(?:"((?:[^"\\]|\\.)*)|'([^']*)|([^"'\s,{}[\]#][^\n]*|))$/;
/** The name of a member that begins at a place. */
const NAME = /(?:^|[{,\n-])\s*["']?(\w*)$/;
/** The last name of a path, and the steps before it. */
const LAST_NAME = /[\w]*$/;
/** The steps of a path that names alone make up. */
const STEPS = /(?:[A-Za-z]\w*\.)*$/;
/** A function whose argument is the name of a type or an element. */
const NAMED_BY = /nodesBy(Type|Name)\(\s*\\?['"](\w*)$/;

/** What can be written at a place in the text of a configuration. */
export function completionAt(text: string, at: number, version: FhirVersion): Completion {
  const before = text.slice(Math.max(0, at - 4000), at);
  const [, name = '', inQuotes, inSingle, plain] = VALUE.exec(before) ?? [];
  // Values of JSON are in quotes.
  const value = inQuotes ?? inSingle ?? (isYaml(text) ? plain : undefined);
  if (value !== undefined) return valueAt(name, value, at, version);
  const started = NAME.exec(before)?.[1];
  if (started === undefined) return { from: at, to: at, options: [] };
  return optionsFor(started, at, namesAt(before));
}

/** Options for what was begun to be written. */
function optionsFor(started: string, at: number, options: readonly CompletionOption[]): Completion {
  const wanted = started.toLowerCase();
  const fitting = options.filter(({ label }) => label.toLowerCase().startsWith(wanted));
  return { from: at - started.length, to: at, options: fitting };
}

function valueAt(name: string, value: string, at: number, version: FhirVersion): Completion {
  const values = (labels: readonly string[]): Completion =>
    optionsFor(
      value,
      at,
      labels.map((label) => ({ label, kind: 'value' })),
    );
  switch (name) {
    case 'path':
      return pathAt(value, at, FhirModel.of(version));
    case 'method':
      return optionsFor(
        value,
        at,
        METHOD_LIST.map(({ name: label, clears }) => ({ label, kind: 'method', detail: `clears ${clears}` })),
      );
    case 'extends':
      return values(SAMPLE_NAMES);
    case 'fhirVersion':
      return values(FHIR_VERSIONS);
    case 'processingErrors':
      return values(['raise', 'skip']);
    default:
      return { from: at, to: at, options: [] };
  }
}

/** Names of members: of a rule, of the parameters, or of the configuration, as what is around the place says. */
function namesAt(before: string): CompletionOption[] {
  const inParameters = before.lastIndexOf('parameters');
  const inRules = Math.max(before.lastIndexOf('fhirPathRules'), before.lastIndexOf('path'));
  if (inParameters > inRules) return settings(parameterNames());
  if (inRules < 0) return settings(TOP_LEVEL.filter((name) => name !== 'processingError'));
  const ofMethods = METHOD_LIST.flatMap((method) => Object.keys(method.settings));
  return settings([...new Set(['path', 'method', ...ofMethods])]);
}

function parameterNames(): string[] {
  const ofMethods = METHOD_LIST.flatMap(({ parameters }) => Object.keys(parameters));
  return [...new Set([...Object.keys(GENERAL), ...ofMethods])];
}

function settings(labels: readonly string[]): CompletionOption[] {
  return labels.map((label) => ({ label, kind: 'setting' }));
}

function pathAt(value: string, at: number, model: FhirModel): Completion {
  const [, by, named] = NAMED_BY.exec(value) ?? [];
  if (by !== undefined && named !== undefined)
    return optionsFor(named, at, by === 'Type' ? typeOptions(model) : nameOptions(model));
  const started = LAST_NAME.exec(value)?.[0] ?? '';
  const rest = value.slice(0, value.length - started.length);
  const steps = (STEPS.exec(rest)?.[0] ?? '').split('.').slice(0, -1);
  if (steps.length > 0 && rest.endsWith('.')) {
    const type = typeOf(steps, model);
    return optionsFor(started, at, [...elementOptions(type), ...functionOptions()]);
  }
  // After a function, what is selected is not known here.
  if (rest.endsWith('.')) return optionsFor(started, at, functionOptions());
  const resources = model.resourceNames().map((label): CompletionOption => ({ label, kind: 'type' }));
  return optionsFor(started, at, [{ label: 'Resource', kind: 'type' }, ...resources, ...nodeFunctions()]);
}

/** The type that names lead to from a resource type; undefined where they lead nowhere. */
function typeOf([first = '', ...names]: readonly string[], model: FhirModel): FhirType | undefined {
  let type = model.resource(first);
  for (const name of names) {
    const elements: FhirElement[] = [...(type?.elements.values() ?? [])];
    type = elements.find((element) => element.name === name)?.type ?? undefined;
  }
  return type;
}

function elementOptions(type: FhirType | undefined): CompletionOption[] {
  const byName = new Map<string, string[]>();
  for (const { name, type: of } of type?.elements.values() ?? [])
    byName.set(name, [...(byName.get(name) ?? []), of?.name ?? 'Resource']);
  return [...byName].map(([label, types]) => ({
    label,
    kind: 'element',
    detail: types.slice(0, 3).join(', ') + (types.length > 3 ? ', …' : ''),
  }));
}

function typeOptions(model: FhirModel): CompletionOption[] {
  return model.dataTypeNames().map((label) => ({ label, kind: 'type' }));
}

function nameOptions(model: FhirModel): CompletionOption[] {
  return [...model.elementsByName().keys()].map((label) => ({ label, kind: 'element' }));
}

const NODE_FUNCTION = /^nodesBy/;

function nodeFunctions(): CompletionOption[] {
  return functionOptions().filter(({ label }) => NODE_FUNCTION.test(label));
}

function functionOptions(): CompletionOption[] {
  return [...FUNCTIONS.keys()].map((name) => ({ label: `${name}()`, kind: 'function' }));
}
