/** A JSON value as `parseJson` gives it. */
export type JsonValue = null | boolean | number | string | object | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Placeholder until the engine lands. */
export function parseJson(text: string): JsonValue {
  return JSON.parse(text) as JsonValue;
}
export function stringifyJson(value: JsonValue): string {
  return JSON.stringify(value);
}
