import { availableParallelism } from 'node:os';
import {
  authorizationDefinitions,
  type AuthorizationSettings,
  readAuthorizationSettings,
} from './authorizationSettings.js';
import { approvalDefinitions, readApprovalSettings } from './approvalSettings.js';
import type { ApprovalPolicy } from '../export/request/approval.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import type { OciReference } from '../export/request/ociReference.js';
import { LONGEST_PAUSE_MS } from '../export/source/requestLimiter.js';
import {
  type DownloadLinks,
  parseCorsOrigins,
  parseDefaultConfiguration,
  parseDefaultReference,
  parseDownloadLinks,
} from './interfaceSettings.js';
import {
  parseCertificates,
  parseRegistryCredentials,
  isTrusted,
  parseRegistries,
  type RegistryCredentials,
  type RegistrySettings,
  type TrustedRegistries,
} from './registrySettings.js';
import { unresolvedReference } from './keyVaultReference.js';
import { proxyDefinitions, type ProxySettings, readProxySettings } from './proxySettings.js';
import { readSourceSettings, sourceDefinitions, type SourceSettings } from './sourceSettings.js';

/** Where a storage account is and how it is reached: with a connection string, or with an identity. */
export type StorageAccount =
  { connectionString: string } | { blobServiceUri: string; clientId: string | undefined };

/** Every setting of the app, validated. Units are in the names. */
export interface Settings {
  fhirServerUrl: string;
  fhirVersion: FhirVersion;
  exportStorage: StorageAccount;
  runtimeStorage: StorageAccount;
  allowRawExport: boolean;
  allowMixedContainers: boolean;
  /** The configuration of a kick-off that names none: a blob, or a file of the image `collection`. */
  defaultConfiguration: { name: string; collection: OciReference | undefined } | undefined;
  downloadLinks: DownloadLinks;
  sasLifetimeMinutes: number;
  /** Origins of web pages that may read answers; `*` is every one. */
  corsOrigins: ReadonlySet<string>;
  authorization: AuthorizationSettings;
  requireCoverage: boolean;
  /** Which configurations count as de-identification. */
  approval: ApprovalPolicy;
  /** Keys that configurations name with `{"secretName": …}`, by name. */
  secrets: ReadonlyMap<string, string>;
  registries: RegistrySettings;
  source: SourceSettings;
  proxy: ProxySettings;
  pageSize: number;
  sourceTimeoutSeconds: number;
  sourceMaxAttempts: number;
  sourceMaxRequests: number;
  sourceMaxPageMebibytes: number;
  transactionTimeMarginSeconds: number;
  parallelPartitions: number;
  maxRunningExports: number;
  maxRunningExportsPerCaller: number;
  partitionResources: number;
  /** 0: slices run on the main thread. */
  workerThreads: number;
  sliceMaxPages: number;
  sliceMaxMebibytes: number;
  sliceMaxSeconds: number;
  activityMaxAttempts: number;
  activityRetrySeconds: number;
  jobRetentionHours: number;
}

/** One line of the settings table: what `docs/settings.md` shows and what the validation enforces. */
export interface SettingDefinition {
  name: string;
  unit: string;
  default: string;
  bounds: string;
  meaning: string;
}

type Parsed<T> = { value: T } | { problem: string };

interface Setting<T> extends SettingDefinition {
  parse(text: string): Parsed<T>;
}

function wholeNumber(
  name: string,
  unit: string,
  initial: number,
  least: number,
  most: number,
  meaning: string,
): Setting<number> {
  return {
    name,
    unit,
    default: String(initial),
    bounds: `${least} to ${most}`,
    meaning,
    parse: (text) => {
      const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most
        ? { value }
        : { problem: `must be a whole number from ${least} to ${most}${unit === '' ? '' : ` (${unit})`}` };
    },
  };
}

const MOST_WORKER_THREADS = 16;
/** `functionTimeout` in host.json. */
export const FUNCTION_TIMEOUT_SECONDS = 1800;
const FHIR_VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];

