metadata description = 'The role that lets the app read the files of a storage account that is the source.'

@description('Name of the storage account.')
param storageName string

@description('Object id of the identity of the app.')
param appPrincipalId string

// Built-in role of Azure, by its name there.
var STORAGE_BLOB_DATA_READER = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

resource sourceStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

@description('The app lists and reads the files that are the source.')
resource appReadsFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: sourceStorage
  name: guid(sourceStorage.id, appPrincipalId, STORAGE_BLOB_DATA_READER)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_BLOB_DATA_READER)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}
