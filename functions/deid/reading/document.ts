import type { JsonValue } from '../../json/json.js';
import { parseJsonDocument } from './jsonDocument.js';
import type { Places } from './places.js';
import { parseYamlDocument } from './yamlDocument.js';

/** How JSON may begin, as the reference reads it, with comments; YAML that begins so is read as JSON, too. */
const JSON_START = /^[\s\ufeff]*(?:[[{]|\/[/*]|$)/;

/** Whether a configuration is YAML: told by how it begins, never by a name or a content type. */
export function isYaml(text: string): boolean {
  return !JSON_START.test(text);
}

/**
 * Reads the text of a configuration, JSON or YAML.
 * @param places gets where each value is
 * @throws DocumentError
 */
export function parseDocument(text: string, places?: Places): JsonValue {
  return isYaml(text) ? parseYamlDocument(text, places) : parseJsonDocument(text, places);
}
