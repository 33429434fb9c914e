import { availableParallelism } from 'node:os';
import { readMinCount } from '../export/report/countSheet.js';
import { isConfigurationName } from '../export/request/configurationName.js';
import { GUIDE_VERSIONS } from '../export/request/guide.js';
import { readOciReference } from '../export/request/ociReference.js';
import { FHIR_VERSIONS } from '../fhir/fhirVersion.js';
import { APPROVAL, AUTHORIZATION } from './authorizationSettings.js';
import { DE_IDENTIFY } from './deIdentifySettings.js';
import { PROXY } from './proxySettings.js';
import { PSEUDONYMS } from './pseudonymSettings.js';
import { publicBaseUrls } from './publicBaseUrls.js';
import { REGISTRIES } from './registrySettings.js';
import {
  choice,
  flag,
  hmacKey,
  integer,
  isSetting,
  isUnresolved,
  list,
  Problem,
  type Setting,
  type Settings,
  text,
  UNRESOLVED,
} from './setting.js';
import { SOURCE } from './sourceSettings.js';
import { STORAGE } from './storageSettings.js';

const MAX_WORKER_THREADS = 16;
const SECRET_PREFIX = 'ANONYMIZATION_SECRET_';

/** The setting of a key that a configuration names, for the app and the command line. */
export function secretSetting(name: string): string {
  return `${SECRET_PREFIX}${name}`;
}

/** Keys that configurations name with `{"secretName": …}`, by name: a family of variables. */
const secrets: Setting<ReadonlyMap<string, string>> = {
  name: secretSetting('<name>'),
  kind: { is: 'text', form: 'text' },
  isSecret: true,
  description:
    'A key that a configuration names with `{"secretName": "<name>"}` instead of holding it; the command line reads it, too.',
  parse: () => new Map(),
  readAll: (environment, report) => {
    const found = new Map<string, string>();
    for (const [name, value = ''] of Object.entries(environment)) {
      if (!name.startsWith(SECRET_PREFIX)) continue;
      if (isUnresolved(value)) report(`${name} ${UNRESOLVED}`);
      found.set(name.slice(SECRET_PREFIX.length), value);
    }
    return found;
  },
};

const fhirServerUrl: Setting<string> = text(
  'FHIR_SERVER_URL',
  'an http or https URL without user, query or fragment, e.g. https://fhir.example.org/r4',
  (found) => {
    if (!URL.canParse(found)) return undefined;
    const { protocol, username, password, search, hash, href } = new URL(found);
    const isPlain = `${username}${password}${search}${hash}` === '';
    return /^https?:$/.test(protocol) && isPlain ? href.replace(/\/+$/, '') : undefined;
  },
  { isRequired: true, sample: 'http://localhost:8080/fhir' },
  'Base URL of the source FHIR server.',
  'URL',
);

/** Threads that run slices. */
export interface WorkerThreads {
  /** 0: the main thread runs them. */
  most: number;
  /** Whether the main thread runs those of small jobs. */
  areSpared: boolean;
}

const workerThreads = text(
  'WORKER_THREADS',
  `auto or a whole number from 0 to ${MAX_WORKER_THREADS}`,
  (found): WorkerThreads | undefined => {
    const cores = availableParallelism();
    if (found.toLowerCase() === 'auto')
      return { most: cores === 1 ? 0 : Math.min(cores, MAX_WORKER_THREADS), areSpared: true };
    return /^\d{1,2}$/.test(found) && Number(found) <= MAX_WORKER_THREADS
      ? { most: Number(found), areSpared: false }
      : undefined;
  },
  { default: 'auto' },
  'Threads that read, anonymize and write, besides the main one. `auto`: as many as there are cores, none where there is one. Of these, jobs use as many as they are large: one for each 200,000 resources, as the source counts them. A job of at most 10,000 runs on the main thread.',
);

const defaultConfiguration = {
  name: text(
    'DEFAULT_ANONYMIZATION_CONFIG',
    'the name of a configuration file, such as hipaa-safe-harbor-r4.json',
    (found) => (isConfigurationName(found) ? found : undefined),
    {},
    'Configuration of every kick-off that names none: a blob in container `anonymization`. A client that knows nothing of de-identification gets de-identified data.',
  ),
  collection: text(
    'DEFAULT_ANONYMIZATION_CONFIG_REFERENCE',
    'registry/image:tag or registry/image@sha256:…',
    (found) => {
      const read = readOciReference(found);
      return 'reference' in read ? read.reference : new Problem(read.problem);
    },
    {},
    'Image that `DEFAULT_ANONYMIZATION_CONFIG` is a file of, instead of a blob.',
  ),
};

const corsOrigins = list(
  'CORS_ORIGINS',
  'origins separated by commas, in lower case and without path or closing slash, e.g. https://app.example.org; or *',
  (origin) =>
    origin === '*' ||
    (/^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin),
  { default: '' },
  'Origins of web pages whose scripts may use the interface.',
);