const fhirServerUrl: Setting<string> = {
  name: 'FHIR_SERVER_URL',
  unit: '',
  default: '(required)',
  bounds: 'http(s) URL without query',
  meaning: 'Base URL of the source FHIR server.',
  parse: (text) => {
    const problem = {
      problem:
        'must be an http or https URL without user, query or fragment, e.g. https://fhir.example.org/r4',
    };
    if (!URL.canParse(text)) return problem;
    const url = new URL(text);
    if (
      !/^https?:$/.test(url.protocol) ||
      url.search !== '' ||
      url.hash !== '' ||
      `${url.username}${url.password}` !== ''
    ) {
      return problem;
    }
    return { value: url.href.replace(/\/+$/, '') };
  },
};

const fhirVersion: Setting<FhirVersion> = {
  name: 'FHIR_VERSION',
  unit: '',
  default: 'R4',
  bounds: FHIR_VERSIONS.join(', '),
  meaning: 'FHIR version of the source.',
  parse: (text) => {
    const value = FHIR_VERSIONS.find((version) => version === text.toUpperCase());
    return value === undefined ? { problem: `must be one of ${FHIR_VERSIONS.join(', ')}` } : { value };
  },
};

function flag(name: string, meaning: string): Setting<boolean> {
  return {
    name,
    unit: '',
    default: 'false',
    bounds: 'true, false',
    meaning,
    parse: (text) =>
      /^(true|false)$/i.test(text)
        ? { value: text.toLowerCase() === 'true' }
        : { problem: 'must be true or false' },
  };
}

const allowRawExport = flag(
  'ALLOW_RAW_EXPORT',
  'Whether an export without a configuration, that is with identities, may be started. Where there is a default configuration, a request has to ask for it with `_raw=true`, too.',
);

const allowMixedContainers = flag(
  'ALLOW_MIXED_CONTAINERS',
  'Whether an export may go into a container that holds something else than such exports: raw beside de-identified data, the output of another configuration, files of unknown origin.',
);

const defaultConfiguration: Setting<string | undefined> = {
  name: 'DEFAULT_ANONYMIZATION_CONFIG',
  unit: '',
  default: '',
  bounds: 'name of a configuration file',
  meaning:
    'Configuration of every kick-off that names none: a blob in container `anonymization`. A client that knows nothing of de-identification gets de-identified data.',
  parse: parseDefaultConfiguration,
};

const defaultReference: Setting<OciReference | undefined> = {
  name: 'DEFAULT_ANONYMIZATION_CONFIG_REFERENCE',
  unit: '',
  default: '',
  bounds: '`registry/image:tag` or `registry/image@sha256:…`',
  meaning: 'Image that `DEFAULT_ANONYMIZATION_CONFIG` is a file of, instead of a blob.',
  parse: parseDefaultReference,
};

const downloadLinks: Setting<DownloadLinks> = {
  name: 'DOWNLOAD_LINKS',
  unit: '',
  default: 'app',
  bounds: 'app, sas',
  meaning:
    "Where the manifest's URLs lead: to the app's own download route, under its authorization, or straight to the blobs by SAS links, made anew for each request of the manifest.",
  parse: parseDownloadLinks,
};

const corsOrigins: Setting<ReadonlySet<string>> = {
  name: 'CORS_ORIGINS',
  unit: '',
  default: '',
  bounds: '`https://host`, comma-separated, or `*`',
  meaning: 'Origins of web pages whose scripts may use the interface.',
  parse: parseCorsOrigins,
};

const requireCoverage = flag(
  'REQUIRE_COVERAGE',
  'Whether a configuration is refused whose rules leave what may be an identity, as its parameter `requireCoverage` does.',
);

const registries: Setting<TrustedRegistries> = {
  name: 'ANONYMIZATION_REGISTRIES',
  unit: '',
  default: '',
  bounds: '`host`, `host:port` or `host/repository`, comma-separated',
  meaning:
    'OCI registries that configurations may be read from, always over TLS. No other is contacted: where a registry takes its tokens from another host, that is named here, too. Where an entry names a repository, nothing else of that registry is read.',
  parse: parseRegistries,
};

