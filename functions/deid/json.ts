/** A JSON value as `parseJson` gives it. */
export type JsonValue = null | boolean | number | string | object | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}