/** Every setting of the app, by its area: a new one is one row. `npm run generate` renews what is made of it. */
const AREAS = {
  Source: {
    fhirServerUrl,
    fhirVersion: choice(
      'FHIR_VERSION',
      FHIR_VERSIONS,
      { default: 'R4', sample: 'R4' },
      'FHIR version of the source.',
    ),
    source: SOURCE,
    proxy: PROXY,
    pageSize: integer(
      'PAGE_SIZE',
      { default: 500, min: 1, max: 10_000, unit: 'resources' },
      'Resources asked for per page (`_count`); halved for a source that refuses it or times out.',
    ),
    sourceTimeoutSeconds: integer(
      'SOURCE_TIMEOUT_SECONDS',
      { default: 60, min: 1, max: 600, unit: 'seconds' },
      'How long one request to the source may take, to the last byte.',
    ),
    sourceMaxAttempts: integer(
      'SOURCE_MAX_ATTEMPTS',
      { default: 6, min: 1, max: 20, unit: 'attempts' },
      'Attempts per request on 408, 429, 5xx and cut connections, before the slice is tried again.',
    ),
    sourceMaxRequests: integer(
      'SOURCE_MAX_REQUESTS',
      { default: 8, min: 1, max: 256, unit: 'requests' },
      'Most requests at a time that one instance has at the source, of all its jobs; fewer while it answers 503, and not faster than it permits where it answers 429.',
    ),
    sourceMaxPageMebibytes: integer(
      'SOURCE_MAX_PAGE_MEBIBYTES',
      { default: 32, min: 1, max: 400, unit: 'MiB' },
      'Largest page taken into memory; a larger one is asked for again with half the page size.',
    ),
    transactionTimeMarginSeconds: integer(
      'TRANSACTION_TIME_MARGIN_SECONDS',
      { default: 10, min: 0, max: 3600, unit: 'seconds' },
      "How far `transactionTime` lies behind the source's clock, for transactions that are under way.",
    ),
  },
  Storage: {
    ...STORAGE,
    membershipKey: hmacKey(
      'MEMBERSHIP_KEY',
      {},
      'Key under which the members that an export of a Group had are remembered, as digests, in the storage account of the runtime. With it, an export by `_since` knows who has joined the Group since the export before: see [Members who join and leave](consistency.md#members-who-join-and-leave). Without it, nothing is remembered.',
    ),
    membershipDays: integer(
      'MEMBERSHIP_DAYS',
      { default: 100, min: 1, max: 1000, unit: 'days' },
      'How long the members that an export of a Group had are remembered: longer than the time from one export of a chain to the next.',
    ),
  },
  Callers: {
    authorization: AUTHORIZATION,
    publicBaseUrls,
    console: choice(
      'CONSOLE',
      ['on', 'off'],
      { default: 'on' },
      'Whether the app serves the [console](console.md) at `/console`: static files without any data, which everybody may have.',
    ),
    maxRunningExports: integer(
      'MAX_RUNNING_EXPORTS',
      { default: 100, min: 1, max: 10_000, unit: 'exports' },
      'Exports that may run at the same time; a kick-off beyond is 429 with `Retry-After`.',
    ),
    maxRunningExportsPerCaller: integer(
      'MAX_RUNNING_EXPORTS_PER_CALLER',
      { default: 5, min: 1, max: 10_000, unit: 'exports' },
      'Of these, exports of one caller, where callers are distinguished (`entra`, `smart`). The second export of a caller gets half of the `PARALLEL_PARTITIONS`, the third a third, and so on.',
    ),
  },
  Configurations: {
    allowRawExport: flag(
      'ALLOW_RAW_EXPORT',
      'Whether an export without a configuration, that is with identities, may be started. Where there is a default configuration, a request has to ask for it with `_raw=true`, too.',
    ),
    allowMixedContainers: flag(
      'ALLOW_MIXED_CONTAINERS',
      'Whether an export may go into a container that holds something else than such exports: raw beside de-identified data, the output of another configuration, files of unknown origin.',
    ),
    defaultConfiguration,
    requireCoverage: flag(
      'REQUIRE_COVERAGE',
      'Whether a configuration is refused whose rules leave what may be an identity, as its parameter `requireCoverage` does.',
    ),
    validateOutput: choice(
      'VALIDATE_OUTPUT',
      ['off', 'report', 'refuse'],
      { default: 'report' },
      'What is done about de-identified resources that are not valid FHIR: `report` counts them by type, element and reason in `report.json`; `refuse` makes each an error, as one that cannot be anonymized. It holds for jobs that begin after it is set.',
    ),
    minClassSize: integer(
      'MIN_CLASS_SIZE',
      { default: 0, min: 0, max: 1_000_000, unit: 'patients' },
      'Fewest Patients of an export that have to share each combination of [quasi-identifiers](risk.md): where fewer do, the job ends without data; 0: no such limit. A configuration can ask for more (`minClassSize`), never for fewer. Not of raw exports. It holds for jobs that begin after it is set.',
    ),
    reportMinCount: text(
      'REPORT_MIN_COUNT',
      '0 or a whole number from 3 to 1000',
      readMinCount,
      { default: '10' },
      'Counts from 1 to below it are not shown in `report.html` and `report-shared.json`, nor what would reveal one by subtraction ([The release report](report.md)); 0: all are shown.',
    ),
    approval: APPROVAL,
    secrets,
    registries: REGISTRIES,
  },
  Pseudonyms: { pseudonyms: PSEUDONYMS },
  Operation: { deIdentify: DE_IDENTIFY },
  Downloads: {
    downloadLinks: choice(
      'DOWNLOAD_LINKS',
      ['app', 'sas'],
      { default: 'app' },
      "Where the manifest's URLs lead: to the app's own download route, under its authorization, or straight to the blobs by SAS links, made anew for each request of the manifest.",
    ),
    sasLifetimeMinutes: integer(
      'SAS_LIFETIME_MINUTES',
      { default: 60, min: 5, max: 1440, unit: 'minutes' },
      'How long a SAS link of a manifest works, never beyond the retention of the job.',
    ),
    bulkDataVersion: choice(
      'BULK_DATA_VERSION',
      GUIDE_VERSIONS,
      { default: '2.0.0' },
      'Version of the Bulk Data Access guide by which a request is read and answered that names none: STU 2 (STU 3 differs by its parameters only, which both understand), or the ballot of STU 4, which takes a `POST` alone.',
    ),
    corsOrigins,
    requireAccept: flag(
      'REQUIRE_ACCEPT',
      'Whether a kick-off has to send `Accept: application/fhir+json`. Otherwise one without `Accept`, or with `*/*` or `application/json`, is taken, too.',
    ),
    jobRetentionHours: integer(
      'JOB_RETENTION_HOURS',
      { default: 168, min: 1, max: 8760, unit: 'hours' },
      'How long a finished job and its files stay.',
    ),
  },
  Work: {
    /** 0: slices run on the main thread. */
    workerThreads,
    parallelPartitions: integer(
      'PARALLEL_PARTITIONS',
      { default: 4, min: 1, max: 64, unit: 'partitions' },
      'Partitions of one job that are read at the same time.',
    ),
    partitionResources: integer(
      'PARTITION_RESOURCES',
      { default: 50_000, min: 1000, max: 100_000_000, unit: 'resources' },
      'Resources of a type above which it is split into partitions by `meta.lastUpdated`; sooner where a job has few for its workers.',
    ),
    sliceMaxPages: integer(
      'SLICE_MAX_PAGES',
      { default: 400, min: 1, max: 10_000, unit: 'pages' },
      'Pages one activity call reads.',
    ),
    sliceMaxMebibytes: integer(
      'SLICE_MAX_MEBIBYTES',
      { default: 256, min: 1, max: 4096, unit: 'MiB' },
      'Bytes one activity call writes, which is the size of one file (the page in hand is finished).',
    ),
    sliceMaxSeconds: integer(
      'SLICE_MAX_SECONDS',
      { default: 120, min: 1, max: 1200, unit: 'seconds' },
      'Time one activity call takes before it returns where to go on (the page in hand is finished). The app does not start where all attempts for that page could outlast `functionTimeout` of `host.json`, 30 minutes.',
    ),
    activityMaxAttempts: integer(
      'ACTIVITY_MAX_ATTEMPTS',
      { default: 12, min: 1, max: 100, unit: 'attempts' },
      'Attempts per activity call before the job fails; with the default wait, half an hour of trying.',
    ),
    activityRetrySeconds: integer(
      'ACTIVITY_RETRY_SECONDS',
      { default: 5, min: 1, max: 600, unit: 'seconds' },
      'Wait before the second attempt of an activity call; doubled each time, at most five minutes.',
    ),
  },
};

