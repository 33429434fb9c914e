/** The first bytes of a gzip file (RFC 1952, section 2.3.1). */
export const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
