import { isUnresolved, type Setting, UNRESOLVED } from './setting.js';

/** Where a storage account is and how it is reached: with a connection string, or with an identity. */
export type StorageAccount =
  | { connectionString: string }
  | { blobServiceUri: string; tableServiceUri?: string | undefined; clientId: string | undefined };

const LOCAL = { sample: 'UseDevelopmentStorage=true' };

export const STORAGE = {
  exportStorage: storage(
    'EXPORT_STORAGE',
    'Storage account of the exports and of container `anonymization`.',
    LOCAL,
  ),
  runtimeStorage: storage(
    'AzureWebJobsStorage',
    'Storage account of the runtime, as the Functions host reads it; it also holds the private state of the jobs. Never the account of the exports on Azure.',
    LOCAL,
  ),
};

/** A storage account: several variables, as the Functions host names them. @param options of local settings */
export function storage(
  name: string,
  description: string,
  options: Pick<Setting<unknown>, 'sample'> = {},
): Setting<StorageAccount> {
  return {
    name,
    kind: {
      is: 'text',
      form: `a connection string; or with a managed identity \`${name}__blobServiceUri\` or \`${name}__accountName\`, and \`${name}__clientId\` for a user-assigned one`,
    },
    isRequired: true,
    isSecret: true,
    ...options,
    description,
    parse: (connectionString) => ({ connectionString }),
    readAll: (environment, report) => {
      const text = (suffix: string): string => environment[`${name}${suffix}`]?.trim() ?? '';
      if (isUnresolved(text(''))) report(`${name} ${UNRESOLVED}`);
      else if (text('') !== '' && !isConnectionString(text('')))
        report(
          `${name} must be a connection string: DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net, or BlobEndpoint=…;SharedAccessSignature=…. With a managed identity, set ${name}__blobServiceUri instead`,
        );
      if (text('') !== '') return { connectionString: text('') };
      const account = text('__accountName');
      const named = /^[a-z0-9]{3,24}$/.test(account) ? `https://${account}.blob.core.windows.net` : '';
      const blobServiceUri = text('__blobServiceUri') || named;
      if (blobServiceUri === '') {
        report(
          `${name} is missing: give a connection string, or ${name}__blobServiceUri with a managed identity`,
        );
      } else if (!/^https:/i.test(blobServiceUri) || !URL.canParse(blobServiceUri)) {
        report(`${name}__blobServiceUri must be an https URL, e.g. https://account.blob.core.windows.net`);
      }
      return {
        blobServiceUri,
        tableServiceUri: text('__tableServiceUri') || undefined,
        clientId: text('__clientId') || undefined,
      };
    },
  };
}

/** Whether two settings are of one account; the storage emulator, which has one account by default, is let pass. */
export function isSameAccount(a: StorageAccount, b: StorageAccount): boolean {
  const [one, other] = [blobEndpoint(a), blobEndpoint(b)];
  return one !== '' && one === other && !/^(usedevelopmentstorage|http:)/.test(one);
}

/** Whether the SDK takes a text for a connection string. What it throws of another one names no setting. */
function isConnectionString(text: string): boolean {
  const parts = partsOf(text);
  if (parts.has('usedevelopmentstorage')) return true;
  const has = (...names: string[]): boolean => names.every((name) => (parts.get(name) ?? '') !== '');
  const endpoint = parts.get('blobendpoint');
  if (endpoint !== undefined && !URL.canParse(endpoint)) return false;
  if (has('defaultendpointsprotocol', 'accountname', 'accountkey'))
    return endpoint !== undefined || has('endpointsuffix');
  return endpoint !== undefined && has('sharedaccesssignature');
}

/** In small letters. */
function partsOf(connectionString: string): Map<string, string> {
  return new Map(
    connectionString.split(';').map((part) => {
      const [name = '', ...value] = part.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim().toLowerCase()];
    }),
  );
}

function blobEndpoint(account: StorageAccount): string {
  if ('blobServiceUri' in account) return account.blobServiceUri.toLowerCase().replace(/\/+$/, '');
  const parts = partsOf(account.connectionString);
  if (parts.has('usedevelopmentstorage')) return 'usedevelopmentstorage';
  const suffix = parts.get('endpointsuffix') ?? 'core.windows.net';
  const endpoint = parts.get('blobendpoint') ?? `https://${parts.get('accountname') ?? ''}.blob.${suffix}`;
  return endpoint.replace(/\/+$/, '');
}
