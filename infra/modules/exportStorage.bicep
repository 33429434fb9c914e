metadata description = 'Storage account of the exports and of container anonymization.'

@description('Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Redundancy.')
param skuName string

@description('Whether the account has a hierarchical namespace (Data Lake Storage Gen2).')
param hasHierarchicalNamespace bool

@description('Whether the account is reached through private endpoints and allowedIpRanges only.')
param isPrivate bool

@description('Public IPv4 addresses or ranges that reach the account all the same.')
param allowedIpRanges string[]

@description('Containers of exports, made now; the lifecycle rule holds for them.')
@minLength(1)
param exportContainers string[]

@description('Days after which the lifecycle rule deletes what the app left behind.')
@minValue(2)
param deleteAfterDays int

@description('Days for which deleted blobs can be restored; 0: what is deleted is gone.')
@minValue(0)
@maxValue(365)
param softDeleteDays int

var configurationContainer = 'anonymization'

var retention = {
  enabled: softDeleteDays > 0
  days: softDeleteDays > 0 ? max(softDeleteDays, 1) : null
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isHnsEnabled: hasHierarchicalNamespace
    isLocalUserEnabled: false
    isSftpEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: isPrivate && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: [
        for range in allowedIpRanges: {
          action: 'Allow'
          value: range
        }
      ]
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: false
    deleteRetentionPolicy: retention
    containerDeleteRetentionPolicy: retention
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in union([configurationContainer], exportContainers): {
    parent: blobService
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

// A net below the app's own timer, never in its way: configurations are not among the containers it names.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-old-exports'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'appendBlob'
                'blockBlob'
              ]
              prefixMatch: map(exportContainers, container => '${container}/')
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: deleteAfterDays
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [
    blobService
  ]
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('URL of its blob service.')
output blobServiceUri string = account.properties.primaryEndpoints.blob

@description('Name of the container of the configurations.')
output configurationContainer string = configurationContainer
