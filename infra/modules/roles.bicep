metadata description = 'All role assignments but the one at the FHIR service: what the app may do, and what the authors of configurations may do.'

import { Principal } from 'types.bicep'

@description('Object id of the identity of the app.')
param appPrincipalId string

@description('Who writes configurations and keys.')
param configurationAuthors Principal[]

@description('Name of the storage account of the runtime.')
param runtimeStorageName string

@description('Name of the storage account of the exports.')
param exportStorageName string

@description('Name of the container of the configurations.')
param configurationContainerName string

@description('Name of the Key Vault.')
param keyVaultName string

@description('Name of the Application Insights resource.')
param insightsName string

@description('Name of the container registry; empty: there is none.')
param registryName string

// Built-in roles of Azure, by their names there.
var STORAGE_BLOB_DATA_OWNER = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var STORAGE_BLOB_DATA_CONTRIBUTOR = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var STORAGE_QUEUE_DATA_CONTRIBUTOR = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var STORAGE_TABLE_DATA_CONTRIBUTOR = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var KEY_VAULT_SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6'
var KEY_VAULT_SECRETS_OFFICER = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var MONITORING_METRICS_PUBLISHER = '3913510d-42f4-4e42-8a64-420c390055eb'
var ACR_PULL = '7f951dda-4ed3-4680-a7ca-43fe172d538d'
var ACR_PUSH = '8311e382-0749-4cb8-b61a-304f252e45ec'

resource runtimeStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: runtimeStorageName
}

resource exportStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: exportStorageName
  resource blobService 'blobServices' existing = {
    name: 'default'
    resource configurationContainer 'containers' existing = {
      name: configurationContainerName
    }
  }
}

resource keyVault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: keyVaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = if (!empty(registryName)) {
  name: registryName
}

@description('The Functions host keeps leases, keys and the package in the runtime account, the app the state of the jobs.')
resource appOwnsRuntimeBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: runtimeStorage
  name: guid(runtimeStorage.id, appPrincipalId, STORAGE_BLOB_DATA_OWNER)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_BLOB_DATA_OWNER)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The Durable task hub sends its messages through queues of the runtime account.')
resource appUsesRuntimeQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: runtimeStorage
  name: guid(runtimeStorage.id, appPrincipalId, STORAGE_QUEUE_DATA_CONTRIBUTOR)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_QUEUE_DATA_CONTRIBUTOR)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The Durable task hub keeps histories and instances in tables of the runtime account, the app pseudonyms (PSEUDONYM_SERVICE local).')
resource appUsesRuntimeTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: runtimeStorage
  name: guid(runtimeStorage.id, appPrincipalId, STORAGE_TABLE_DATA_CONTRIBUTOR)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_TABLE_DATA_CONTRIBUTOR)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The app makes containers, writes and deletes exports, reads configurations, and asks for the user delegation key of SAS links, which takes the scope of the account.')
resource appWritesExports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: exportStorage
  name: guid(exportStorage.id, appPrincipalId, STORAGE_BLOB_DATA_CONTRIBUTOR)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_BLOB_DATA_CONTRIBUTOR)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The platform resolves the Key Vault references of app settings as the app.')
resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: keyVault
  name: guid(keyVault.id, appPrincipalId, KEY_VAULT_SECRETS_USER)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', KEY_VAULT_SECRETS_USER)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Application Insights takes telemetry from identities only.')
resource appPublishesTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, appPrincipalId, MONITORING_METRICS_PUBLISHER)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', MONITORING_METRICS_PUBLISHER)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The app reads configurations from images.')
resource appPullsConfigurations 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(registryName)) {
  scope: registry
  name: guid(registry.id, appPrincipalId, ACR_PULL)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ACR_PULL)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Authors put configurations into container anonymization; they see no export.')
resource authorsWriteConfigurations 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for author in configurationAuthors: {
    scope: exportStorage::blobService::configurationContainer
    name: guid(exportStorage.id, configurationContainerName, author.id, STORAGE_BLOB_DATA_CONTRIBUTOR)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', STORAGE_BLOB_DATA_CONTRIBUTOR)
      principalId: author.id
      principalType: author.type
    }
  }
]

@description('Authors put keys and credentials into the vault.')
resource authorsWriteSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for author in configurationAuthors: {
    scope: keyVault
    name: guid(keyVault.id, author.id, KEY_VAULT_SECRETS_OFFICER)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', KEY_VAULT_SECRETS_OFFICER)
      principalId: author.id
      principalType: author.type
    }
  }
]

@description('Authors push images of configurations.')
resource authorsPushConfigurations 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for author in configurationAuthors: if (!empty(registryName)) {
    scope: registry
    name: guid(registry.id, author.id, ACR_PUSH)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ACR_PUSH)
      principalId: author.id
      principalType: author.type
    }
  }
]
