metadata description = 'De-identified FHIR Bulk Data export on Azure Functions. Wires modules; they own the resources.'

targetScope = 'resourceGroup'

import { ExportSettings, KeyVaultSettings } from 'modules/settings.bicep'
import { EntraAuthentication, Principal, SecretNames } from 'modules/types.bicep'

@description('Begins the names of all resources: a lowercase letter, then lowercase letters and digits.')
@minLength(3)
@maxLength(11)
param name string = 'fhirexport'

@description('Region. Flex Consumption is not offered in all: `az functionapp list-flexconsumption-locations` lists them.')
param location string = resourceGroup().location

@description('Tags of all resources.')
param tags object = {}

@description('Settings of the app; those not given have the defaults of docs/settings.md. `FHIR_SERVER_URL` has to be given.')
param settings ExportSettings

@description('Settings that are secrets: name of the setting, name of the secret in the Key Vault.')
param keyVaultSettings KeyVaultSettings = {}

@description('Keys that configurations name with `{"secretName": "<name>"}`: the name, and the name of the secret in the Key Vault.')
param anonymizationKeyNames SecretNames = {}

@description('Who writes configurations and keys, and who may push images; groups are best.')
param configurationAuthors Principal[] = []

@description('Resource id of a FHIR service of Azure Health Data Services, on which the app is given FHIR Data Reader; empty: none.')
param fhirServiceId string = ''

@description('Resource id of the storage account whose NDJSON files are the source (SOURCE_MODE files), on which the app is given Storage Blob Data Reader; empty: none.')
param sourceStorageId string = ''

@description('Entra ID authentication by the platform, before any request reaches the app; null: function keys, or what the settings say.')
param entraAuthentication EntraAuthentication?

@description('Node.js version. 24 only where `az functionapp list-flexconsumption-runtimes` lists it.')
@allowed([
  '22'
  '24'
])
param nodeVersion string = '22'

