/** The manifest of a complete export, as far as a client needs it. */
export interface Manifest {
  transactionTime: string;
  output: Array<{ type: string; url: string; count: number }>;
  error: Array<{ type: string; url: string; count: number }>;
  extension: Record<string, unknown>;
}

/** A small Bulk Data client: https://hl7.org/fhir/uv/bulkdata/STU2/export.html */
export class ExportClient {
  readonly #baseUrl: string;

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /**
   * Starts a system-level export and returns its status URL.
   * @throws Error with the OperationOutcome where it is refused
   */
  async kickOff(parameters: Record<string, string>): Promise<string> {
    const response = await fetch(`${this.#baseUrl}/$export?${new URLSearchParams(parameters).toString()}`, {
      headers: { accept: 'application/fhir+json', prefer: 'respond-async, bulk-data-version=2.0.0' },
    });
    const statusUrl = response.headers.get('content-location');
    const body = await response.text();
    if (response.status !== 202 || statusUrl === null) {
      throw new Error(`The export was refused (${response.status}): ${body}`);
    }
    return statusUrl;
  }

  /**
   * Polls until the manifest is there, at most `everyMs` apart.
   * @throws Error with the OperationOutcome where the export failed
   */
  async manifest(statusUrl: string, everyMs: number, report: (progress: string) => void): Promise<Manifest> {
    for (;;) {
      const response = await fetch(statusUrl);
      const body = await response.text();
      if (response.status === 200) return JSON.parse(body) as Manifest;
      if (response.status === 429) {
        await new Promise((resolve) =>
          setTimeout(resolve, Number(response.headers.get('retry-after') ?? 1) * 1000),
        );
        continue;
      }
      if (response.status !== 202) throw new Error(`The export failed (${response.status}): ${body}`);
      report(response.headers.get('x-progress') ?? '');
      const wishedMs = Number(response.headers.get('retry-after') ?? 1) * 1000;
      await new Promise((resolve) => setTimeout(resolve, Math.min(wishedMs, everyMs)));
    }
  }
}
