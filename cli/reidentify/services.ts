import { openPseudonymAccess } from '../../functions/adapters/pseudonyms/openPseudonymAccess.js';
import { openServiceClient } from '../../functions/adapters/pseudonyms/openPseudonyms.js';
import {
  FHIR_JSON,
  parametersOf,
  partsOf,
  textOf,
} from '../../functions/adapters/pseudonyms/fhirParameters.js';
import { PseudonymTable } from '../../functions/adapters/pseudonyms/pseudonymTable.js';
import type { ServiceClient } from '../../functions/adapters/pseudonyms/serviceClient.js';
import { ExportError } from '../../functions/common/errors.js';
import { isRecord } from '../../functions/common/isRecord.js';
import type { Environment } from '../../functions/settings/setting.js';
import { UsageError } from '../command.js';
import { appSettings } from './appSettings.js';

const REQUESTER = 'reidentify';
const UNUSED = { FHIR_SERVER_URL: 'http://localhost/fhir', EXPORT_STORAGE: 'UseDevelopmentStorage=true' };
const DEPSEUDONYMIZE = { '1.10.2': '/$de-pseudonymize', '1.10.3': '/$dePseudonymize' } as const;

/** Finds the value of a pseudonym, or the pseudonym of a value. Neither makes a new pseudonym. */
export type ServiceReidentification =
  | { readonly by: 'pseudonym'; valueOf(pseudonym: string): Promise<string | undefined> }
  | { readonly by: 'value'; pseudonymOf(value: string): Promise<string | undefined> };

/**
 * Re-identification by the pseudonym service of the settings, in one of its domains.
 * @throws UsageError where there is none
 */
export function openReidentification(domain: string, environment: Environment): ServiceReidentification {
  const runtime = environment['AzureWebJobsStorage'] ?? '';
  const needed = runtime === '' ? { AzureWebJobsStorage: 'UseDevelopmentStorage=true' } : {};
  const settings = appSettings(environment, { ...UNUSED, ...needed });
  const { service } = settings.pseudonyms;
  const access = openPseudonymAccess(settings);
  switch (service?.method) {
    case 'gpas': {
      const client = openServiceClient(service, settings, access, REQUESTER);
      return byPseudonym((pseudonym) => askGpas(client, DEPSEUDONYMIZE[service.version], domain, pseudonym));
    }
    case 'vfps': {
      const client = openServiceClient(service, settings, access, REQUESTER);
      return byPseudonym((pseudonym) => askVfps(client, domain, pseudonym));
    }
    case 'local': {
      const { key } = service;
      const { limiter } = access;
      const table = new PseudonymTable({
        account: settings.runtimeStorage,
        key,
        limiter,
        requester: REQUESTER,
      });
      return { by: 'value', pseudonymOf: (value) => table.find({ domain }, value) };
    }
    case 'entici':
      throw new UsageError('entici has no operation that gives the value of a pseudonym.');
    case undefined:
      throw new UsageError('PSEUDONYM_SERVICE is not set: there is no service to ask.');
  }
}

function byPseudonym(ask: (pseudonym: string) => Promise<string | undefined>): ServiceReidentification {
  // A service refuses a pseudonym that it does not have, in ways of its own.
  const valueOf = (pseudonym: string): Promise<string | undefined> =>
    ask(pseudonym).catch((error: unknown) => {
      if (error instanceof ExportError && error.code === 'pseudonym-service-refused') return undefined;
      throw error;
    });
  return { by: 'pseudonym', valueOf };
}

/** gPAS by the operation `$dePseudonymize` of its FHIR gateway: one pseudonym, whose answer has a part `original`. */
async function askGpas(
  client: ServiceClient,
  path: string,
  domain: string,
  pseudonym: string,
): Promise<string | undefined> {
  const parameter = [
    { name: 'target', valueString: domain },
    { name: 'pseudonym', valueString: pseudonym },
  ];
  const body = { resourceType: 'Parameters', parameter };
  const answer = await client.post({ path, contentType: FHIR_JSON, body, domain });
  return parametersOf(answer)
    .map((found) => textOf(partsOf(found).get('original')))
    .find((original) => original !== undefined);
}

/** Vfps by its REST interface. The pseudonym is in the URL, the value in the answer alone. */
async function askVfps(
  client: ServiceClient,
  domain: string,
  pseudonym: string,
): Promise<string | undefined> {
  const path = `/v1/namespaces/${encodeURIComponent(domain)}/pseudonyms/${encodeURIComponent(pseudonym)}`;
  const answer = await client.get({ path, contentType: 'application/json', domain });
  const found = isRecord(answer) ? answer['pseudonym'] : undefined;
  const original = isRecord(found) ? found['originalValue'] : undefined;
  return typeof original === 'string' ? original : undefined;
}
