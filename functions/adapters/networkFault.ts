/** What the system's codes of network faults mean for the one who has to mend them. */
const REMEDIES: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^(ENOTFOUND|EAI_\w+)$/,
    'its name cannot be resolved: check the spelling, and the private DNS zone of a private endpoint',
  ],
  [/^ECONNREFUSED$/, 'nothing listens there: check host and port'],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/,
    'no answer: check its firewall, and the network that the app goes out by',
  ],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT\w*)$/,
    'its certificate is not of an authority that is known here: make its authority known (SOURCE_CA for the source, PSEUDONYM_CA for the pseudonym service, ANONYMIZATION_REGISTRY_CA for registries, NODE_EXTRA_CA_CERTS for all)',
  ],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired: have it renewed'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet: check the clocks'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name: use the name in the certificate'],
  [/^(EPROTO|ERR_SSL_\w+)$/, 'it does not speak TLS there: check the port'],
  [
    /^UND_ERR_ABORTED$/,
    'the proxy did not let the connection through: see to HTTPS_PROXY, and what the proxy allows',
  ],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/, 'it cut the connection'],
];

/** A network fault in words that are safe everywhere: the message of the cause, which holds URLs, is dropped. */
export function networkFault(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) return 'no further detail';
  const remedy = REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
  return remedy === undefined ? code : `${code}: ${remedy}`;
}

/** The system's code, of the error itself or of what caused it. */
function codeOf(error: unknown): string | undefined {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 5; depth++) {
    if ('code' in cause && typeof cause.code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(cause.code)) {
      return cause.code;
    }
    // Node reports attempts by several addresses as one AggregateError.
    cause = cause instanceof AggregateError ? (cause.errors as unknown[])[0] : (cause as Error).cause;
  }
  return undefined;
}
