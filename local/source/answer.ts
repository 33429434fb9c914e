const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** An answer to a request, before it is sent. */
export interface Answer {
  status: number;
  body: Buffer | StreamedBody;
  contentType: string;
  headers?: Readonly<Record<string, string>>;
}

/** A body that is not held in memory as a whole. */
export interface StreamedBody {
  /** Bytes of all chunks. */
  size: number;
  chunks: Iterable<Buffer>;
}

export function fhirAnswer(
  status: number,
  text: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    body: typeof text === 'string' ? Buffer.from(text) : text,
    contentType: FHIR_JSON,
    headers,
  };
}
