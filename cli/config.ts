import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigurationBlobs } from '../functions/adapters/configurationBlobs.js';
import { storageFailure, storageStatus } from '../functions/adapters/storage/storage.js';
import { isDigest } from '../functions/export/request/ociReference.js';
import {
  exportStorageOf,
  fhirVersionOf,
  imagesOf,
  isRegistered,
  referenceOf,
  UsageError,
} from './config/environment.js';
import type { Environment } from '../functions/settings/setting.js';
import { pushArtifact } from './config/registryPush.js';
import { validate } from './config/validation.js';
import { applyLocalSettings } from '../local/host/localSettings.js';
import { PROJECT_ROOT } from '../local/paths.js';

const CONTAINER = 'anonymization';
const USAGE = `Anonymization configurations: where they are, and whether they are right.

  npm run config -- validate <file> [--fhir-version R4]
  npm run config -- push <file> [--name <name>] [--to <registry/image:tag>] [--fhir-version R4]
  npm run config -- list [<registry/image:tag>]
  npm run config -- show <name> [--from <registry/image:tag>]

Without a reference it is about the container ${CONTAINER} of the export storage account: that of EXPORT_STORAGE or
EXPORT_STORAGE__blobServiceUri, from the environment or local.settings.json, or that of the embedded stack.`;

/** `npm run config`: validates a configuration, pushes it to where the export reads it from, lists and shows. */
async function main(environment: Environment): Promise<void> {
  const { positionals, values } = parse();
  if (values.help === true) {
    console.log(USAGE);
    return;
  }
  const [command, subject, ...more] = positionals;
  const fhirVersion = fhirVersionOf(values['fhir-version'] ?? environment['FHIR_VERSION'] ?? 'R4');
  const needed = (): string => {
    if (subject !== undefined && more.length === 0) return subject;
    throw new UsageError(`${command} takes one name${more.length > 0 ? ', not more' : ''}.\n\n${USAGE}`);
  };
  switch (command) {
    case 'validate':
      await checked(await read(needed()));
      console.log('The configuration has no errors.');
      return;
    case 'push': {
      const content = await read(needed());
      await checked(content);
      const name = values.name ?? basename(needed());
      if (values.to === undefined) await pushBlob(environment, name, content);
      else await pushImage(environment, name, content, values.to);
      return;
    }
    case 'list':
      if (subject === undefined) await listBlobs(environment);
      else await listImage(environment, needed());
      return;
    case 'show': {
      if (values.from === undefined) {
        const { service, account } = exportStorageOf(environment);
        process.stdout.write((await new ConfigurationBlobs(service, account).read(needed(), undefined)).text);
        return;
      }
      const reference = referenceOf(values.from);
      process.stdout.write((await imagesOf(environment, reference).read(reference, needed())).text);
      return;
    }
    case undefined:
      throw new UsageError(USAGE);
    default:
      throw new UsageError(`There is no command "${command}".\n\n${USAGE}`);
  }

  /** Prints what there is to say of a configuration; goes no further where something is wrong. */
  async function checked(content: Buffer): Promise<void> {
    const issues = await validate(content, fhirVersion, environment);
    for (const { severity, path, message } of issues) {
      console.error(`${severity}: ${path === '' ? '' : `${path}: `}${message}`);
    }
    const errors = issues.filter(({ severity }) => severity === 'error').length;
    if (errors > 0)
      throw new UsageError(`The configuration has ${errors} error(s), and no export would take it.`);
  }
}

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  name: TEXT,
  to: TEXT,
  from: TEXT,
  'fhir-version': TEXT,
  help: { type: 'boolean' },
} as const;

function parse(): ReturnType<typeof parseArgs<{ allowPositionals: true; options: typeof OPTIONS }>> {
  try {
    return parseArgs({ allowPositionals: true, options: OPTIONS });
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : 'Wrong arguments.';
    throw new UsageError(`${message}\n\n${USAGE}`);
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (thrown) {
    const reason = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : '';
    throw new UsageError(`The configuration ${file} cannot be read${reason}.`);
  }
}

async function pushBlob(environment: Environment, name: string, content: Buffer): Promise<void> {
  const { service } = exportStorageOf(environment);
  const container = service.getContainerClient(CONTAINER);
  try {
    await container.createIfNotExists();
    const { etag = '' } = await container.getBlockBlobClient(name).upload(content, content.length, {
      blobHTTPHeaders: { blobContentType: 'application/json' },
    });
    console.log(`Pushed to ${CONTAINER}/${name} of the storage account ${service.accountName}. To use it:\n`);
    tell({ _anonymizationConfig: name });
    console.log('\nTo use exactly this version:\n');
    tell({ _anonymizationConfig: name, _anonymizationConfigEtag: etag.replaceAll('"', '') });
  } catch (thrown) {
    throw storageFailure(thrown, 'EXPORT_STORAGE', 'pushing a configuration');
  }
}

async function pushImage(environment: Environment, name: string, content: Buffer, to: string): Promise<void> {
  const reference = referenceOf(to);
  const { registry, repository, text, version } = reference;
  if (isDigest(version))
    throw new UsageError('A push needs a tag (registry/image:tag): its digest comes of it.');
  const digest = await pushArtifact(
    imagesOf(environment, reference).repository(reference),
    reference,
    name,
    content,
  );
  console.log(`Pushed ${name} to ${text} (${digest}). To use it:\n`);
  tell({ _anonymizationConfig: name, _anonymizationConfigCollectionReference: text });
  console.log('\nTo use exactly this version:\n');
  const pinned = `${registry}/${repository}@${digest}`;
  tell({ _anonymizationConfig: name, _anonymizationConfigCollectionReference: pinned });
  if (!isRegistered(environment, reference)) {
    console.log(`\nThe app reads from ${registry} where its setting ANONYMIZATION_REGISTRIES names it.`);
  }
}

async function listBlobs(environment: Environment): Promise<void> {
  const { service } = exportStorageOf(environment);
  try {
    for await (const { name, properties } of service.getContainerClient(CONTAINER).listBlobsFlat()) {
      const { contentLength = 0, lastModified, etag } = properties;
      console.log(
        [name, `${contentLength} bytes`, lastModified.toISOString(), `ETag ${etag.replaceAll('"', '')}`].join(
          '  ',
        ),
      );
    }
  } catch (thrown) {
    if (storageStatus(thrown) === 404)
      throw new UsageError(`There is no container ${CONTAINER} yet: push something.`);
    throw storageFailure(thrown, 'EXPORT_STORAGE', 'listing the configurations');
  }
}

async function listImage(environment: Environment, text: string): Promise<void> {
  const reference = referenceOf(text);
  const artifact = await imagesOf(environment, reference).open(reference);
  console.log(`${text} is ${artifact.digest}`);
  for (const [name, bytes] of await artifact.list()) console.log(`${name}  ${bytes} bytes`);
}

/** Prints parameters of the kick-off as a query string. */
function tell(parameters: Record<string, string>): void {
  // What an OCI reference holds may stand in a query as it is.
  const query = new URLSearchParams(parameters)
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%40', '@');
  console.log(`  _container=<container>&${query}`);
}

const environment = { ...process.env };
applyLocalSettings(PROJECT_ROOT, environment);
main(environment).catch((thrown: unknown) => {
  console.error(thrown instanceof Error ? thrown.message : 'Unexpected error.');
  process.exitCode = 1;
});
