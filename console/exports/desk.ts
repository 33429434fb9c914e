import type { AppDescription, SignInAt } from '../../functions/http/console/pages.js';
import { Store } from '../shared/store.js';
import type { WindowSignIn } from './entraSignIn.js';
import { type Answer, AppServer, type Credential, jobIdOf } from './appServer.js';
import { type ConfigurationList, joined, readConfigurations } from './configurations.js';
import { type ExportForm, kickOffOf, type ListedJob, readList, typesIn } from './jobs.js';
import { MAX_PAGES, problemsIn, readManifest, type ShownManifest } from './manifest.js';
import type { RememberedJobs } from './rememberedJobs.js';
import { saveAs } from '../shared/saving.js';
import { type JobWatch, watchJob } from './watch.js';
import { isObject, objectOf, plain, refusalWords, signInWords, wordsOf } from './words.js';

/** Loads what signs users in by a window of its own. */
export type OpenSignIn = (at: SignInAt) => Promise<WindowSignIn>;

/** The export that is looked at. */
export interface ShownJob {
  readonly job: ListedJob;
  /** What the app said at its kick-off. */
  readonly accepted: readonly string[];
  readonly watch: JobWatch;
  readonly manifest?: ShownManifest;
  /** What the files of errors say, once they are read. */
  readonly problems?: readonly string[];
  /** Names of files that are being saved, and those that are. */
  readonly saving: ReadonlySet<string>;
  readonly saved: ReadonlySet<string>;
}

/** All that the page shows. Each change makes a new one. */
export interface DeskState {
  /** There once the page knows its app. */
  readonly app?: AppDescription;
  /** Address of the app. */
  readonly base?: string;
  readonly isSignedIn: boolean;
  /** Whether somebody is asked to sign in, in another window. */
  readonly isSigningIn: boolean;
  /** Types that can be exported, as the app lists them. */
  readonly types: readonly string[];
  /** What the app lists of them; absent where it does not, or not yet: then they are named. */
  readonly configurations?: ConfigurationList;
  /** Why it does not. */
  readonly unlisted: readonly string[];
  readonly jobs: readonly ListedJob[];
  /** Where the list goes on. */
  readonly cursor?: string;
  /** Whether the app lists exports; else those are listed that were started here. */
  readonly isListed: boolean;
  /** Whether the list is kept when the browser is closed. */
  readonly isKept: boolean;
  readonly shown?: ShownJob;
  readonly isStarting: boolean;
  /** Why an export was not started. */
  readonly refused: readonly string[];
  /** What is wrong beside that. */
  readonly faults: readonly string[];
  /** What was done last, for those who hear it. */
  readonly said: string;
}

/** Pages of the list of configurations that are read one after the other; more where that is asked for. */
const PAGES_AT_ONCE = 5;

const NOTHING: JobWatch = { phase: 'running', progress: '', types: [], rates: new Map(), words: [] };

/** What the page does. */
export class Desk {
  readonly store = new Store<DeskState>({
    isSignedIn: false,
    isSigningIn: false,
    types: [],
    unlisted: [],
    jobs: [],
    isListed: false,
    isKept: false,
    isStarting: false,
    refused: [],
    faults: [],
    said: '',
  });
  #server: AppServer | undefined;
  #unwatch: (() => void) | undefined;
  /** Grows with each sign-in and sign-out: what was asked for before is of no use then. */
  #signIns = 0;
  readonly #rememberedOf: (base: string) => RememberedJobs;
  /** There once the page knows its app. */
  #remembered: RememberedJobs | undefined;

  readonly #openSignIn: OpenSignIn;
  #signInWindow: Promise<WindowSignIn> | undefined;

  /**
   * @param rememberedOf the exports that were started here, of the app of a base
   * @param openSignIn loads what signs in by another window
   */
  constructor(rememberedOf: (base: string) => RememberedJobs, openSignIn: OpenSignIn) {
    this.#rememberedOf = rememberedOf;
    this.#openSignIn = openSignIn;
  }

