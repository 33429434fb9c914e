// Made from the settings of the app by `npm run generate`: not to be edited.
metadata description = 'Settings of the app as types of parameters.'

@export()
@description('Settings of the app. Those not given have the defaults of the app: docs/settings.md.')
@sealed()
type ExportSettings = {
  @description('Base URL of the source FHIR server. (an http or https URL without user, query or fragment, e.g. https://fhir.example.org/r4)')
  FHIR_SERVER_URL: string

  @description('FHIR version of the source. (default R4)')
  FHIR_VERSION: ('STU3' | 'R4' | 'R4B' | 'R5')?

  @description('How the source is read: a server by search (`search`), by its own Bulk Data export (`bulk`, see Bulk export as the source (docs/source-bulk.md)), or by search where it answers one and by its own export elsewhere (`auto`); or NDJSON files in a container (`files`, see Files as the source (docs/source-files.md)). (default search)')
  SOURCE_MODE: ('search' | 'bulk' | 'auto' | 'files')?

  @description('Hosts beside the source where the files of its own export may be, by https: signed links, as a rule. The credentials of the source are not sent there. (with SOURCE_MODE bulk, auto; hosts separated by commas, with their ports where these are not the usual ones, e.g. files.example.org)')
  SOURCE_FILE_HOSTS: string?

  @description('How long the own export of the source may take, those that it fails before included. Some servers never say that one has failed. (with SOURCE_MODE bulk, auto; hours; default 24)')
  @minValue(1)
  @maxValue(720)
  SOURCE_EXPORT_MAX_HOURS: int?

  @description('Container of the files. (with SOURCE_MODE files (required); the name of a container)')
  SOURCE_CONTAINER: string?

  @description('What the names of the files begin with; all files of the container where it is not set. (with SOURCE_MODE files; text, mostly a folder that ends with /)')
  SOURCE_PREFIX: string?

  @description('How the app authenticates itself at the source: see Authentication at the source (docs/source-authentication.md). All but `none` need a source by https, unless it is on this machine. (default none)')
  SOURCE_AUTHENTICATION: ('none' | 'header' | 'managed-identity' | 'smart' | 'client-credentials')?

  @description('Header that every request to the source has. (with SOURCE_AUTHENTICATION header; the name of a header that lets a client in, such as Authorization or X-Api-Key; default Authorization)')
  SOURCE_HEADER_NAME: string?

  @description('Client id at the token endpoint, or of the user-assigned managed identity. (with SOURCE_AUTHENTICATION managed-identity, smart (required), client-credentials (required); printable ASCII, 4096 characters at most)')
  SOURCE_CLIENT_ID: string?

  @description('Requested with a token. `smart`: `system/*.rs` unless set; `managed-identity`: `https://<host of the source>/.default` unless set. (with SOURCE_AUTHENTICATION managed-identity, smart, client-credentials; scopes, separated by single spaces)')
  SOURCE_SCOPE: string?

  @description('`kid` of the key at the source, where the JWK has none. (with SOURCE_AUTHENTICATION smart)')
  SOURCE_KEY_ID: string?

  @description('Token endpoint. With `smart` instead of the one in `.well-known/smart-configuration`, and needed where that is on another server than the source. (with SOURCE_AUTHENTICATION smart, client-credentials (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  SOURCE_TOKEN_URL: string?

  @description('Certificates of private authorities that the source, its token endpoint and `SMART_JWKS_URL` are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is honored, too, where this is not set. (one or more certificates in PEM (-----BEGIN CERTIFICATE-----))')
  SOURCE_CA: string?

  @description('Proxy for requests to the source, its token endpoint and registries; `HTTP_PROXY` where it is not set. Never for this machine itself (`localhost`, `127.0.0.1`). In small letters, too. (the http or https URL of a proxy, e.g. http://proxy.example.org:3128)')
  HTTPS_PROXY: string?

  @description('The same for `http` URLs. (the http or https URL of a proxy, e.g. http://proxy.example.org:3128)')
  HTTP_PROXY: string?

  @description('Hosts, with all below them, that are reached without a proxy. (hosts, separated by commas; `*` for all)')
  NO_PROXY: string?

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

  @description('Most requests at a time that one instance has at the source, of all its jobs; fewer while it answers 503, and not faster than it permits where it answers 429. (requests; default 8)')
  @minValue(1)
  @maxValue(256)
  SOURCE_MAX_REQUESTS: int?

  @description('Largest page taken into memory; a larger one is asked for again with half the page size. (MiB; default 32)')
  @minValue(1)
  @maxValue(400)
  SOURCE_MAX_PAGE_MEBIBYTES: int?

  @description('How far `transactionTime` lies behind the source\'s clock, for transactions that are under way. (seconds; default 10)')
  @minValue(0)
  @maxValue(3600)
  TRANSACTION_TIME_MARGIN_SECONDS: int?

  @description('How long the members that an export of a Group had are remembered: longer than the time from one export of a chain to the next. (days; default 100)')
  @minValue(1)
  @maxValue(1000)
  MEMBERSHIP_DAYS: int?

  @description('How callers authenticate themselves: with keys that the Functions host checks, with Entra ID by App Service authentication, with tokens of SMART Backend Services, or not at all, which is for localhost only. See Callers (docs/authorization.md). (default function-keys)')
  AUTHENTICATION: ('function-keys' | 'entra' | 'smart' | 'none')?

  @description('The tenant whose users and applications may call, with the app roles `Export.Read`, `Export.Raw` and `DeIdentify`. (with AUTHENTICATION entra (required); the id of a tenant, a GUID)')
  ENTRA_TENANT_ID: string?

  @description('Public client by which the [exports page](console.md#sign-in-with-entra-id) of the console signs users in. Unless set, a token is pasted there. (with AUTHENTICATION entra; the client id of an app registration, a GUID)')
  ENTRA_CONSOLE_CLIENT_ID: string?

  @description('What the exports page asks a token for. With `ENTRA_CONSOLE_CLIENT_ID`, and needed there. (with AUTHENTICATION entra; one scope of this app, such as api://<client id>/user_impersonation)')
  ENTRA_CONSOLE_SCOPE: string?

  @description('Where the exports page signs users in: Entra ID of the cloud that the tenant is in. (with AUTHENTICATION entra; an https URL of a host alone, such as https://login.microsoftonline.us; default https://login.microsoftonline.com)')
  ENTRA_AUTHORITY: string?

  @description('What `aud` of a token has to name, usually the FHIR base of this app. (with AUTHENTICATION smart (required))')
  SMART_AUDIENCE: string?

  @description('The authorization server, as `iss` in its tokens. (with AUTHENTICATION smart (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  SMART_ISSUER: string?

  @description('Where the public keys of the authorization server are. (with AUTHENTICATION smart (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  SMART_JWKS_URL: string?

  @description('The token endpoint that `.well-known/smart-configuration` names. (with AUTHENTICATION smart (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  SMART_TOKEN_URL: string?

  @description('Algorithms that tokens may be signed with. (with AUTHENTICATION smart; some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, separated by commas; default RS384, ES384)')
  SMART_ALGORITHMS: string?

  @description('How far the authorization server\'s clock may be off. (with AUTHENTICATION smart; seconds; default 60)')
  @minValue(0)
  @maxValue(300)
  SMART_CLOCK_SKEW_SECONDS: int?

  @description('The scope that permits raw exports and searches without limits. Unless set, no caller is permitted. (with AUTHENTICATION smart; one scope of its own that does not begin with system/, such as export.raw)')
  SMART_RAW_SCOPE: string?

  @description('The scope that permits `$de-identify` (docs/de-identify-operation.md), and nothing else. (with AUTHENTICATION smart; one scope of its own that does not begin with system/, such as de-identify)')
  SMART_DE_IDENTIFY_SCOPE: string?

  @description('Search parameters that `_typeFilter` may use without the permission for raw exports. Unless set: code, category, type, class, status, clinical-status, verification-status, intent, priority, severity, vaccine-code, combo-code, component-code, date, onset-date, recorded-date, abatement-date, authored, authoredon, effective, effective-time, issued. With `function-keys` and `none`, where callers are not distinguished, only if set. (names of search parameters without modifiers and chains, separated by commas, such as code, category, date)')
  TYPE_FILTER_PARAMETERS: string?

  @description('Parts of a job (a type under one alternative of `_typeFilter`) that are of fewer patients, or of none, are withheld, unless the caller has the permission for raw exports; 0: no such limit. Unless set: 10 with `entra` and `smart`, none with `function-keys` and `none`. (patients)')
  @minValue(0)
  @maxValue(1000)
  MIN_PATIENTS: int?

  @description('FHIR base URL as clients know it, where a gateway is in front of the app; every URL in an answer begins with it. Where clients know it by several hosts, one URL for each: the first is used unless `X-Original-Host` or `X-Forwarded-Host` names the host of another. See [Behind a gateway](operations.md#behind-a-gateway). Unless set: the host of the request. (https URLs without user, query and fragment, separated by commas, e.g. https://api.example.org/hospital/fhir)')
  PUBLIC_BASE_URL: string?

  @description('Whether the app serves the console (docs/console.md) at `/console`: static files without any data, which everybody may have. (default on)')
  CONSOLE: ('on' | 'off')?

  @description('Exports that may run at the same time; a kick-off beyond is 429 with `Retry-After`. (exports; default 100)')
  @minValue(1)
  @maxValue(10000)
  MAX_RUNNING_EXPORTS: int?

  @description('Of these, exports of one caller, where callers are distinguished (`entra`, `smart`). The second export of a caller gets half of the `PARALLEL_PARTITIONS`, the third a third, and so on. (exports; default 5)')
  @minValue(1)
  @maxValue(10000)
  MAX_RUNNING_EXPORTS_PER_CALLER: int?

  @description('Whether an export without a configuration, that is with identities, may be started. Where there is a default configuration, a request has to ask for it with `_raw=true`, too. (default false)')
  ALLOW_RAW_EXPORT: ('true' | 'false')?

  @description('Whether an export may go into a container that holds something else than such exports: raw beside de-identified data, the output of another configuration, files of unknown origin. (default false)')
  ALLOW_MIXED_CONTAINERS: ('true' | 'false')?

  @description('Configuration of every kick-off that names none: a blob in container `anonymization`. A client that knows nothing of de-identification gets de-identified data. (the name of a configuration file, such as hipaa-safe-harbor-r4.json)')
  DEFAULT_ANONYMIZATION_CONFIG: string?

  @description('Image that `DEFAULT_ANONYMIZATION_CONFIG` is a file of, instead of a blob. (registry/image:tag or registry/image@sha256:…)')
  DEFAULT_ANONYMIZATION_CONFIG_REFERENCE: string?

  @description('Whether a configuration is refused whose rules leave what may be an identity, as its parameter `requireCoverage` does. (default false)')
  REQUIRE_COVERAGE: ('true' | 'false')?

  @description('What is done about de-identified resources that are not valid FHIR: `report` counts them by type, element and reason in `report.json`; `refuse` makes each an error, as one that cannot be anonymized. It holds for jobs that begin after it is set. (default report)')
  VALIDATE_OUTPUT: ('off' | 'report' | 'refuse')?

  @description('Fewest Patients of an export that have to share each combination of quasi-identifiers (docs/risk.md): where fewer do, the job ends without data; 0: no such limit. A configuration can ask for more (`minClassSize`), never for fewer. Not of raw exports. It holds for jobs that begin after it is set. (patients; default 0)')
  @minValue(0)
  @maxValue(1000000)
  MIN_CLASS_SIZE: int?

  @description('Counts from 1 to below it are not shown in `report.html` and `report-shared.json`, nor what would reveal one by subtraction (The release report (docs/report.md)); 0: all are shown. (0 or a whole number from 3 to 1000; default 10)')
  REPORT_MIN_COUNT: string?

  @description('Which configurations count as de-identification; what others export is raw data. `container`: all that can be read, since anyone who can write container `anonymization` or a registry of `ANONYMIZATION_REGISTRIES` approves; `coverage`: those whose coverage is complete, and those of `CONFIGURATION_DIGESTS`; `digest`: the latter alone. Unless set: `coverage` with `entra` and `smart`, `container` with `function-keys` and `none`.')
  CONFIGURATION_APPROVAL: ('container' | 'coverage' | 'digest')?

  @description('SHA-256 digests of configuration files that count as de-identification whatever they leave, as manifests and kick-offs name them. (digests of configurations, sha256: and 64 hexadecimal digits, separated by commas)')
  CONFIGURATION_DIGESTS: string?

  @description('OCI registries that configurations may be read from, always over TLS. No other is contacted: where a registry takes its tokens from another host, that is named here, too. Where an entry names a repository, nothing else of that registry is read. (hosts of registries, each with its port if that is not 443, without https://, or repositories of them (host/repository, without tag), separated by commas)')
  ANONYMIZATION_REGISTRIES: string?

  @description('Certificates of private authorities that registries are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is honored, too, where this is not set. (one or more certificates in PEM (-----BEGIN CERTIFICATE-----))')
  ANONYMIZATION_REGISTRY_CA: string?

  @description('What makes the pseudonyms of rules `pseudonymize`: see Pseudonym services (docs/pseudonym-services.md). `local`: a table in the storage account of the runtime. (default none)')
  PSEUDONYM_SERVICE: ('none' | 'local' | 'gpas' | 'vfps' | 'entici')?

  @description('Base URL of the pseudonym service, by https unless it is on this machine. (with PSEUDONYM_SERVICE gpas (required), vfps (required), entici (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  PSEUDONYM_URL: string?

  @description('Version of gPAS whose operations are called: `1.10.3` and all later ones (`$pseudonymizeAllowCreate`), or `1.10.2` (`$pseudonymize-allow-create`). (with PSEUDONYM_SERVICE gpas; default 1.10.3)')
  PSEUDONYM_GPAS_VERSION: ('1.10.3' | '1.10.2')?

  @description('How the app authenticates itself at the pseudonym service: as at the source (docs/source-authentication.md), with the settings that begin with `PSEUDONYM_`. (default none)')
  PSEUDONYM_AUTHENTICATION: ('none' | 'header' | 'managed-identity' | 'client-credentials')?

  @description('Header that every request to the pseudonym service has. (with PSEUDONYM_AUTHENTICATION header; the name of a header that lets a client in, such as Authorization or X-Api-Key; default Authorization)')
  PSEUDONYM_HEADER_NAME: string?

  @description('Client id at the token endpoint, or of the user-assigned managed identity. (with PSEUDONYM_AUTHENTICATION managed-identity, client-credentials (required); printable ASCII, 4096 characters at most)')
  PSEUDONYM_CLIENT_ID: string?

  @description('Requested with a token. `managed-identity`: `https://<host of the service>/.default` unless set. (with PSEUDONYM_AUTHENTICATION managed-identity, client-credentials; scopes, separated by single spaces)')
  PSEUDONYM_SCOPE: string?

  @description('Token endpoint. (with PSEUDONYM_AUTHENTICATION client-credentials (required); an https URL without user and fragment, e.g. https://login.example.org/token)')
  PSEUDONYM_TOKEN_URL: string?

  @description('Certificates of private authorities that the pseudonym service and its token endpoint are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is honored, too, where this is not set. (one or more certificates in PEM (-----BEGIN CERTIFICATE-----))')
  PSEUDONYM_CA: string?

  @description('Values of one request, where the service takes several (`gpas`). (values; default 100)')
  @minValue(1)
  @maxValue(1000)
  PSEUDONYM_BATCH_SIZE: int?

  @description('Most requests at a time that one instance has at the pseudonym service, of all its jobs. (requests; default 8)')
  @minValue(1)
  @maxValue(256)
  PSEUDONYM_MAX_REQUESTS: int?

  @description('How long one request to the pseudonym service may take, to the last byte. (seconds; default 30)')
  @minValue(1)
  @maxValue(600)
  PSEUDONYM_TIMEOUT_SECONDS: int?

  @description('Attempts per request on 408, 429, 5xx, timeouts and cut connections, before the slice is tried again. (attempts; default 6)')
  @minValue(1)
  @maxValue(20)
  PSEUDONYM_MAX_ATTEMPTS: int?

  @description('What callers may have domains begin with, by `_domainPrefix`. Who may name a prefix gets pseudonyms that fit other exports with it. (texts separated by commas, such as project-a-)')
  PSEUDONYM_DOMAIN_PREFIXES: string?

  @description('Whether `POST [base]/$de-identify` answers with the de-identified form of what is sent. It takes a permission of its own: see The operation `$de-identify` (docs/de-identify-operation.md). (default off)')
  DE_IDENTIFY: ('off' | 'on')?

  @description('Whether everybody may use it whom `AUTHENTICATION` lets in, with `function-keys` and `none`, where callers are not distinguished. With these it is on only if this is true. (with DE_IDENTIFY on; default false)')
  DE_IDENTIFY_ANY_CALLER: ('true' | 'false')?

  @description('Largest body of a request; a larger one is 413. (with DE_IDENTIFY on; MiB; default 4)')
  @minValue(1)
  @maxValue(16)
  DE_IDENTIFY_MAX_MEBIBYTES: int?

  @description('Requests of one caller that one instance answers in a minute; one beyond is 429 with `Retry-After`. (with DE_IDENTIFY on; requests; default 600)')
  @minValue(1)
  @maxValue(60000)
  DE_IDENTIFY_REQUESTS_PER_MINUTE: int?

  @description('Requests of one caller that one instance works on at the same time; one beyond is 429 with `Retry-After`. (with DE_IDENTIFY on; requests; default 4)')
  @minValue(1)
  @maxValue(16)
  DE_IDENTIFY_PARALLEL: int?

  @description('Where the manifest\'s URLs lead: to the app\'s own download route, under its authorization, or straight to the blobs by SAS links, made anew for each request of the manifest. (default app)')
  DOWNLOAD_LINKS: ('app' | 'sas')?

  @description('How long a SAS link of a manifest works, never beyond the retention of the job. (minutes; default 60)')
  @minValue(5)
  @maxValue(1440)
  SAS_LIFETIME_MINUTES: int?

  @description('Version of the Bulk Data Access guide by which a request is read and answered that names none: STU 2 (STU 3 differs by its parameters only, which both understand), or the ballot of STU 4, which takes a `POST` alone. (default 2.0.0)')
  BULK_DATA_VERSION: ('2.0.0' | '3.0.0' | '4.0.0-ballot')?

  @description('Origins of web pages whose scripts may use the interface. (origins separated by commas, in lower case and without path or closing slash, e.g. https://app.example.org; or *)')
  CORS_ORIGINS: string?

  @description('Whether a kick-off has to send `Accept: application/fhir+json`. Otherwise one without `Accept`, or with `*/*` or `application/json`, is taken, too. (default false)')
  REQUIRE_ACCEPT: ('true' | 'false')?

  @description('How long a finished job and its files stay. (hours; default 168)')
  @minValue(1)
  @maxValue(8760)
  JOB_RETENTION_HOURS: int?

  @description('Threads that read, anonymize and write, besides the main one. `auto`: as many as there are cores, none where there is one. Of these, jobs use as many as they are large: one for each 200,000 resources, as the source counts them. A job of at most 10,000 runs on the main thread. (auto or a whole number from 0 to 16; default auto)')
  WORKER_THREADS: string?

  @description('Partitions of one job that are read at the same time. (partitions; default 4)')
  @minValue(1)
  @maxValue(64)
  PARALLEL_PARTITIONS: int?

  @description('Resources of a type above which it is split into partitions by `meta.lastUpdated`; sooner where a job has few for its workers. (resources; default 50000)')
  @minValue(1000)
  @maxValue(100000000)
  PARTITION_RESOURCES: int?

  @description('Pages one activity call reads. (pages; default 400)')
  @minValue(1)
  @maxValue(10000)
  SLICE_MAX_PAGES: int?

  @description('Bytes one activity call writes, which is the size of one file (the page in hand is finished). (MiB; default 256)')
  @minValue(1)
  @maxValue(4096)
  SLICE_MAX_MEBIBYTES: int?

  @description('Time one activity call takes before it returns where to go on (the page in hand is finished). The app does not start where all attempts for that page could outlast `functionTimeout` of `host.json`, 30 minutes. (seconds; default 120)')
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
}

@export()
@description('Settings that are secrets: for each the name of a secret in the Key Vault.')
@sealed()
type KeyVaultSettings = {
  @description('Value of the header, such as `Bearer …`. (with SOURCE_AUTHENTICATION header (required); printable ASCII on one line)')
  SOURCE_HEADER_VALUE: string?

  @description('Key that assertions are signed with: RSA of 2048 bits or more (signs RS384), or EC P-384 (ES384). (with SOURCE_AUTHENTICATION smart (required); a private key as a JWK, or in PEM without a passphrase (-----BEGIN PRIVATE KEY-----))')
  SOURCE_PRIVATE_KEY: string?

  @description('Secret of the client. (with SOURCE_AUTHENTICATION client-credentials (required))')
  SOURCE_CLIENT_SECRET: string?

  @description('Key under which the members that an export of a Group had are remembered, as digests, in the storage account of the runtime. With it, an export by `_since` knows who has joined the Group since the export before: see [Members who join and leave](consistency.md#members-who-join-and-leave). Without it, nothing is remembered. (text of 32 characters or more)')
  MEMBERSHIP_KEY: string?

  @description('Users and passwords by registry. A registry without is read anonymously; one of Azure (`*.azurecr.io`) with the managed identity, which needs the role AcrPull. (JSON as in Docker\'s config.json: {"auths":{"registry.example.org":{"username":"…","password":"…"}}}, or "auth" with Base64 of user:password)')
  ANONYMIZATION_REGISTRY_CREDENTIALS: string?

  @description('Key under which values are looked up in the table. With another key, every value gets another pseudonym. (with PSEUDONYM_SERVICE local (required); text of 32 characters or more)')
  PSEUDONYM_KEY: string?

  @description('Value of the header, such as `Bearer …`. (with PSEUDONYM_AUTHENTICATION header (required); printable ASCII on one line)')
  PSEUDONYM_HEADER_VALUE: string?

  @description('Secret of the client. (with PSEUDONYM_AUTHENTICATION client-credentials (required))')
  PSEUDONYM_CLIENT_SECRET: string?
}
