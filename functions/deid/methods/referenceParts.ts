import { choice } from '../reading/settings.js';

/** What becomes of the server's address and the version in a reference. */
export const SERVERS_IN_REFERENCES = choice('keep', 'hash');

/** A literal reference (FHIR R4, section 2.3.0.1): the server's base, the type, the id, the version. */
const LITERAL =
  /^(https?:\/\/(?:[A-Za-z0-9\\/.:%$~_-]*\/)?)?([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(\/_history\/[A-Za-z0-9\-.]{1,64})?$/;
/** A reference to whatever has an identifier (FHIR R4, section 3.1.0.11): its type, where it names one, and the value. */
const CONDITIONAL =
  /^((?:([A-Za-z]+)\?)?identifier=(?:https?:\/\/[A-Za-z0-9\\/.:%$-]*\|)?)([A-Za-z0-9\-.]{1,64})$/;
const OID = /^urn:oid:([0-2](?:\.(?:0|[1-9][0-9]*))+)$/;
const UUID = /^urn:uuid:([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$/;

/** A reference, taken apart: what a pseudonym replaces is `id`. */
export type ReferenceParts =
  /** `#id`, of a contained resource; empty for the resource around it. */
  | { readonly kind: 'contained'; readonly id: string }
  | LiteralReference
  /** `urn:oid:id` or `urn:uuid:id`. */
  | { readonly kind: 'urn'; readonly prefix: 'urn:oid:' | 'urn:uuid:'; readonly id: string }
  | { readonly kind: 'other'; readonly id: string };

export interface LiteralReference {
  readonly kind: 'literal';
  /** Up to the type, with the slash; empty for a relative one. */
  readonly server: string;
  readonly type: string;
  readonly id: string;
  /** `/_history/…`; empty without one. */
  readonly version: string;
  /** Whether the base names a resource, whose id is in it: https://server/Patient/1/Observation/2. */
  readonly isBelowResource: boolean;
}

/** @param resourceTypes names that a literal reference may have before its id */
export function partsOfReference(text: string, resourceTypes: ReadonlySet<string>): ReferenceParts {
  if (text.startsWith('#')) return { kind: 'contained', id: text.slice(1) };
  const [, server = '', type = '', id = '', version = ''] = LITERAL.exec(text) ?? [];
  if (resourceTypes.has(type)) {
    const isBelowResource = server.split('/').some((segment) => resourceTypes.has(segment));
    return { kind: 'literal', server, type, id, version, isBelowResource };
  }
  const oid = OID.exec(text)?.[1];
  if (oid !== undefined) return { kind: 'urn', prefix: 'urn:oid:', id: oid };
  const uuid = UUID.exec(text)?.[1];
  return uuid === undefined ? { kind: 'other', id: text } : { kind: 'urn', prefix: 'urn:uuid:', id: uuid };
}

/** A conditional reference, taken apart. */
export interface ConditionalReference {
  /** What comes before the value. */
  readonly before: string;
  /** Absent where it names none. */
  readonly type: string | undefined;
  readonly value: string;
}

/** @param resourceTypes names that it may have before its identifier */
export function conditionalReference(
  text: string,
  resourceTypes: ReadonlySet<string>,
): ConditionalReference | undefined {
  const [, before = '', type, value] = CONDITIONAL.exec(text) ?? [];
  if (value === undefined || (type !== undefined && !resourceTypes.has(type))) return undefined;
  return { before, type, value };
}
