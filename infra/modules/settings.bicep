@export()
@sealed()
type ExportSettings = {
  FHIR_SERVER_URL: string
  @minValue(1)
  JOB_RETENTION_HOURS: int?
  FHIR_VERSION: ('STU3' | 'R4')?
}
@export()
type KeyVaultSettings = {
  ANONYMIZATION_REGISTRY_CREDENTIALS: string?
  @description('x')
  *: string
}