export const SCHEMA = {
  ...AREAS.Source,
  ...AREAS.Storage,
  ...AREAS.Callers,
  ...AREAS.Configurations,
  ...AREAS.Pseudonyms,
  ...AREAS.Operation,
  ...AREAS.Downloads,
  ...AREAS.Work,
};

/** A setting as the documentation and the deployment template show it. */
export interface SettingRow extends Setting<unknown> {
  readonly area: keyof typeof AREAS;
  /** The choice that it applies with alone, and the values of that; `undefined`: always. */
  readonly appliesWith: { readonly name: string; readonly values: readonly string[] } | undefined;
}

/** All settings, in the order of the documentation. */
export const settingRows: readonly SettingRow[] = Object.entries(AREAS).flatMap(([area, settings]) =>
  rowsOf(settings, area as keyof typeof AREAS),
);

function rowsOf(settings: Settings, area: SettingRow['area']): SettingRow[] {
  return Object.values(settings).flatMap((found) => {
    if (!isSetting(found)) return rowsOf(found, area);
    const variants = Object.entries(found.variants ?? {});
    const inner = new Map<string, SettingRow>();
    for (const [value, more] of variants) {
      for (const row of rowsOf(more, area)) {
        const { isRequired: _, ...before } = inner.get(row.name) ?? row;
        const values = [
          ...(before.appliesWith?.values ?? []),
          row.isRequired === true ? `${value} (required)` : value,
        ];
        inner.set(row.name, { ...before, appliesWith: { name: found.name, values } });
      }
    }
    return [{ ...found, area, appliesWith: undefined }, ...inner.values()];
  });
}
