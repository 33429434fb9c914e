metadata description = 'The role that lets the app read a FHIR service of Azure Health Data Services.'

@description('Name of the workspace and of the FHIR service in it, as workspace/service.')
param fhirServiceName string

@description('Object id of the identity of the app.')
param appPrincipalId string

// Built-in role of Azure, by its name there. FHIR Data Exporter would allow the service's own $export, which is not used.
var FHIR_DATA_READER = '4c8d0bbc-75d3-4935-991f-5f3c56d81508'

resource fhirService 'Microsoft.HealthcareApis/workspaces/fhirservices@2024-03-31' existing = {
  name: fhirServiceName
}

@description('The app searches the source.')
resource appReadsSource 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: fhirService
  name: guid(fhirService.id, appPrincipalId, FHIR_DATA_READER)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', FHIR_DATA_READER)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}
