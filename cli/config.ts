import { basename } from 'node:path';
import { ConfigurationBlobs } from '../functions/adapters/configurationBlobs.js';
import { storageFailure, storageStatus } from '../functions/adapters/storage/storage.js';
import { isYaml } from '../functions/deid/reading/document.js';
import { isDigest } from '../functions/export/request/ociReference.js';
import { exportStorageOf, imagesOf, isRegistered, referenceOf } from './config/environment.js';
import type { Environment } from '../functions/settings/setting.js';
import { type Given, UsageError } from './command.js';
import { checkConfiguration } from './validate.js';
import { pushArtifact } from './config/registryPush.js';

const CONTAINER = 'anonymization';

/** `fhir-deid config push`: checks a configuration and puts it where exports read it from. */
export async function push(given: Given): Promise<number> {
  const { values, operand, environment } = given;
  // What the app will read it with comes before what it says of itself.
  const version = values['fhir-version'] ?? environment['FHIR_VERSION'];
  const content = await checkConfiguration(operand, { ...given, values: { 'fhir-version': version } });
  const name = values['name'] ?? basename(operand);
  if (values['to'] === undefined) await pushBlob(environment, name, content);
  else await pushImage(environment, name, content, values['to']);
  return 0;
}

/** `fhir-deid config list`. */
export async function list({ operand, environment }: Given): Promise<number> {
  if (operand === '') await listBlobs(environment);
  else await listImage(environment, operand);
  return 0;
}

/** `fhir-deid config show`. */
export async function show({ values, operand, environment }: Given): Promise<number> {
  process.stdout.write(await textOf(environment, operand, values['from']));
  return 0;
}

async function textOf(environment: Environment, name: string, from: string | undefined): Promise<string> {
  if (from === undefined) {
    const { service, account } = exportStorageOf(environment);
    return (await new ConfigurationBlobs(service, account).read(name, undefined)).text;
  }
  const reference = referenceOf(from);
  return (await imagesOf(environment, reference).read(reference, name)).text;
}

/** The content type of a configuration (YAML's: RFC 9512), for those who look at what is stored. */
function contentTypeOf(content: Buffer): string {
  return isYaml(content.toString('utf8')) ? 'application/yaml' : 'application/json';
}

async function pushBlob(environment: Environment, name: string, content: Buffer): Promise<void> {
  const { service } = exportStorageOf(environment);
  const container = service.getContainerClient(CONTAINER);
  try {
    await container.createIfNotExists();
    const { etag = '' } = await container.getBlockBlobClient(name).upload(content, content.length, {
      blobHTTPHeaders: { blobContentType: contentTypeOf(content) },
    });
    console.log(`Pushed to ${CONTAINER}/${name} of the storage account ${service.accountName}. To use it:\n`);
    printQuery({ _anonymizationConfig: name });
    console.log('\nTo use exactly this version:\n');
    printQuery({ _anonymizationConfig: name, _anonymizationConfigEtag: etag.replaceAll('"', '') });
  } catch (error) {
    throw storageFailure(error, 'EXPORT_STORAGE', 'pushing a configuration');
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
    contentTypeOf(content),
  );
  console.log(`Pushed ${name} to ${text} (${digest}). To use it:\n`);
  printQuery({ _anonymizationConfig: name, _anonymizationConfigCollectionReference: text });
  console.log('\nTo use exactly this version:\n');
  const pinned = `${registry}/${repository}@${digest}`;
  printQuery({ _anonymizationConfig: name, _anonymizationConfigCollectionReference: pinned });
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
  } catch (error) {
    if (storageStatus(error) === 404)
      throw new UsageError(`There is no container ${CONTAINER} yet: push something.`);
    throw storageFailure(error, 'EXPORT_STORAGE', 'listing the configurations');
  }
}

async function listImage(environment: Environment, text: string): Promise<void> {
  const reference = referenceOf(text);
  const artifact = await imagesOf(environment, reference).open(reference);
  console.log(`${text} is ${artifact.digest}`);
  for (const [name, bytes] of await artifact.list()) console.log(`${name}  ${bytes} bytes`);
}

/** Prints parameters of the kick-off as a query string. */
function printQuery(parameters: Record<string, string>): void {
  // What an OCI reference holds may be in a query as it is.
  const query = new URLSearchParams(parameters)
    .toString()
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('%40', '@');
  console.log(`  _container=<container>&${query}`);
}
