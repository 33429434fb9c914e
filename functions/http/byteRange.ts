/** A part of a file: `count` bytes from `offset` on. */
export interface ByteRange {
  offset: number;
  count: number;
}

/**
 * The part of a file that a `Range` header asks for: `whole` where there is none, or one that may be ignored (another
 * unit, several parts), `unsatisfiable` where it begins behind the end.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14
 * @param size of the file, in bytes
 */
export function readByteRange(header: string | null, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})$/i.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || `${first}${last}` === '') return 'whole';
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { offset: size - count, count };
  }
  const offset = Number(first);
  if (last !== '' && Number(last) < offset) return 'whole';
  if (offset >= size) return 'unsatisfiable';
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { offset, count: end - offset + 1 };
}

/**
 * Whether an entity tag is among those of an `If-None-Match` header.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
 */
export function matchesETag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag));
}

/** An entity tag without the mark of a weak one. */
function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

/**
 * Whether an `If-Range` header still holds, so that a part fits what the client has.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
export function isRangeCurrent(header: string | null, etag: string, lastModified: Date | undefined): boolean {
  if (header === null) return true;
  if (/^\s*(W\/)?"/.test(header)) return header.trim() === etag;
  return lastModified !== undefined && header.trim() === lastModified.toUTCString();
}

/** Whether an `Accept-Encoding` header takes gzip. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
export function acceptsCoding(header: string | null, coding: 'gzip' | 'br'): boolean {
  const codings = (header ?? '').split(',').map((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
    return { name, isRefused };
  });
  const found = codings.find(({ name }) => name === coding) ?? codings.find(({ name }) => name === '*');
  return found !== undefined && !found.isRefused;
}