@description('Memory of an instance, in MB; its share of a CPU grows with it.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Most instances, for requests and jobs together.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Requests that one instance takes at the same time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('Instances always ready for requests; they cost while idle.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttp int = 0

@description('Instances always ready for jobs; they cost while idle.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 0

@description('Redundancy of both storage accounts.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
])
param storageSkuName string = 'Standard_LRS'

@description('Whether the export storage account has a hierarchical namespace. Cannot be changed later.')
param hierarchicalNamespace bool = false

@description('Containers for exports, made now; the lifecycle rule holds for these alone.')
@minLength(1)
param exportContainers string[] = [
  'research'
]

@description('Days after which the lifecycle rule deletes what the app left behind; never earlier than three days after `JOB_RETENTION_HOURS`.')
@minValue(2)
@maxValue(3650)
param exportDeleteAfterDays int = 14

@description('Days for which deleted exports could be restored; 0: deleted is gone.')
@minValue(0)
@maxValue(365)
param exportSoftDeleteDays int = 0

@description('Days for which a deleted Key Vault or secret can be recovered.')
@minValue(7)
@maxValue(90)
param keyVaultSoftDeleteDays int = 90

@description('Whether nobody can purge a deleted Key Vault or secret before that. Cannot be switched off again.')
param keyVaultPurgeProtection bool = true

@description('Whether to recover the Key Vault that an earlier deployment of the same name and resource group left deleted.')
param recoverKeyVault bool = false

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Most gigabytes of logs per day; what is beyond is lost.')
@minValue(1)
@maxValue(1000)
param logDailyQuotaGigabytes int = 1

@description('Mail address that alerts go to; empty: no alerts.')
@maxLength(254)
param alertEmailAddress string = ''

@description('Whether a container registry for configurations is made.')
param containerRegistry bool = false

@description('Whether storage, Key Vault and registry are reached through private endpoints of a virtual network only.')
param privateNetwork bool = true

@description('Address range of the virtual network, /27 to /16.')
@minLength(9)
@maxLength(18)
param networkAddressPrefix string = '10.90.0.0/24'

@description('Whether what leaves the virtual network goes through a NAT gateway. Without it the source and Entra ID have to be reached through a network path of your own.')
param natGateway bool = true

@description('Public IPv4 addresses or ranges (at most /30) that reach export storage and Key Vault beside the virtual network.')
param allowedIpRanges string[] = []

@description('Whether the app is reached from the internet; false, with privateNetwork: by a private endpoint alone, and packages have to be deployed from inside the network, too.')
param publicApp bool = true

@description('Public IPv4 ranges that may call the app, such as 203.0.113.0/24; empty: all.')
param allowedCallerRanges string[] = []

var SERVICE_NAME = 'export'
var PACKAGE_CONTAINER = 'deployment-package'
var HOURS_PER_DAY = 24
var DEFAULT_RETENTION_HOURS = 168

var suffix = uniqueString(resourceGroup().id, name)
var appName = '${name}-${suffix}'

// The app deletes first; the rule takes what is left.
var leastDeleteAfterDays = (settings.?JOB_RETENTION_HOURS ?? DEFAULT_RETENTION_HOURS) / HOURS_PER_DAY + 3

var blobZone = 'privatelink.blob.${az.environment().suffixes.storage}'
var dfsZone = 'privatelink.dfs.${az.environment().suffixes.storage}'
var queueZone = 'privatelink.queue.${az.environment().suffixes.storage}'
var tableZone = 'privatelink.table.${az.environment().suffixes.storage}'
var vaultZone = 'privatelink.vaultcore.azure.net'
var registryZone = 'privatelink${az.environment().suffixes.acrLoginServer}'
var appZone = 'privatelink.azurewebsites.net'

var dnsZoneNames = concat(
  [
    blobZone
    queueZone
    tableZone
    vaultZone
  ],
  hierarchicalNamespace ? [dfsZone] : [],
  containerRegistry ? [registryZone] : [],
  publicApp ? [] : [appZone]
)

module identity 'modules/identity.bicep' = {
  params: {
    name: '${name}-${suffix}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: '${name}-logs-${suffix}'
    insightsName: '${name}-insights-${suffix}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyQuotaGigabytes: logDailyQuotaGigabytes
  }
}

module runtimeStorage 'modules/runtimeStorage.bicep' = {
  params: {
    name: take('rt${name}${suffix}', 24)
    location: location
    tags: tags
    skuName: storageSkuName
    isPrivate: privateNetwork
    packageContainerName: PACKAGE_CONTAINER
  }
}

module exportStorage 'modules/exportStorage.bicep' = {
  params: {
    name: take('ex${name}${suffix}', 24)
    location: location
    tags: tags
    skuName: storageSkuName
    hasHierarchicalNamespace: hierarchicalNamespace
    isPrivate: privateNetwork
    allowedIpRanges: allowedIpRanges
    exportContainers: exportContainers
    deleteAfterDays: max(exportDeleteAfterDays, leastDeleteAfterDays)
    softDeleteDays: exportSoftDeleteDays
  }
}

module keyVault 'modules/keyVault.bicep' = {
  params: {
    name: take('${name}${suffix}', 24)
    location: location
    tags: tags
    isPrivate: privateNetwork
    allowedIpRanges: allowedIpRanges
    softDeleteDays: keyVaultSoftDeleteDays
    hasPurgeProtection: keyVaultPurgeProtection
    isRecovered: recoverKeyVault
  }
}

module registry 'modules/registry.bicep' = if (containerRegistry) {
  params: {
    name: '${name}${suffix}'
    location: location
    tags: tags
    isPrivate: privateNetwork
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-network-${suffix}'
    location: location
    tags: tags
    addressPrefix: networkAddressPrefix
    hasNatGateway: natGateway
    dnsZoneNames: dnsZoneNames
  }
}

module runtimeBlobEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-runtime-blob-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: runtimeStorage.outputs.id
    groupId: 'blob'
    dnsZoneName: blobZone
  }
}

module runtimeQueueEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-runtime-queue-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: runtimeStorage.outputs.id
    groupId: 'queue'
    dnsZoneName: queueZone
  }
}

module runtimeTableEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-runtime-table-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: runtimeStorage.outputs.id
    groupId: 'table'
    dnsZoneName: tableZone
  }
}

module exportBlobEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-export-blob-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: exportStorage.outputs.id
    groupId: 'blob'
    dnsZoneName: blobZone
  }
}

module exportDfsEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork && hierarchicalNamespace) {
  params: {
    name: '${name}-export-dfs-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: exportStorage.outputs.id
    groupId: 'dfs'
    dnsZoneName: dfsZone
  }
}

module keyVaultEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork) {
  params: {
    name: '${name}-vault-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: keyVault.outputs.id
    groupId: 'vault'
    dnsZoneName: vaultZone
  }
}

module registryEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork && containerRegistry) {
  params: {
    name: '${name}-registry-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: registry!.outputs.id
    groupId: 'registry'
    dnsZoneName: registryZone
  }
}

module appEndpoint 'modules/privateEndpoint.bicep' = if (privateNetwork && !publicApp) {
  params: {
    name: '${name}-app-${suffix}'
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    targetId: functionApp.outputs.id
    groupId: 'sites'
    dnsZoneName: appZone
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    appPrincipalId: identity.outputs.principalId
    configurationAuthors: configurationAuthors
    runtimeStorageName: runtimeStorage.outputs.name
    exportStorageName: exportStorage.outputs.name
    configurationContainerName: exportStorage.outputs.configurationContainer
    keyVaultName: keyVault.outputs.name
    insightsName: monitoring.outputs.insightsName
    registryName: containerRegistry ? registry!.outputs.name : ''
  }
}

module fhirRole 'modules/fhirRole.bicep' = if (!empty(fhirServiceId)) {
  scope: resourceGroup(
    split(fhirServiceId, '/')[?2] ?? subscription().subscriptionId,
    split(fhirServiceId, '/')[?4] ?? resourceGroup().name
  )
  params: {
    fhirServiceName: '${split(fhirServiceId, '/')[?8] ?? ''}/${split(fhirServiceId, '/')[?10] ?? ''}'
    appPrincipalId: identity.outputs.principalId
  }
}

module sourceStorageRole 'modules/sourceStorageRole.bicep' = if (!empty(sourceStorageId)) {
  scope: resourceGroup(
    split(sourceStorageId, '/')[?2] ?? subscription().subscriptionId,
    split(sourceStorageId, '/')[?4] ?? resourceGroup().name
  )
  params: {
    storageName: split(sourceStorageId, '/')[?8] ?? ''
    appPrincipalId: identity.outputs.principalId
  }
}

module functionApp 'modules/functionApp.bicep' = {
  params: {
    planName: '${name}-plan-${suffix}'
    appName: appName
    location: location
    tags: tags
    serviceName: SERVICE_NAME
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyDurable: alwaysReadyDurable
    runtimeStorageName: runtimeStorage.outputs.name
    packageContainerUrl: runtimeStorage.outputs.packageContainerUrl
    exportBlobServiceUri: exportStorage.outputs.blobServiceUri
    sourceStorageName: split(sourceStorageId, '/')[?8] ?? ''
    keyVaultUri: keyVault.outputs.uri
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    registryLoginServer: containerRegistry ? registry!.outputs.loginServer : ''
    settings: settings
    keyVaultSettings: keyVaultSettings
    anonymizationKeyNames: anonymizationKeyNames
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    isPublic: publicApp || !privateNetwork
    allowedCallerRanges: allowedCallerRanges
    entraAuthentication: entraAuthentication
  }
  // The host does not start before it can read and write its storage.
  dependsOn: [
    roles
    runtimeBlobEndpoint
    runtimeQueueEndpoint
    runtimeTableEndpoint
    exportBlobEndpoint
    keyVaultEndpoint
  ]
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmailAddress)) {
  params: {
    name: name
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    emailAddress: alertEmailAddress
  }
}

@description('Name of the function app.')
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Base URL of the exports.')
output FHIR_EXPORT_BASE_URL string = 'https://${functionApp.outputs.hostName}/fhir'

@description('URL of the blob service of the exports.')
output EXPORT_STORAGE_BLOB_SERVICE_URI string = exportStorage.outputs.blobServiceUri

@description('Name of the Key Vault.')
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name

@description('Client id of the identity of the app, to let it in at the source.')
output APP_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Host name of the container registry; empty: there is none.')
output CONTAINER_REGISTRY_LOGIN_SERVER string = containerRegistry ? registry!.outputs.loginServer : ''

@description('Public address that the app calls the source from; empty without NAT gateway.')
output OUTBOUND_ADDRESS string = privateNetwork ? network!.outputs.outboundAddress : ''
