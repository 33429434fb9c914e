import { isUtf8 } from 'node:buffer';
import { createDecipheriv } from 'node:crypto';
import type { Dialect } from '../../functions/deid/methods/dialect.js';
import { cipherOf } from '../../functions/common/crypto.js';
import { IV_BYTES } from '../../functions/deid/methods/encrypt.js';
import { validValue } from '../../functions/deid/methods/validWork.js';
import type { FhirModel } from '../../functions/deid/model/fhirModel.js';
import type { FhirType } from '../../functions/deid/model/types.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../functions/json/json.js';

/** A cipher's block, in bytes. */
const BLOCK = 16;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** A hash has the form of a ciphertext by its length alone. */
const HASH = /^[0-9a-f]+$/;
/** As fhir-pseudonymizer writes it. */
const HEX = /^(?:[0-9A-F]{2})+$/;
/** Of what no text of FHIR has: https://hl7.org/fhir/R4/datatypes.html#string */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

/**
 * Undoes `encrypt` in resources: in every text that has the form of its results, wherever it is, since which elements a
 * rule selected cannot be seen in its results. The cipher does not tell a wrong key for sure: what does not become
 * a text stays.
 */
export class Decryption {
  readonly #key: Uint8Array;
  readonly #model: FhirModel;
  readonly #isHex: boolean;
  decrypted = 0;
  /** Texts of the right form that stay. */
  kept = 0;

  /** @param key 16, 24 or 32 bytes, @param dialect of the configuration: how ciphertexts are written */
  constructor(key: Uint8Array, model: FhirModel, dialect: Dialect | null) {
    this.#isHex = dialect === 'miracum';
    this.#key = key;
    this.#model = model;
  }

  /** A resource with what is encrypted in it decrypted, numbers and booleans as such. */
  resource(json: JsonObject): JsonObject {
    const { resourceType } = json;
    const type = typeof resourceType === 'string' ? this.#model.resource(resourceType) : undefined;
    return Object.fromEntries(
      Object.entries(json).map(([name, value]) => [
        name,
        value === undefined ? value : this.#value(value, type?.elements.get(name)?.type ?? undefined),
      ]),
    );
  }

  #value(value: JsonValue, type: FhirType | undefined): JsonValue {
    if (typeof value === 'string') return this.#text(value, type);
    if (Array.isArray(value)) return value.map((item) => this.#value(item, type));
    if (!isJsonObject(value)) return value;
    if (type === undefined && typeof value['resourceType'] === 'string') return this.resource(value);
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        inner === undefined ? inner : this.#value(inner, type?.elements.get(name)?.type ?? undefined),
      ]),
    );
  }

  #text(text: string, type: FhirType | undefined): JsonValue {
    const plain = this.#plain(text);
    if (plain === undefined) return text;
    switch (type?.primitive) {
      case 'boolean':
      case 'integer':
      case 'decimal':
        // The method writes them as the reference does: `True`.
        return validValue(plain, { type, name: '', parentType: '', codes: undefined }) ?? plain;
      default:
        return plain;
    }
  }

  #plain(text: string): string | undefined {
    if (this.#isHex ? !HEX.test(text) : !BASE64.test(text) || HASH.test(text)) return undefined;
    const bytes = Buffer.from(text, this.#isHex ? 'hex' : 'base64');
    if (bytes.length < IV_BYTES + BLOCK || bytes.length % BLOCK !== 0) return undefined;
    const plain = this.#decipher(bytes);
    if (plain === undefined) this.kept++;
    else this.decrypted++;
    return plain;
  }

  #decipher(bytes: Buffer): string | undefined {
    const decipher = createDecipheriv(cipherOf(this.#key), this.#key, bytes.subarray(0, IV_BYTES));
    try {
      const plain = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES)), decipher.final()]);
      const text = plain.toString('utf8');
      return isUtf8(plain) && !CONTROL.test(text) ? text : undefined;
    } catch {
      // The padding is wrong: it is no result of this key.
      return undefined;
    }
  }
}
