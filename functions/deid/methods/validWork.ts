import { JsonNumber, numberFromText, numberText } from '../../json/jsonNumber.js';
import { firstInstantOf, isFormatted } from '../model/format.js';
import { isPrimitiveOf, primitiveText, type Primitive } from '../model/primitive.js';
import type { NodeMethod, Target, ValueMethod, Work } from './method.js';

/** Types whose values are any text: what methods make of texts is one. */
const TEXTS: ReadonlySet<string> = new Set(['string', 'markdown', 'id', 'code', 'uri', 'url', 'canonical']);
/** A date of which the time, and perhaps more, was taken away. */
const PARTIAL_DATE = /^[0-9]{4}(?:-[0-9]{2}){0,2}$/;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;

/** Work with whose results an element is valid FHIR: a value that the element cannot have is taken away. */
export function validWork(work: Work): Work {
  const { ofNode, replacement } = work;
  return {
    ...work,
    ofValue: (target) => {
      const method = work.ofValue(target);
      return method === null ? null : validMethod(method, target);
    },
    ...(ofNode && { ofNode: (target) => validNodeMethod(ofNode(target), target) }),
    ...(replacement && { replacement: replacement.valid }),
  };
}

function validMethod(method: ValueMethod, target: Target): ValueMethod {
  const { name } = target.type;
  if (method.taken !== undefined || (method.isFormed === true && name !== 'instant')) return method;
  // Hashes are neither codes of a value set nor of another form, but may be too long for an id.
  if (method.results !== undefined && TEXTS.has(name) && target.codes === undefined) {
    if (isFormatted(target.type, method.results.sample)) return method;
  }
  const valid: ValueMethod = (value, run) => {
    const after = method(value, run);
    return after === undefined ? undefined : validValue(after, target);
  };
  return method.ofYears === undefined ? valid : Object.assign(valid, { ofYears: method.ofYears });
}

function validNodeMethod(method: NodeMethod, target: Target): NodeMethod {
  return (node, environment, run) => {
    const after = method(node, environment, run);
    return after === undefined ? undefined : validValue(after, target);
  };
}

/**
 * A value in the form of an element's type; undefined for one that the element cannot have. Of an instant that was made
 * less precise it is the first one, in UTC, as the reference does in `meta.lastUpdated`.
 */
export function validValue(value: Primitive, { type, codes }: Target): Primitive | undefined {
  const formed = formOf(value, type);
  if (formed === undefined || !isPrimitiveOf(type, formed) || !isFormatted(type, formed)) return undefined;
  return codes === undefined || codes.has(primitiveText(formed)) ? formed : undefined;
}

/** A value as JSON has it in elements of a type: numbers and booleans of their texts, texts of all else. */
export function formOf(value: Primitive, { name, primitive }: Target['type']): Primitive | undefined {
  const isText = typeof value === 'string';
  switch (primitive) {
    case 'boolean': {
      const text = isText ? value.toLowerCase() : value;
      return text === true || text === 'true' ? true : text === false || text === 'false' ? false : undefined;
    }
    case 'integer':
    case 'decimal':
      if (!isText) return value;
      return NUMBER.test(value) ? numberFromText(value) : undefined;
    default: {
      const text =
        typeof value === 'number' || value instanceof JsonNumber ? numberText(value) : String(value);
      return name === 'instant' && PARTIAL_DATE.test(text) ? firstInstantOf(text) : text;
    }
  }
}
