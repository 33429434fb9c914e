import { kickOffCall } from '../../functions/adapters/source/kickOffCall.js';
import type { BulkKickOff } from '../../functions/export/plan/bulkKickOffs.js';

/** What a caller shows; it is in memory alone. */
export interface Credential {
  readonly kind: 'nothing' | 'function-key' | 'token';
  readonly value: string;
  /** The value now, where it is renewed; `undefined`: it cannot be. */
  readonly renewed?: () => Promise<string | undefined>;
}

/** An answer of the app; `status` is 0 where there was none. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

const NO_ANSWER: Answer = { status: 0, text: '', header: () => undefined };
const JOB = /\/_operations\/export\/([0-9a-f]{32})$/;
const JSON_TYPES = 'application/json, application/fhir+json;q=0.9';

/** The id of the job whose status a URL is of; `undefined`: it is none. */
export function jobIdOf(url: unknown): string | undefined {
  return typeof url === 'string' ? JOB.exec(url)?.[1] : undefined;
}

/**
 * The interface of an app. Every request goes to its base, whatever URLs its answers have: they may name it by another
 * host, and a credential goes to no other server.
 */
export class AppServer {
  readonly #base: string;
  #credential: Credential = { kind: 'nothing', value: '' };

  /** @param base absolute, without trailing slash */
  constructor(base: string) {
    this.#base = base;
  }

  /** Whether files can be had by plain links. */
  get needsCredential(): boolean {
    return this.#credential.kind !== 'nothing';
  }

  signIn(credential: Credential): void {
    this.#credential = credential;
  }

  metadata(): Promise<Answer> {
    return this.#ask('/metadata', { accept: 'application/fhir+json' });
  }

  start(kickOff: BulkKickOff): Promise<Answer> {
    const { url, method, headers, body } = kickOffCall('', kickOff, ['bulk-data-version=2.0.0']);
    return this.#ask(url, { ...headers }, method, typeof body === 'string' ? body : undefined);
  }

  list(cursor: string | undefined): Promise<Answer> {
    return this.#ask(`/_operations/export${queryOf(cursor)}`);
  }

  configurations(cursor: string | undefined): Promise<Answer> {
    return this.#ask(`/_operations/configurations${queryOf(cursor)}`);
  }

  status(jobId: string): Promise<Answer> {
    return this.#ask(pathOf(jobId), { accept: JSON_TYPES, prefer: 'return=representation' });
  }

  manifestPage(jobId: string, page: number): Promise<Answer> {
    return this.#ask(`${pathOf(jobId)}/manifests/${page}`, { accept: JSON_TYPES });
  }

  cancel(jobId: string): Promise<Answer> {
    return this.#ask(pathOf(jobId), { accept: JSON_TYPES }, 'DELETE');
  }

  /** The text of a file of the app itself. */
  fileText(jobId: string, name: string): Promise<Answer> {
    return this.#ask(`${pathOf(jobId)}/files/${encodeURIComponent(name)}`, { accept: '*/*' });
  }

  fileUrl(jobId: string, name: string): string {
    return `${this.#base}${pathOf(jobId)}/files/${encodeURIComponent(name)}`;
  }

  /** @returns `undefined` where there is no answer; not every status is a success */
  async file(jobId: string, name: string): Promise<Response | undefined> {
    return this.#fetch(`${pathOf(jobId)}/files/${encodeURIComponent(name)}`, 'GET', { accept: '*/*' });
  }

  async #ask(
    path: string,
    headers: Readonly<Record<string, string>> = { accept: JSON_TYPES },
    method = 'GET',
    body?: string,
  ): Promise<Answer> {
    const answer = await this.#fetch(path, method, headers, body);
    if (answer === undefined) return NO_ANSWER;
    const text = await answer.text().catch(() => undefined);
    if (text === undefined) return NO_ANSWER;
    return { status: answer.status, text, header: (name) => answer.headers.get(name) ?? undefined };
  }

  /** Renews what expires. @returns undefined where it was forgotten or replaced meanwhile */
  async #renewed(before: Credential): Promise<Credential | undefined> {
    const value = (await before.renewed?.()) ?? before.value;
    // Another request may have renewed it at the same time: it is of the same sign-in.
    if (this.#credential.renewed !== before.renewed) return undefined;
    this.#credential = { ...before, value };
    return this.#credential;
  }

  async #fetch(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<Response | undefined> {
    // Nothing of it stays in the browser: neither what is answered nor where it was asked from.
    const limits = {
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    } as const;
    const current = this.#credential;
    const credential = current.renewed === undefined ? current : await this.#renewed(current);
    // What one person has asked for is not asked for by another.
    if (credential === undefined) return undefined;
    try {
      return await fetch(this.#base + path, {
        ...limits,
        method,
        headers: { ...headers, ...headersOf(credential) },
        ...(body === undefined ? {} : { body }),
      });
    } catch {
      return undefined;
    }
  }
}

function queryOf(cursor: string | undefined): string {
  return cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
}

function pathOf(jobId: string): string {
  return `/_operations/export/${jobId}`;
}

function headersOf({ kind, value }: Credential): Record<string, string> {
  if (kind === 'nothing') return {};
  return kind === 'token' ? { authorization: `Bearer ${value}` } : { 'x-functions-key': value };
}
