import { createHmac, randomBytes } from 'node:crypto';
import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { ExportError } from '../../common/errors.js';
import { addTo } from '../../common/maps.js';
import type { DomainName } from '../../deid/methods/pseudonyms.js';
import type { PseudonymPair, PseudonymService } from '../../export/output/jobPseudonyms.js';
import type { StorageAccount } from '../../settings/storageSettings.js';
import { library } from '../library.js';
import { managedIdentity } from '../managedIdentity.js';
import type { SourceAccess } from '../source/sourceAccess.js';
import { retriedTable } from '../storage/refusedRetries.js';
import { storageFailure, storageStatus } from '../storage/storage.js';

const TABLE = 'pseudonyms';
/** Random bytes of a pseudonym; in hexadecimal, it is a valid id. */
const PSEUDONYM_BYTES = 16;
/** Entities of one transaction: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const MAX_TRANSACTION = 100;
/** Values of one call: they are in so many partitions that each has a transaction's worth. */
const BATCH_SIZE = 1000;
/** A partition of the table takes some thousand entities a second, the account ten times as many. */
const PARTITION_DIGITS = 1;

/** A row of the table. The value is nowhere in it. */
interface Row {
  readonly value: string;
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** How the table is found, and its rows. */
export interface PseudonymTableOptions {
  readonly account: StorageAccount;
  readonly key: string;
  /** Places at the table, which all jobs share. */
  readonly limiter: SourceAccess['limiter'];
  /** Who the requests are for. */
  readonly requester: string;
}

/**
 * Pseudonyms of a table: each value of a domain gets a random one, when it is asked for first. A row is only ever
 * inserted, so whoever is first decides, and all others read what was inserted.
 */
export class PseudonymTable implements PseudonymService {
  readonly batchSize = BATCH_SIZE;
  readonly #options: PseudonymTableOptions;
  #table: TableClient | undefined;
  #created: Promise<unknown> | undefined;

  constructor(options: PseudonymTableOptions) {
    this.#options = options;
  }

  /** The pseudonym that a value has; `undefined` where none was made. Nothing is added to the table. */
  async find(domain: DomainName, value: string): Promise<string | undefined> {
    const { partitionKey, rowKey } = this.#row(domain, value);
    return this.#read(partitionKey, rowKey).catch((error: unknown) => {
      throw tableFailure(error);
    });
  }

  async pseudonyms(domain: DomainName, values: readonly string[]): Promise<readonly PseudonymPair[]> {
    try {
      this.#created ??= this.#client().then((table) => retriedTable(() => table.createTable()));
      await this.#created;
      const groups = new Map<string, Row[]>();
      for (const value of values) {
        const row = this.#row(domain, value);
        addTo(groups, row.partitionKey, row);
      }
      const transactions = [...groups.values()].flatMap((rows) =>
        Array.from({ length: Math.ceil(rows.length / MAX_TRANSACTION) }, (_, at) =>
          rows.slice(at * MAX_TRANSACTION, (at + 1) * MAX_TRANSACTION),
        ),
      );
      return (await Promise.all(transactions.map((rows) => this.#pseudonymsOf(rows)))).flat();
    } catch (error) {
      // Made anew by the next call.
      this.#created = undefined;
      throw tableFailure(error);
    }
  }

  /** Mostly all of the rows are new, or none is. */
  async #pseudonymsOf(rows: readonly Row[]): Promise<PseudonymPair[]> {
    const made = rows.map((row) => ({ ...row, pseudonym: randomBytes(PSEUDONYM_BYTES).toString('hex') }));
    const entities = made.map(({ partitionKey, rowKey, pseudonym }) => ({ partitionKey, rowKey, pseudonym }));
    const actions = entities.map((entity): TransactionAction => ['create', entity]);
    if (await this.#inserts((table) => table.submitTransaction(actions)))
      return made.map(({ value, pseudonym }) => [value, pseudonym]);
    return Promise.all(
      made.map(async (row): Promise<PseudonymPair> => [row.value, await this.#readOrInsert(row)]),
    );
  }

  async #readOrInsert({ partitionKey, rowKey, pseudonym }: Row & { pseudonym: string }): Promise<string> {
    const before = await this.#read(partitionKey, rowKey);
    if (before !== undefined) return before;
    if (await this.#inserts((table) => table.createEntity({ partitionKey, rowKey, pseudonym })))
      return pseudonym;
    return (await this.#read(partitionKey, rowKey)) ?? '';
  }

  /** Whether rows are inserted; not, where one was there before. */
  async #inserts(insert: (table: TableClient) => Promise<object>): Promise<boolean> {
    return (await this.#unless(409, insert)) !== undefined;
  }

  async #read(partitionKey: string, rowKey: string): Promise<string | undefined> {
    const row = await this.#unless(404, (table) =>
      table.getEntity<{ pseudonym?: unknown }>(partitionKey, rowKey),
    );
    if (row === undefined) return undefined;
    return typeof row.pseudonym === 'string' ? row.pseudonym : '';
  }

  /** A request in its turn; `undefined` where it is answered with this status. */
  async #unless<T extends object>(
    status: number,
    request: (table: TableClient) => Promise<T>,
  ): Promise<T | undefined> {
    const table = await this.#client();
    const leave = await this.#options.limiter.enter(this.#options.requester);
    try {
      return await retriedTable(() => request(table));
    } catch (error) {
      if (storageStatus(error) === status) return undefined;
      throw error;
    } finally {
      leave('served');
    }
  }

  async #client(): Promise<TableClient> {
    const { TableClient } = await tableLibrary();
    return (this.#table ??= openTable(TableClient, this.#options.account));
  }

  #row({ domain, entici }: DomainName, value: string): Row {
    const { key } = this.#options;
    const place = [domain, entici?.resourceType ?? null, entici?.project ?? null];
    const ofDomain = createHmac('sha256', key)
      .update(JSON.stringify(['domain', ...place]))
      .digest('hex');
    const rowKey = createHmac('sha256', key)
      .update(JSON.stringify(['value', ...place, value]))
      .digest('hex');
    return { value, partitionKey: `${ofDomain}-${rowKey.slice(0, PARTITION_DIGITS)}`, rowKey };
  }
}

function tableFailure(error: unknown): ExportError {
  const role = 'Storage Table Data Contributor';
  return storageFailure(error, 'AzureWebJobsStorage', 'the table of pseudonyms', role);
}

/** It is loaded where pseudonyms are kept in a table. */
const tableLibrary = library('@azure/data-tables', () => import('@azure/data-tables'));

function openTable(Client: typeof TableClient, account: StorageAccount): TableClient {
  if ('connectionString' in account) {
    const options = { allowInsecureConnection: /http:\/\//i.test(account.connectionString) };
    return Client.fromConnectionString(account.connectionString, TABLE, options);
  }
  const url = account.tableServiceUri ?? account.blobServiceUri.replace('.blob.', '.table.');
  return new Client(url, TABLE, managedIdentity(account.clientId).credential);
}
