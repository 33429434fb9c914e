// Made from the settings of the app by `npm run infra:generate`: not to be edited.
metadata description = 'Settings of the app as types of parameters.'

@export()
@description('Settings of the app. Those not given have the defaults of the app.')
@sealed()
type ExportSettings = {
  @description('Base URL of the source FHIR server. (http(s) URL without query)')
  FHIR_SERVER_URL: string

  @description('FHIR version of the source. (default R4)')
  FHIR_VERSION: ('STU3' | 'R4' | 'R4B' | 'R5')?

  @description('Whether an export without a configuration, that is with identities, may be started. (default false)')
  ALLOW_RAW_EXPORT: ('true' | 'false')?

  @description('OCI registries that configurations may be read from, always over TLS. No other is contacted: where a registry takes its tokens from another host, that is named here, too. (`host` or `host:port`, comma-separated)')
  ANONYMIZATION_REGISTRIES: string?

  @description('Certificates of private authorities that registries are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is heeded, too, where this is not set. (PEM)')
  ANONYMIZATION_REGISTRY_CA: string?

  @description('Threads that read, anonymize and write, besides the main one. `auto`: as many as there are cores, none where there is one: then the main thread does it. (threads; auto, 0 to 16; default auto)')
  WORKER_THREADS: string?

  @description('Resources asked for per page (`_count`); halved for a source that refuses it or times out. (resources; default 500)')
  @minValue(1)
  @maxValue(10000)
  PAGE_SIZE: int?

  @description('How long one request to the source may take, to the last byte. (seconds; default 60)')
  @minValue(1)
  @maxValue(600)
  SOURCE_TIMEOUT_SECONDS: int?

  @description('Attempts per request on 408, 429, 5xx and cut connections, before the slice is tried again. (attempts; default 6)')
  @minValue(1)
  @maxValue(20)
  SOURCE_MAX_ATTEMPTS: int?

  @description('Largest page taken into memory; a larger one is asked for again with half the page size. (MiB; default 32)')
  @minValue(1)
  @maxValue(400)
  SOURCE_MAX_PAGE_MEBIBYTES: int?

  @description('How far `transactionTime` lies behind the source\'s clock, for transactions that are under way. (seconds; default 10)')
  @minValue(0)
  @maxValue(3600)
  TRANSACTION_TIME_MARGIN_SECONDS: int?

  @description('Partitions (resource types) of one job that are read at the same time. (partitions; default 4)')
  @minValue(1)
  @maxValue(64)
  PARALLEL_PARTITIONS: int?

  @description('Pages one activity call reads. (pages; default 400)')
  @minValue(1)
  @maxValue(10000)
  SLICE_MAX_PAGES: int?

  @description('Bytes one activity call writes, which is the size of one file (the page in hand is finished). (MiB; default 256)')
  @minValue(1)
  @maxValue(4096)
  SLICE_MAX_MEBIBYTES: int?

  @description('Time one activity call takes before it returns where to go on (the page in hand is finished). (seconds; default 120)')
  @minValue(1)
  @maxValue(1200)
  SLICE_MAX_SECONDS: int?

  @description('Attempts per activity call before the job fails; with the default wait, half an hour of trying. (attempts; default 12)')
  @minValue(1)
  @maxValue(100)
  ACTIVITY_MAX_ATTEMPTS: int?

  @description('Wait before the second attempt of an activity call; doubled each time, at most five minutes. (seconds; default 5)')
  @minValue(1)
  @maxValue(600)
  ACTIVITY_RETRY_SECONDS: int?

  @description('How long a finished job and its files stay. (hours; default 168)')
  @minValue(1)
  @maxValue(8760)
  JOB_RETENTION_HOURS: int?
}

@export()
@description('Settings that are secrets: for each the name of a secret in the Key Vault.')
@sealed()
type KeyVaultSettings = {
  @description('Users and passwords by registry: `{"auths":{"<host>":{"username":"…","password":"…"}}}`. On Azure, a Key Vault reference. A registry without is read anonymously; one of Azure (`*.azurecr.io`) with the managed identity, which needs the role AcrPull.')
  ANONYMIZATION_REGISTRY_CREDENTIALS: string?
}
