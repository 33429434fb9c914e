/** The settings that have no default, for tests that read no source and no storage. */
export const REQUIRED_SETTINGS = {
  FHIR_SERVER_URL: 'https://fhir.example.org/r4/',
  EXPORT_STORAGE: 'UseDevelopmentStorage=true',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};