const registryCredentials: Setting<ReadonlyMap<string, RegistryCredentials>> = {
  name: 'ANONYMIZATION_REGISTRY_CREDENTIALS',
  unit: '',
  default: '',
  bounds: "JSON as in Docker's `config.json`",
  meaning:
    'Users and passwords by registry: `{"auths":{"<host>":{"username":"…","password":"…"}}}`. On Azure, a Key Vault reference. A registry without is read anonymously; one of Azure (`*.azurecr.io`) with the managed identity, which needs the role AcrPull.',
  parse: parseRegistryCredentials,
};

const registryClientId: Setting<string | undefined> = {
  name: 'ANONYMIZATION_REGISTRY_CLIENT_ID',
  unit: '',
  default: '',
  bounds: 'client id',
  meaning: 'User-assigned managed identity for registries of Azure, instead of the system-assigned one.',
  parse: (text) =>
    text === '' || /^[\w-]{1,64}$/.test(text)
      ? { value: text === '' ? undefined : text }
      : { problem: 'must be the client id of a managed identity' },
};

const registryCa: Setting<string | undefined> = {
  name: 'ANONYMIZATION_REGISTRY_CA',
  unit: '',
  default: '',
  bounds: 'PEM',
  meaning:
    'Certificates of private authorities that registries are trusted by, besides the public ones. `NODE_EXTRA_CA_CERTS` is heeded, too, where this is not set.',
  parse: parseCertificates,
};

const workerThreads: Setting<number> = {
  name: 'WORKER_THREADS',
  unit: 'threads',
  default: 'auto',
  bounds: 'auto, 0 to 16',
  meaning:
    'Threads that read, anonymize and write, besides the main one. `auto`: as many as there are cores, none where there is one: then the main thread does it.',
  parse: (text) => {
    const cores = availableParallelism();
    if (text.toLowerCase() === 'auto')
      return { value: cores === 1 ? 0 : Math.min(cores, MOST_WORKER_THREADS) };
    return /^\d{1,2}$/.test(text) && Number(text) <= MOST_WORKER_THREADS
      ? { value: Number(text) }
      : { problem: `must be auto or a whole number from 0 to ${MOST_WORKER_THREADS}` };
  },
};

const numbers = {
  sasLifetimeMinutes: wholeNumber(
    'SAS_LIFETIME_MINUTES',
    'minutes',
    60,
    5,
    1440,
    'How long a SAS link of a manifest works, never beyond the retention of the job.',
  ),
  pageSize: wholeNumber(
    'PAGE_SIZE',
    'resources',
    500,
    1,
    10_000,
    'Resources asked for per page (`_count`); halved for a source that refuses it or times out.',
  ),
  sourceTimeoutSeconds: wholeNumber(
    'SOURCE_TIMEOUT_SECONDS',
    'seconds',
    60,
    1,
    600,
    'How long one request to the source may take, to the last byte.',
  ),
  sourceMaxAttempts: wholeNumber(
    'SOURCE_MAX_ATTEMPTS',
    'attempts',
    6,
    1,
    20,
    'Attempts per request on 408, 429, 5xx and cut connections, before the slice is tried again.',
  ),
  sourceMaxRequests: wholeNumber(
    'SOURCE_MAX_REQUESTS',
    'requests',
    8,
    1,
    256,
    'Most requests at a time that one instance has at the source, of all its jobs; fewer while it answers 429 or 503.',
  ),
  sourceMaxPageMebibytes: wholeNumber(
    'SOURCE_MAX_PAGE_MEBIBYTES',
    'MiB',
    32,
    1,
    400,
    'Largest page taken into memory; a larger one is asked for again with half the page size.',
  ),
  transactionTimeMarginSeconds: wholeNumber(
    'TRANSACTION_TIME_MARGIN_SECONDS',
    'seconds',
    10,
    0,
    3600,
    "How far `transactionTime` lies behind the source's clock, for transactions that are under way.",
  ),
  parallelPartitions: wholeNumber(
    'PARALLEL_PARTITIONS',
    'partitions',
    4,
    1,
    64,
    'Partitions of one job that are read at the same time.',
  ),
  maxRunningExports: wholeNumber(
    'MAX_RUNNING_EXPORTS',
    'exports',
    100,
    1,
    10_000,
    'Exports that may run at the same time; a kick-off beyond is 429 with `Retry-After`.',
  ),
  maxRunningExportsPerCaller: wholeNumber(
    'MAX_RUNNING_EXPORTS_PER_CALLER',
    'exports',
    5,
    1,
    10_000,
    'Of these, exports of one caller, where callers are told apart (`entra`, `smart`). The second export of a caller gets half of the `PARALLEL_PARTITIONS`, the third a third, and so on.',
  ),
  partitionResources: wholeNumber(
    'PARTITION_RESOURCES',
    'resources',
    50_000,
    1000,
    100_000_000,
    'Resources of a type above which it is split into partitions by `meta.lastUpdated`; sooner where a job has few for its lanes.',
  ),
  sliceMaxPages: wholeNumber('SLICE_MAX_PAGES', 'pages', 400, 1, 10_000, 'Pages one activity call reads.'),
  sliceMaxMebibytes: wholeNumber(
    'SLICE_MAX_MEBIBYTES',
    'MiB',
    256,
    1,
    4096,
    'Bytes one activity call writes, which is the size of one file (the page in hand is finished).',
  ),
  sliceMaxSeconds: wholeNumber(
    'SLICE_MAX_SECONDS',
    'seconds',
    120,
    1,
    1200,
    'Time one activity call takes before it returns where to go on (the page in hand is finished). The app does not start where all attempts for that page could outlast `functionTimeout` of `host.json`, 30 minutes.',
  ),
  activityMaxAttempts: wholeNumber(
    'ACTIVITY_MAX_ATTEMPTS',
    'attempts',
    12,
    1,
    100,
    'Attempts per activity call before the job fails; with the default wait, half an hour of trying.',
  ),
  activityRetrySeconds: wholeNumber(
    'ACTIVITY_RETRY_SECONDS',
    'seconds',
    5,
    1,
    600,
    'Wait before the second attempt of an activity call; doubled each time, at most five minutes.',
  ),
  jobRetentionHours: wholeNumber(
    'JOB_RETENTION_HOURS',
    'hours',
    168,
    1,
    8760,
    'How long a finished job and its files stay.',
  ),
} as const satisfies Partial<Record<keyof Settings, Setting<number>>>;

