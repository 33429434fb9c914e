using 'main.bicep'

// A working example: every value can come from the environment, as `azd env set` or a workflow sets it.
param name = readEnvironmentVariable('EXPORT_NAME', 'fhirexport')

param settings = {
  FHIR_SERVER_URL: readEnvironmentVariable('FHIR_SERVER_URL', 'https://fhir.example.org/r4')
}

// Keys that configurations name, such as {"secretName": "research"}: put them into the Key Vault, then name them here.
// param anonymizationKeyNames = {
//   research: 'anonymization-research'
// }

// param configurationAuthors = [
//   {
//     id: '00000000-0000-0000-0000-000000000000'
//     type: 'Group'
//   }
// ]

param fhirServiceId = readEnvironmentVariable('FHIR_SERVICE_ID', '')
param alertEmailAddress = readEnvironmentVariable('ALERT_EMAIL_ADDRESS', '')
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'true'))
param containerRegistry = bool(readEnvironmentVariable('CONTAINER_REGISTRY', 'false'))
