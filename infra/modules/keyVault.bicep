metadata description = 'Key Vault of the keys that configurations name and of the credentials for the source. Secrets are put there by people, never by this template.'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether the vault is reached through private endpoints and allowedIpRanges only.')
param isPrivate bool

@description('Public IPv4 addresses or ranges that reach the vault all the same.')
param allowedIpRanges string[]

@description('Days for which a deleted vault or secret can be recovered.')
@minValue(7)
@maxValue(90)
param softDeleteDays int

@description('Whether nobody can purge a deleted vault or secret before these days are over. Cannot be switched off again.')
param hasPurgeProtection bool

@description('Whether the vault of this name, deleted before, is to be recovered instead of made.')
param isRecovered bool

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    createMode: isRecovered ? 'recover' : 'default'
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: softDeleteDays
    // The service refuses false where it was ever true.
    enablePurgeProtection: hasPurgeProtection ? true : null
    publicNetworkAccess: isPrivate && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: [
        for range in allowedIpRanges: {
          value: range
        }
      ]
    }
  }
}

@description('Resource id of the vault.')
output id string = vault.id

@description('Name of the vault.')
output name string = vault.name

@description('URL of the vault.')
output uri string = vault.properties.vaultUri
