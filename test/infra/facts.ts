/**
 * Facts of Azure that the templates are checked against where no Bicep compiler is there, whose type definitions say
 * the same and more. Types and versions as the compiler 0.49.2 has them.
 */
export const RESOURCE_TYPES: Readonly<Record<string, string>> = {
  'Microsoft.Authorization/roleAssignments': '2022-04-01',
  'Microsoft.ContainerRegistry/registries': '2025-04-01',
  'Microsoft.HealthcareApis/workspaces/fhirservices': '2024-03-31',
  'Microsoft.Insights/actionGroups': '2023-01-01',
  'Microsoft.Insights/components': '2020-02-02',
  'Microsoft.Insights/scheduledQueryRules': '2026-03-01',
  'Microsoft.KeyVault/vaults': '2025-05-01',
  'Microsoft.ManagedIdentity/userAssignedIdentities': '2024-11-30',
  'Microsoft.Network/natGateways': '2025-01-01',
  'Microsoft.Network/networkSecurityGroups': '2025-01-01',
  'Microsoft.Network/privateDnsZones': '2024-06-01',
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': '2024-06-01',
  'Microsoft.Network/privateEndpoints': '2025-01-01',
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': '2025-01-01',
  'Microsoft.Network/publicIPAddresses': '2025-01-01',
  'Microsoft.Network/virtualNetworks': '2025-01-01',
  'Microsoft.OperationalInsights/workspaces': '2025-02-01',
  'Microsoft.Storage/storageAccounts': '2025-01-01',
  'Microsoft.Storage/storageAccounts/blobServices': '2025-01-01',
  'Microsoft.Storage/storageAccounts/blobServices/containers': '2025-01-01',
  'Microsoft.Storage/storageAccounts/managementPolicies': '2025-01-01',
  'Microsoft.Web/serverfarms': '2025-03-01',
  'Microsoft.Web/sites': '2025-03-01',
  'Microsoft.Web/sites/basicPublishingCredentialsPolicies': '2025-03-01',
  'Microsoft.Web/sites/config': '2025-03-01',
};

/** Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
export const ROLE_IDS: Readonly<Record<string, string>> = {
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
  AcrPush: '8311e382-0749-4cb8-b61a-304f252e45ec',
  'FHIR Data Reader': '4c8d0bbc-75d3-4935-991f-5f3c56d81508',
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6',
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb',
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
};

/** App settings that are read by the platform, not by the app: who reads each. */
export const PLATFORM_SETTINGS: Readonly<Record<string, string>> = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'the Functions host',
  APPLICATIONINSIGHTS_CONNECTION_STRING: 'the Functions host',
  AZURE_CLIENT_ID: '@azure/identity, where code names no identity',
  AzureWebJobsStorage__credential: 'the Functions host',
  MALLOC_ARENA_MAX: 'glibc, as the worker starts',
  MALLOC_MMAP_THRESHOLD_: 'glibc, as the worker starts',
  languageWorkers__node__arguments: 'the Functions host',
};

/**
 * Settings of other plans that Flex Consumption refuses:
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
 */
export const REFUSED_BY_FLEX_CONSUMPTION =
  /^(FUNCTIONS_(EXTENSION_VERSION|WORKER_RUNTIME|WORKER_PROCESS_COUNT|MAX_HTTP_CONCURRENCY)|WEBSITE_.*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|TZ)$/;
