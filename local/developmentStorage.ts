/** Azurite's published development key; it protects nothing. */
export const DEVELOPMENT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
export const RUNTIME_ACCOUNT = 'devstoreaccount1';
export const EXPORT_ACCOUNT = 'fhirexports';

export const DEFAULT_BLOB_PORT = 10_000;
export const DEFAULT_TABLE_PORT = 10_002;

/** Connection string of an account of the embedded stack. @param tablePort of its tables, where it has some */
export function developmentStorage(account: string, blobPort: number, tablePort?: number): string {
  const tables = tablePort === undefined ? '' : `TableEndpoint=http://127.0.0.1:${tablePort}/${account};`;
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${DEVELOPMENT_KEY};BlobEndpoint=http://127.0.0.1:${blobPort}/${account};${tables}`;
}
