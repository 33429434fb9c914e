import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import type { Dialect } from '../methods/dialect.js';
import type { IssueList } from '../reading/issues.js';
import type { Parameters } from './parameters.js';
import type { Rule } from './rule.js';

/** What fhir-pseudonymizer 2.32 reads: it refuses a file with any other name. */
const MIRACUM_TOP_LEVEL = new Set(['fhirVersion', 'fhirPathRules', 'parameters']);
const MIRACUM_PARAMETERS = new Set([
  'dateShiftKey', 'dateShiftScope', 'dateShiftFixedOffsetInDays', 'dateShiftKeyPrefix', 'cryptoHashKey', 'cryptoHashAlgorithm',
  'encryptKey', 'keyDerivationContext', 'enablePartialAgesForRedact', 'enablePartialDatesForRedact',
  'enablePartialZipCodesForRedact', 'restrictedZipCodeTabulationAreas',
]); // prettier-ignore
/** What Microsoft's tool does not have. */
const ONLY_MIRACUM = {
  methods: ['pseudonymize', 'remove'],
  settings: ['truncateToMaxLength'],
  parameters: ['cryptoHashAlgorithm', 'keyDerivationContext'],
};

/**
 * The dialect of a configuration without the parameter: fhir-pseudonymizer's where it has something that only this tool
 * has, and nothing that this tool refuses; otherwise Microsoft's. Warns where a rule's results depend on it, unless the
 * configuration may well be Microsoft's.
 * @param json the configuration
 * @param isYaml which Microsoft's tool does not read
 */
export function inferDialect(
  json: JsonObject,
  isYaml: boolean,
  rules: readonly Rule[],
  parameters: Parameters,
  issues: IssueList,
): Dialect {
  const sign = signOfMiracum(json);
  const isCertain = sign !== undefined && isReadByMiracum(json);
  const dialect = isCertain ? 'miracum' : 'microsoft';
  const methods = [...new Set(rules.filter((rule) => depends(rule, parameters)).map(({ method }) => method))];
  if ((sign !== undefined || isYaml) && methods.length > 0) {
    const reason = isCertain ? `, since it has ${sign}` : '';
    const named = methods.map(({ name }) => name).join(', ');
    issues.warn(
      'parameters.dialect',
      `Read as '${dialect}'${reason}: what ${named} gives differs between 'microsoft' and 'miracum' (fhir-pseudonymizer). Set dialect to the one that is meant`,
    );
  }
  return dialect;
}

function signOfMiracum(json: JsonObject): string | undefined {
  const { methods, settings, parameters } = ONLY_MIRACUM;
  const given = Object.keys(isJsonObject(json['parameters']) ? json['parameters'] : {});
  const parameter = parameters.find((name) => given.includes(name));
  if (parameter !== undefined) return `the parameter ${parameter}`;
  for (const rule of rulesOf(json)) {
    const { method } = rule;
    if (typeof method === 'string' && methods.includes(method.toLowerCase())) return `the method ${method}`;
    const setting = settings.find((name) => name in rule);
    if (setting !== undefined) return `the setting ${setting}`;
  }
  return undefined;
}

function isReadByMiracum(json: JsonObject): boolean {
  const { fhirVersion, parameters } = json;
  if (!Object.keys(json).every((name) => MIRACUM_TOP_LEVEL.has(name))) return false;
  if (typeof fhirVersion === 'string' && fhirVersion.toUpperCase() !== 'R4') return false;
  if (fhirVersion !== undefined && typeof fhirVersion !== 'string') return false;
  return Object.entries(isJsonObject(parameters) ? parameters : {}).every(
    ([name, value]) => MIRACUM_PARAMETERS.has(name) && !isJsonObject(value),
  );
}

function rulesOf({ fhirPathRules }: JsonObject): JsonObject[] {
  const rules: readonly JsonValue[] = Array.isArray(fhirPathRules) ? fhirPathRules : [];
  return rules.filter(isJsonObject);
}

/** Whether what a rule gives may depend on the dialect. An id is hashed alike. */
function depends({ method, path }: Rule, parameters: Parameters): boolean {
  if (method.dependsOnDialect?.(parameters) !== true) return false;
  return method.isPseudonym !== true || !/(?:^|\.)id$/.test(path);
}
