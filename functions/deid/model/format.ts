import { numberText } from '../../json/jsonNumber.js';
import { isPrimitiveOf, startsWithDay, type Primitive } from './primitive.js';
import type { FhirType } from './types.js';

/*
 * Formats of primitives, from the page "Data Types" of STU3, R4, R4B and R5 and the regular expressions of the
 * StructureDefinitions of primitives. Where versions differ, the rule is that of R4; R5 alone also forbids blanks in
 * base64Binary, a tenth digit of a second's fraction, and a 19th of a decimal. As in all that the engine reads, a second
 * 60 is none.
 */

/** "Strings SHALL NOT exceed 1MB (1024*1024 characters) in size." */
const MAX_STRING_LENGTH = 1024 * 1024;
const MAX_ID_LENGTH = 64;
const MAX_INTEGER64 = 2n ** 63n - 1n;

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE, DELETE] = [9, 10, 13, 32, 127];
const TIME = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?$/;
/** What follows the day of an instant. */
const TIME_AND_OFFSET =
  /T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))$/y;
const YEAR_AND_MONTH = /^[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?$/;
const OID = /^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$/;
const UUID = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const INTEGER64 = /^(?:0|[-+]?[1-9][0-9]{0,18})$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BLANK = /\s/;
const BLANKS = /\s+/g;
const XHTML_DIV = /^\s*<div\s[^>]*?\bxmlns\s*=\s*["']http:\/\/www\.w3\.org\/1999\/xhtml["']/;
/** A tag, a comment or a CDATA section. */
const XML_MARK =
  /<(?:(\/?)([A-Za-z_][\w:.-]*)(?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(\/?)>|!--[^]*?-->|!\[CDATA\[[^]*?\]\]>)/y;

/** Primitives that are strings in JSON, by name. */
const TEXTS: Readonly<Record<string, (text: string) => boolean>> = {
  base64Binary: (text) => {
    const packed = BLANK.test(text) ? text.replace(BLANKS, '') : text;
    return packed.length % 4 === 0 && BASE64.test(packed);
  },
  canonical: isUri,
  code: isCode,
  date: isDate,
  dateTime: (text) => (text.length > 10 ? isInstant(text) : isDate(text)),
  id: isId,
  instant: isInstant,
  // Read and written as a string; a JSON number would lose digits.
  integer64: (text) =>
    INTEGER64.test(text) && BigInt(text) <= MAX_INTEGER64 && BigInt(text) >= -MAX_INTEGER64 - 1n,
  markdown: isText,
  oid: (text) => OID.test(text),
  string: isText,
  time: (text) => TIME.test(text),
  uri: isUri,
  url: isUri,
  uuid: (text) => UUID.test(text),
  xhtml: isXhtml,
};

const MINIMA: Readonly<Record<string, number>> = { unsignedInt: 0, positiveInt: 1 };

/** Whether a value is one that the FHIR specification allows for a primitive of this type. */
export function isFormatted(type: FhirType, value: Primitive): boolean {
  const ofText = TEXTS[type.name];
  if (ofText !== undefined) return typeof value === 'string' && ofText(value);
  const minimum = MINIMA[type.name];
  return (
    isPrimitiveOf(type, value) && (minimum === undefined || Number(numberText(value as number)) >= minimum)
  );
}

/** What an instant of which only a date is left is written as: the first of its year, month or day, as the reference does. */
export function firstInstantOf(date: string): string {
  return `${`${date}-01-01`.slice(0, 10)}T00:00:00+00:00`;
}

/** A year, a month or a day: years 0001 to 9999, days of the calendar. */
function isDate(text: string): boolean {
  if (text.length === 10) return startsWithDay(text);
  return YEAR_AND_MONTH.test(text) && !text.startsWith('0000');
}

/** A day and a time to the second at least, with an offset up to 14 hours. */
function isInstant(text: string): boolean {
  if (!startsWithDay(text)) return false;
  TIME_AND_OFFSET.lastIndex = 10;
  return TIME_AND_OFFSET.test(text);
}

/** `[A-Za-z0-9\-\.]{1,64}` */
function isId(text: string): boolean {
  if (text.length === 0 || text.length > MAX_ID_LENGTH) return false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    const isDigit = char >= 48 && char <= 57;
    const isLetter = (char | SPACE) >= 97 && (char | SPACE) <= 122;
    if (!isDigit && !isLetter && char !== 45 && char !== 46) return false;
  }
  return true;
}

/** Not empty, without blanks and control characters. */
function isUri(text: string): boolean {
  let highest = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char <= SPACE || char === DELETE) return false;
    highest |= char;
  }
  return text.length > 0 && (highest < DELETE || !BLANK.test(text));
}

/** Not empty, with single spaces between words, without other blanks and control characters. */
function isCode(text: string): boolean {
  let highest = 0;
  let before = SPACE;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < SPACE || char === DELETE || (char === SPACE && before === SPACE)) return false;
    highest |= char;
    before = char;
  }
  return before !== SPACE && (highest < DELETE || text.split(' ').every(isUri));
}

/** Not empty, up to 1 MiB characters; of control characters below 32, only tab, line feed and carriage return. */
function isText(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < SPACE && char !== TAB && char !== LINE_FEED && char !== CARRIAGE_RETURN) return false;
  }
  return text.length > 0 && text.length <= MAX_STRING_LENGTH;
}

/** One `div` in the namespace of XHTML whose tags match: what any XML parser reads. */
function isXhtml(text: string): boolean {
  if (!XHTML_DIV.test(text)) return false;
  const open: string[] = [];
  let at = text.indexOf('<');
  while (at >= 0) {
    XML_MARK.lastIndex = at;
    const mark = XML_MARK.exec(text);
    if (mark === null) return false;
    const [, isEnd, name, isEmpty] = mark;
    if (name !== undefined) {
      if (isEnd === '/' && open.pop() !== name) return false;
      if (isEnd === '' && isEmpty === '') open.push(name);
    }
    at = text.indexOf('<', XML_MARK.lastIndex);
    if (open.length === 0) return text.slice(XML_MARK.lastIndex).trim() === '';
  }
  return false;
}