  /** Finds out which app the page is for. @param here address of the page's folder */
  async start(here: string): Promise<void> {
    const answer = await fetch(new URL('app.json', here), { credentials: 'omit' }).catch(() => undefined);
    const text = answer?.ok === true ? await answer.text().catch(() => '') : '';
    const found = objectOf(text);
    const base = typeof found?.['base'] === 'string' ? new URL(found['base'], here).href : undefined;
    if (found === undefined || base === undefined) {
      const why =
        found === undefined
          ? 'The server of this page does not answer. Load it again.'
          : 'This console has no app to export from. Start it with fhir-deid console --base and the FHIR base of the app.';
      this.store.set({ faults: [why] });
      return;
    }
    const app = found as unknown as AppDescription;
    const address = base.replace(/\/+$/, '');
    this.#server = new AppServer(address);
    const remembered = this.#rememberedOf(address);
    this.#remembered = remembered;
    this.store.set({ app, base, isListed: app.listsExports, isKept: remembered.isKept });
    void this.#readTypes();
    if (app.signIn === 'nothing') await this.signIn({ kind: 'nothing', value: '' });
  }

  async #readTypes(): Promise<void> {
    const answer = await this.#server?.metadata();
    const rest: unknown = objectOf(answer?.text ?? '')?.['rest'];
    const first: unknown = Array.isArray(rest) ? rest[0] : undefined;
    const resources: unknown = isObject(first) ? first['resource'] : undefined;
    const named = (Array.isArray(resources) ? (resources as unknown[]) : []).flatMap((resource) => {
      const type = isObject(resource) ? resource['type'] : undefined;
      return typeof type === 'string' && /^[A-Za-z]{1,64}$/.test(type) ? [type] : [];
    });
    this.store.set({ types: named.sort() });
  }

  /** Asks a person to sign in, in another window, and takes the token. */
  async signInByWindow(): Promise<void> {
    const at = this.store.state.app?.signInAt;
    if (at === undefined) return;
    const signIn = ++this.#signIns;
    this.store.set({ isSigningIn: true, faults: [] });
    try {
      const opened = await (this.#signInWindow ??= this.#openSignIn(at));
      const value = await opened.signIn();
      if (signIn === this.#signIns)
        await this.signIn({ kind: 'token', value, renewed: () => opened.token() });
    } catch (error) {
      if (signIn !== this.#signIns) return;
      // What failed to load is loaded again.
      this.#signInWindow = undefined;
      this.store.set({ isSigningIn: false, faults: [signInWords(error)] });
    }
  }

  /** Takes a credential, which stays in memory, and lists what it may see. */
  async signIn(credential: Credential): Promise<void> {
    this.#signIns++;
    this.#server?.signIn(credential);
    // Of a function key on another server than the page's, no list can be had.
    const isListed = this.store.state.app?.listsExports === true && credential.kind !== 'function-key';
    this.store.set({
      isSignedIn: true,
      isSigningIn: false,
      isStarting: false,
      isListed,
      faults: [],
      configurations: undefined,
      unlisted: [],
      jobs: [],
      cursor: undefined,
    });
    void this.listConfigurations();
    await this.list();
  }

  /** Forgets the credential, and what it has shown. */
  signOut(): void {
    this.#signIns++;
    this.#unwatch?.();
    this.#signInWindow = undefined;
    this.#server?.signIn({ kind: 'nothing', value: '' });
    this.store.set({
      isSignedIn: false,
      isSigningIn: false,
      isStarting: false,
      configurations: undefined,
      unlisted: [],
      jobs: [],
      cursor: undefined,
      shown: undefined,
      refused: [],
      faults: [],
      said: 'Signed out: the key or token is forgotten.',
    });
  }

  /** Lists the exports of the caller from the latest on, or, with a cursor, those after it. */
  async list(cursor?: string): Promise<void> {
    if (!this.store.state.isListed) {
      this.store.set({ jobs: this.#remembered?.list() ?? [] });
      return;
    }
    const signIn = this.#signIns;
    const answer = await this.#server?.list(cursor);
    if (answer === undefined || signIn !== this.#signIns) return;
    const body = answer.status === 200 ? objectOf(answer.text) : undefined;
    if (body === undefined) {
      this.store.set({ faults: refusalWords('The list of exports', answer.status, answer.text) });
      return;
    }
    const page = readList(body);
    const before = cursor === undefined ? [] : this.store.state.jobs;
    const known = new Set(before.map(({ id }) => id));
    const jobs = [...before, ...page.jobs.filter(({ id }) => !known.has(id))];
    this.store.set({ jobs, cursor: page.cursor, faults: [] });
  }

  /** Lists configurations from the first on, or, with a cursor, those after it. What there was stays until then. */
  async listConfigurations(from?: string): Promise<void> {
    const signIn = this.#signIns;
    let found = from === undefined ? undefined : this.store.state.configurations;
    let cursor = from;
    for (let pages = 0; pages < PAGES_AT_ONCE; pages++) {
      const answer = await this.#server?.configurations(cursor);
      if (answer === undefined || signIn !== this.#signIns) return;
      const body = answer.status === 200 ? objectOf(answer.text) : undefined;
      if (body === undefined) {
        const why = refusalWords('The list of configurations', answer.status, answer.text);
        if (found === undefined) this.store.set({ configurations: undefined, unlisted: why });
        else this.store.set({ configurations: { ...found, notes: [...new Set([...found.notes, ...why])] } });
        return;
      }
      const page = readConfigurations(body);
      found = found === undefined ? page : joined(found, page);
      this.store.set({ configurations: found, unlisted: [] });
      ({ cursor } = page);
      if (cursor === undefined) return;
    }
  }

  /** Keeps the list of the exports that were started here also when the browser is closed, or no longer. */
  keep(isKept: boolean): void {
    this.#remembered?.keep(isKept);
    this.store.set({
      isKept,
      said: isKept ? 'The list is kept on this computer.' : 'The list is forgotten when this tab is closed.',
    });
  }

  /** @returns whether it was started */
  async startExport(form: ExportForm): Promise<boolean> {
    this.store.set({ isStarting: true, refused: [] });
    const [signIn, { isListed }] = [this.#signIns, this.store.state];
    const answer = await this.#server?.start(kickOffOf(form));
    const isSame = signIn === this.#signIns;
    if (isSame) this.store.set({ isStarting: false });
    if (answer === undefined) return false;
    const id = answer.status === 202 ? jobIdOf(answer.header('content-location')) : undefined;
    if (id === undefined) {
      if (isSame) this.store.set({ refused: refusalWords('The export', answer.status, answer.text) });
      return false;
    }
    const types = typesIn(form.types);
    const job: ListedJob = {
      id,
      state: 'running',
      level: form.level,
      startedAt: new Date().toISOString(),
      ...(types.length === 0 ? {} : { types }),
      ...(form.configuration.trim() === '' ? {} : { configuration: form.configuration.trim() }),
    };
    // It runs, whoever is signed in now: where the app lists none, its id would be lost.
    if (!isListed) this.#remembered?.add(job);
    if (!isSame) return false;
    this.store.set({ jobs: [job, ...this.store.state.jobs], said: 'The export was started.' });
    this.show(job, wordsOf(answer.text));
    return true;
  }

  /** Looks at an export, and asks for its status until it has ended. */
  show(job: ListedJob, accepted: readonly string[] = []): void {
    this.#unwatch?.();
    const server = this.#server;
    if (server === undefined) return;
    this.store.set({ shown: { job, accepted, watch: NOTHING, saving: new Set(), saved: new Set() } });
    this.#unwatch = watchJob(
      () => server.status(job.id),
      (watch, answer) => {
        this.#change(job.id, (shown) => ({ ...shown, watch }));
        if (watch.phase === 'complete' && answer !== undefined) void this.#complete(job.id, answer);
        if (watch.phase !== 'running') this.#ended(job.id, watch.phase);
      },
    );
  }

  /** Reads the manifest, with all of its pages. */
  async #complete(id: string, answer: Answer): Promise<void> {
    const signIn = this.#signIns;
    let page: Answer | undefined = answer;
    let manifest: ShownManifest | undefined;
    for (let nth = 1; page !== undefined; nth++) {
      const body: Record<string, unknown> | undefined = page.status === 200 ? objectOf(page.text) : undefined;
      if (body === undefined) {
        this.store.set({ faults: refusalWords('The manifest', page.status, page.text) });
        return;
      }
      const read = readManifest(body);
      manifest = { ...(manifest ?? read), files: [...(manifest?.files ?? []), ...read.files] };
      page = read.hasNext && nth <= MAX_PAGES ? await this.#server?.manifestPage(id, nth) : undefined;
      if (signIn !== this.#signIns) return;
    }
    const expires = Date.parse(answer.header('expires') ?? '');
    this.#change(id, (shown) => ({
      ...shown,
      ...(manifest === undefined ? {} : { manifest }),
      job: {
        ...shown.job,
        ...(Number.isNaN(expires) ? {} : { expiresAt: new Date(expires).toISOString() }),
      },
    }));
  }

  #ended(id: string, phase: JobWatch['phase']): void {
    const state = phase === 'complete' ? 'completed' : phase === 'failed' ? 'failed' : 'unknown';
    this.store.set({
      jobs: this.store.state.jobs.map((job) => (job.id === id ? { ...job, state } : job)),
      said: phase === 'complete' ? 'The export is complete.' : 'The export has ended without data.',
    });
    if (phase === 'gone') this.#remembered?.remove(id);
  }

  /** Cancels an export that runs, or deletes one that has ended, with its files. */
  async cancel(id: string): Promise<void> {
    const signIn = this.#signIns;
    const answer = await this.#server?.cancel(id);
    if (answer === undefined) return;
    const isGone = answer.status === 202 || answer.status === 404;
    if (isGone) this.#remembered?.remove(id);
    if (signIn !== this.#signIns) return;
    if (!isGone) {
      this.store.set({ faults: refusalWords('The cancellation', answer.status, answer.text) });
      return;
    }
    this.#unwatch?.();
    this.store.set({
      jobs: this.store.state.jobs.filter((job) => job.id !== id),
      shown: undefined,
      faults: [],
      said: wordsOf(answer.text)[0] ?? 'The export no longer exists.',
    });
  }

  /** The address of a file that takes no credential; `undefined`: it has to be asked for. */
  linkOf(id: string, { name, link }: { name: string; link?: string }): string | undefined {
    if (link !== undefined) return link;
    return this.#server?.needsCredential === false ? this.#server.fileUrl(id, name) : undefined;
  }

  /** Saves a file that takes a credential. */
  async save(id: string, name: string): Promise<void> {
    this.#change(id, (shown) => ({ ...shown, saving: new Set(shown.saving).add(name) }));
    const signIn = this.#signIns;
    const answer = await this.#server?.file(id, name);
    const blob = answer?.ok === true ? await answer.blob().catch(() => undefined) : undefined;
    const text = blob === undefined ? ((await answer?.text().catch(() => '')) ?? '') : '';
    if (signIn !== this.#signIns) return;
    if (blob !== undefined) saveAs(blob, name);
    else
      this.store.set({
        faults: refusalWords(
          `The file ${plain(name)}`,
          answer?.ok === true ? 0 : (answer?.status ?? 0),
          text,
        ),
      });
    this.#change(id, (shown) => {
      const saving = new Set([...shown.saving].filter((other) => other !== name));
      return { ...shown, saving, saved: blob === undefined ? shown.saved : new Set(shown.saved).add(name) };
    });
  }

  /** Reads what the files of errors say. */
  async readProblems(id: string, names: readonly string[]): Promise<void> {
    const signIn = this.#signIns;
    const problems: string[] = [];
    for (const name of names) {
      const answer = await this.#server?.fileText(id, name);
      if (signIn !== this.#signIns) return;
      if (answer?.status !== 200) {
        this.store.set({ faults: refusalWords('The problems', answer?.status ?? 0, answer?.text ?? '') });
        return;
      }
      problems.push(...problemsIn(answer.text, wordsOf));
    }
    this.#change(id, (shown) => ({ ...shown, problems }));
  }

  #change(id: string, change: (shown: ShownJob) => ShownJob): void {
    const { shown } = this.store.state;
    if (shown?.job.id === id) this.store.set({ shown: change(shown) });
  }
}