const storageDefinitions: readonly SettingDefinition[] = [
  {
    name: 'EXPORT_STORAGE',
    unit: '',
    default: '(required)',
    bounds: 'connection string',
    meaning: 'Storage account of the exports and of container `anonymization`.',
  },
  {
    name: 'EXPORT_STORAGE__blobServiceUri',
    unit: '',
    default: '',
    bounds: 'https URL',
    meaning:
      'Instead of the connection string: reach the account with the managed identity (`EXPORT_STORAGE__clientId` for a user-assigned one).',
  },
  {
    name: 'AzureWebJobsStorage',
    unit: '',
    default: '(required)',
    bounds: 'connection string, or `__accountName` / `__blobServiceUri`',
    meaning:
      'Storage account of the runtime, as the Functions host reads it; it also holds the private state of the jobs. Never the account of the exports on Azure.',
  },
];

const SECRET_PREFIX = 'ANONYMIZATION_SECRET_';

const secretsDefinition: SettingDefinition = {
  name: `${SECRET_PREFIX}<name>`,
  unit: '',
  default: '',
  bounds: 'text',
  meaning:
    'A key that a configuration names with `{"secretName": "<name>"}` instead of holding it. On Azure, a Key Vault reference.',
};

/** All settings, in the order of the table in `docs/settings.md`. */
export const settingDefinitions: readonly SettingDefinition[] = [
  fhirServerUrl,
  fhirVersion,
  ...sourceDefinitions,
  ...proxyDefinitions,
  ...storageDefinitions,
  ...authorizationDefinitions,
  allowRawExport,
  allowMixedContainers,
  defaultConfiguration,
  defaultReference,
  downloadLinks,
  corsOrigins,
  requireCoverage,
  ...approvalDefinitions,
  secretsDefinition,
  registries,
  registryCredentials,
  registryClientId,
  registryCa,
  workerThreads,
  ...Object.values(numbers),
];

