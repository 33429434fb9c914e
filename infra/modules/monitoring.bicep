metadata description = 'Log Analytics workspace and Application Insights, which take what the app logs. No key is accepted, only Entra ID.'

@description('Name of the workspace.')
param workspaceName string

@description('Name of the Application Insights resource.')
param insightsName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('How long logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('Most gigabytes taken in per day; what is logged beyond is lost.')
@minValue(1)
param dailyQuotaGigabytes int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGigabytes
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
    // Addresses of callers are of no use to operations; the platform stores zeros.
    DisableIpMasking: false
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Name of the Application Insights resource.')
output insightsName string = insights.name

@description('Where telemetry goes. It identifies the resource and lets nobody in: keys are refused.')
output insightsConnectionString string = insights.properties.ConnectionString
