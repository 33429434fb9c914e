import { Buffer as PackageBuffer } from 'buffer/';

/*
 * The global `Buffer` of the engine in browsers: the package `buffer`, with the UTF-8 of the browser in the place of its
 * own, which is slower and replaces other bytes than Node does where they are no UTF-8.
 */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

type Encoding = string | undefined;

const isUtf8 = (encoding: Encoding): boolean => encoding === undefined || encoding === 'utf8';

/** The encoding as the package knows it. Both read either alphabet of Base64. */
const known = (encoding: Encoding): Encoding => (encoding === 'base64url' ? 'base64' : encoding);

/** Base64 by its other alphabet (RFC 4648, section 5), without padding. */
const urlSafe = (base64: string): string =>
  base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** What is replaced, as the package has it. */
interface Replaced {
  readonly from: (value: unknown, ...rest: unknown[]) => Buffer;
  readonly prototype: {
    readonly toString: (this: Uint8Array, encoding: Encoding, start: number, end: number) => string;
    readonly write: (
      this: Uint8Array,
      text: string,
      offset: number,
      length: number,
      encoding: Encoding,
    ) => number;
  };
}

const { from: fromAny, prototype } = PackageBuffer as unknown as Replaced;
const { toString: packageToString, write: packageWrite } = prototype;

Object.assign(PackageBuffer, {
  from(value: unknown, second?: unknown, third?: unknown): Buffer {
    if (typeof value !== 'string') return fromAny(value, second, third);
    const encoding = second as Encoding;
    if (!isUtf8(encoding)) return fromAny(value, known(encoding));
    const { buffer, byteOffset, length } = encoder.encode(value);
    return fromAny(buffer, byteOffset, length);
  },
});

Object.assign(PackageBuffer.prototype, {
  toString(this: Uint8Array, encoding?: Encoding, start = 0, end = this.length): string {
    if (isUtf8(encoding)) return decoder.decode(this.subarray(start, end));
    const text = packageToString.call(this, known(encoding), start, end);
    return encoding === 'base64url' ? urlSafe(text) : text;
  },
  /** With an encoding in the place of offset or length, as Node takes it. */
  write(this: Uint8Array, text: string, ...rest: (number | string)[]): number {
    const [offset = 0, length] = rest.filter((part) => typeof part === 'number');
    const encoding = rest.find((part) => typeof part === 'string');
    const end = length === undefined ? this.length : offset + length;
    if (isUtf8(encoding)) return encoder.encodeInto(text, this.subarray(offset, end)).written;
    return packageWrite.call(this, text, offset, end - offset, encoding);
  },
});

const WebBuffer = PackageBuffer as unknown as typeof Buffer;
export { WebBuffer as Buffer };