/** Thrown at start when settings are missing or wrong; lists every problem. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly problems: readonly string[]) {
    super(
      `The settings are not usable: ${problems.map((problem, index) => `(${index + 1}) ${problem}`).join('; ')}`,
    );
    // The host makes a log entry of each line: one entry has to have all of it, and no frame of a stack is of use.
    this.stack = `${this.name}: ${this.message}`;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and validates all settings from the environment, all problems at once. A value is never quoted in
 * a problem: it may be a secret in the wrong place.
 * @throws SettingsError listing everything that is missing or wrong
 */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = [];

  function read<T>(setting: Setting<T>): T {
    const text = environment[setting.name]?.trim() ?? '';
    if (text === '' && setting.default === '(required)') {
      problems.push(`${setting.name} is missing: ${setting.meaning} (${setting.bounds})`);
    } else {
      const parsed = setting.parse(text === '' ? setting.default : text);
      if ('value' in parsed) return parsed.value;
      problems.push(`${setting.name} ${parsed.problem}`);
    }
    // Never seen by anyone: a problem makes readSettings throw.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return undefined as T;
  }

  function readStorage(name: string): StorageAccount {
    const text = (suffix: string): string => environment[`${name}${suffix}`]?.trim() ?? '';
    if (text('') !== '') return { connectionString: text('') };
    const account = text('__accountName');
    const named = /^[a-z0-9]{3,24}$/.test(account) ? `https://${account}.blob.core.windows.net` : '';
    const uri = text('__blobServiceUri') || named;
    if (uri === '') {
      problems.push(
        `${name} is missing: give a connection string, or ${name}__blobServiceUri with a managed identity`,
      );
    } else if (!/^https:/i.test(uri) || !URL.canParse(uri)) {
      problems.push(
        `${name}__blobServiceUri must be an https URL, e.g. https://account.blob.core.windows.net`,
      );
    }
    return { blobServiceUri: uri, clientId: text('__clientId') || undefined };
  }

  function readSecrets(): ReadonlyMap<string, string> {
    const secrets = new Map<string, string>();
    for (const [name, value = ''] of Object.entries(environment)) {
      if (!name.startsWith(SECRET_PREFIX)) continue;
      const problem = unresolvedReference(name, value);
      if (problem !== undefined) problems.push(problem);
      secrets.set(name.slice(SECRET_PREFIX.length), value);
    }
    return secrets;
  }

  function readDefaultConfiguration(): Settings['defaultConfiguration'] {
    const name = read(defaultConfiguration);
    const collection = read(defaultReference);
    if (name !== undefined) return { name, collection };
    if (collection !== undefined) {
      problems.push(
        `${defaultReference.name} needs ${defaultConfiguration.name}, the name of the file in the image`,
      );
    }
    return undefined;
  }

  const serverUrl = read(fhirServerUrl) as string | undefined;
  const authorization = readAuthorizationSettings(environment, problems);
  const settings: Settings = {
    fhirServerUrl: serverUrl ?? '',
    fhirVersion: read(fhirVersion),
    exportStorage: readStorage('EXPORT_STORAGE'),
    runtimeStorage: readStorage('AzureWebJobsStorage'),
    allowRawExport: read(allowRawExport),
    allowMixedContainers: read(allowMixedContainers),
    defaultConfiguration: readDefaultConfiguration(),
    downloadLinks: read(downloadLinks),
    sasLifetimeMinutes: read(numbers.sasLifetimeMinutes),
    corsOrigins: read(corsOrigins),
    authorization,
    requireCoverage: read(requireCoverage),
    approval: readApprovalSettings(environment, authorization.authentication.way, problems),
    secrets: readSecrets(),
    registries: {
      ...read(registries),
      credentials: read(registryCredentials),
      clientId: read(registryClientId),
      ca: read(registryCa),
    },
    source: readSourceSettings(environment, serverUrl, problems),
    proxy: readProxySettings(environment, problems),
    pageSize: read(numbers.pageSize),
    sourceTimeoutSeconds: read(numbers.sourceTimeoutSeconds),
    sourceMaxAttempts: read(numbers.sourceMaxAttempts),
    sourceMaxRequests: read(numbers.sourceMaxRequests),
    sourceMaxPageMebibytes: read(numbers.sourceMaxPageMebibytes),
    transactionTimeMarginSeconds: read(numbers.transactionTimeMarginSeconds),
    parallelPartitions: read(numbers.parallelPartitions),
    maxRunningExports: read(numbers.maxRunningExports),
    maxRunningExportsPerCaller: read(numbers.maxRunningExportsPerCaller),
    partitionResources: read(numbers.partitionResources),
    workerThreads: read(workerThreads),
    sliceMaxPages: read(numbers.sliceMaxPages),
    sliceMaxMebibytes: read(numbers.sliceMaxMebibytes),
    sliceMaxSeconds: read(numbers.sliceMaxSeconds),
    activityMaxAttempts: read(numbers.activityMaxAttempts),
    activityRetrySeconds: read(numbers.activityRetrySeconds),
    jobRetentionHours: read(numbers.jobRetentionHours),
  };
  const defaultImage = settings.defaultConfiguration?.collection;
  if (
    defaultImage !== undefined &&
    (settings.registries.hosts as ReadonlySet<string> | undefined) !== undefined &&
    !isTrusted(settings.registries, defaultImage)
  ) {
    problems.push(
      `${defaultReference.name} is in a registry, or a repository, that ${registries.name} does not name: add it there`,
    );
  }
  if (
    settings.downloadLinks === 'sas' &&
    'connectionString' in settings.exportStorage &&
    !/(^|;)\s*(AccountKey\s*=|UseDevelopmentStorage\s*=\s*true)/i.test(
      settings.exportStorage.connectionString,
    )
  ) {
    problems.push(
      'DOWNLOAD_LINKS is sas, but the connection string in EXPORT_STORAGE has no AccountKey to sign with: give one with AccountKey, or reach the account with the managed identity',
    );
  }
  const longest = longestSliceSeconds(settings);
  if (longest > FUNCTION_TIMEOUT_SECONDS) {
    problems.push(
      `SLICE_MAX_SECONDS, then SOURCE_MAX_ATTEMPTS of SOURCE_TIMEOUT_SECONDS with waits of up to ${LONGEST_PAUSE_MS / 1000} s between them, may take ${longest} s, but the host ends a call after ${FUNCTION_TIMEOUT_SECONDS} s (functionTimeout in host.json), and a slow source would be asked for the same again and again: lower one of the three`,
    );
  }
  if (isSameAccount(settings.exportStorage, settings.runtimeStorage)) {
    problems.push(
      'EXPORT_STORAGE and AzureWebJobsStorage are the same storage account: give the exports an account of their own, since researchers reach it and the private state of the jobs lies in the other',
    );
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

/** A slice looks at its time between pages, so the last of them may begin just before it is over. */
function longestSliceSeconds({
  sliceMaxSeconds,
  sourceMaxAttempts,
  sourceTimeoutSeconds,
}: Pick<Settings, 'sliceMaxSeconds' | 'sourceMaxAttempts' | 'sourceTimeoutSeconds'>): number {
  const waits = ((sourceMaxAttempts - 1) * LONGEST_PAUSE_MS) / 1000;
  return sliceMaxSeconds + sourceMaxAttempts * sourceTimeoutSeconds + waits;
}

/** Two settings for one account; the storage emulator, which has one account by default, is let pass. */
function isSameAccount(a: StorageAccount, b: StorageAccount): boolean {
  const [one, other] = [blobEndpoint(a), blobEndpoint(b)];
  return one !== '' && one === other && !/^(usedevelopmentstorage|http:)/.test(one);
}

function blobEndpoint(account: StorageAccount): string {
  if ('blobServiceUri' in account) return account.blobServiceUri.toLowerCase().replace(/\/+$/, '');
  const parts = new Map(
    account.connectionString.split(';').map((part) => {
      const [name = '', ...value] = part.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim().toLowerCase()];
    }),
  );
  if (parts.has('usedevelopmentstorage')) return 'usedevelopmentstorage';
  const suffix = parts.get('endpointsuffix') ?? 'core.windows.net';
  const endpoint = parts.get('blobendpoint') ?? `https://${parts.get('accountname') ?? ''}.blob.${suffix}`;
  return endpoint.replace(/\/+$/, '');
}
