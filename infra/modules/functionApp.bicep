metadata description = 'Flex Consumption plan and function app. No setting holds a secret: identities for Azure, Key Vault references for the rest.'

import { ExportSettings, KeyVaultSettings } from 'settings.bicep'
import { EntraAuthentication, SecretNames } from 'types.bicep'

@description('Name of the plan.')
param planName string

@description('Name of the app.')
param appName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Tag by which azd finds the app of azure.yaml.')
param serviceName string

@description('Resource id of the identity of the app.')
param identityId string

@description('Client id of the identity of the app.')
param identityClientId string

@description('Node.js version.')
param nodeVersion string

@description('Memory of an instance, in MB.')
param instanceMemoryMB int

@description('Most instances.')
param maximumInstanceCount int

@description('Requests that one instance takes at the same time.')
param httpConcurrency int

@description('Instances that are always ready for requests.')
param alwaysReadyHttp int

@description('Instances that are always ready for jobs.')
param alwaysReadyDurable int

@description('Name of the storage account of the runtime.')
param runtimeStorageName string

@description('URL of the container of the deployment package.')
param packageContainerUrl string

@description('URL of the blob service of the exports.')
param exportBlobServiceUri string

@description('Name of the storage account whose files are the source; empty: none.')
param sourceStorageName string

@description('URL of the Key Vault.')
param keyVaultUri string

@description('Where telemetry goes.')
param insightsConnectionString string

@description('Host name of the container registry of this deployment; empty: there is none.')
param registryLoginServer string

@description('Settings of the app.')
param settings ExportSettings

@description('Settings that are secrets: the names of the secrets in the Key Vault.')
param keyVaultSettings KeyVaultSettings

@description('Keys that configurations name: the names of the secrets in the Key Vault.')
param anonymizationKeyNames SecretNames

@description('Resource id of the subnet that the app runs in; empty: none.')
param subnetId string

@description('Authentication of the platform; null: function keys, or what the settings say.')
param entraAuthentication EntraAuthentication?

@description('Whether the app is reached from the internet.')
param isPublic bool

@description('Public IPv4 ranges that may call; empty: all.')
param allowedCallerRanges string[]

var entraClientId = entraAuthentication.?clientId ?? ''

var tenantId = entraAuthentication.?tenantId ?? tenant().tenantId

// Set here alone, since they follow from the deployment.
var ownSettings = {
  AzureWebJobsStorage__accountName: runtimeStorageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  EXPORT_STORAGE__blobServiceUri: exportBlobServiceUri
  EXPORT_STORAGE__clientId: identityClientId
  SOURCE_STORAGE__accountName: sourceStorageName
  SOURCE_STORAGE__clientId: identityClientId
  ANONYMIZATION_REGISTRY_CLIENT_ID: identityClientId
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

// Set here unless the parameter says otherwise.
var defaultSettings = {
  ANONYMIZATION_REGISTRIES: registryLoginServer
  AUTHENTICATION: entraAuthentication == null ? 'function-keys' : 'entra'
  ENTRA_TENANT_ID: entraAuthentication == null ? '' : tenantId
  SOURCE_CLIENT_ID: settings.?SOURCE_AUTHENTICATION == 'managed-identity' ? identityClientId : ''
  // More than the host takes: a request that only the host takes waits until functionTimeout, and restarts the worker.
  // V8 lets the heap grow by what it may grow to: by the memory of the machine, unless it is told otherwise.
  languageWorkers__node__arguments: '--max-http-header-size=65536 --max-semi-space-size=4 --max-old-space-size=1024'
  // glibc keeps large buffers that were freed, in an area for each thread, unless it is told otherwise.
  MALLOC_ARENA_MAX: '1'
  MALLOC_MMAP_THRESHOLD_: '262144'
}

// Of instances of 512 MB, which the worker shares with the host.
var smallSettings = {
  languageWorkers__node__arguments: '--max-http-header-size=65536 --max-semi-space-size=2 --max-old-space-size=256'
  PARALLEL_PARTITIONS: '2'
  SOURCE_MAX_PAGE_MEBIBYTES: '8'
  WORKER_THREADS: '0'
}

var givenSettings = toObject(items(settings), setting => setting.key, setting => string(setting.value))

var secretNames = union(
  keyVaultSettings,
  toObject(items(anonymizationKeyNames), secret => 'ANONYMIZATION_SECRET_${secret.key}', secret => secret.value)
)

var secretSettings = toObject(
  items(secretNames),
  setting => setting.key,
  setting => '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/${string(setting.value)})'
)

var appSettings = union(
  defaultSettings,
  instanceMemoryMB == 512 ? smallSettings : {},
  givenSettings,
  secretSettings,
  ownSettings
)

var alwaysReady = concat(
  alwaysReadyHttp > 0
    ? [
        {
          name: 'http'
          instanceCount: alwaysReadyHttp
        }
      ]
    : [],
  alwaysReadyDurable > 0
    ? [
        {
          name: 'durable'
          instanceCount: alwaysReadyDurable
        }
      ]
    : []
)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: {
        name: 'node'
        version: nodeVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: empty(allowedCallerRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (range, index) in allowedCallerRanges: {
          name: 'caller-${index}'
          action: 'Allow'
          priority: 100 + index
          ipAddress: range
        }
      ]
      appSettings: [
        for setting in items(appSettings): {
          name: setting.key
          value: setting.value
        }
      ]
    }
  }
}

// Packages come with tokens of Entra ID, never with a password.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource authentication 'Microsoft.Web/sites/config@2025-03-01' = if (entraAuthentication != null) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // What says nothing of anybody, and probes ask for.
      excludedPaths: [
        '/healthz'
        '/fhir/metadata'
        '/fhir/.well-known/smart-configuration'
        // Static files; what is behind a star is excluded, too.
        '/console'
        '/console/*'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${az.environment().authentication.loginEndpoint}${tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: entraAuthentication.?audiences ?? [
            'api://${entraClientId}'
            entraClientId
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: entraAuthentication.?allowedApplications
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

@description('Resource id of the app.')
output id string = app.id

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
