import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import {
  AUDIENCE,
  AuthorizationServer,
  importKey,
  ISSUER,
  newKey,
  requestToken,
  type SigningKey,
} from '../http/authorization/authorizationServer.js';
import { startTestStack, type TestStack } from '../stack/harness.js';
import { foundIn } from '../stack/identities.js';
import { CLIENTS, type Level } from './clients.js';
import {
  type CapabilityStatement,
  endOfBulkDataClient,
  fatalForSmartFetch,
  planOfSmartFetch,
  SMART_FETCH_SCOPE,
  SMART_FETCH_TYPES,
  tokenUrlForBulkDataClient,
} from './decisions.js';
import { PROGRAMS, runProgram } from './programs.js';
import { type Counts, countTypes, type Line, parseLines, Source } from './source.js';

const CLIENT_ID = 'research';

let test: TestStack;
let server: AuthorizationServer;
let key: SigningKey;
let privateJwk: string;
let base: string;
let source: Source;

// One server for all: SMART Backend Services, and a default configuration for clients that know no parameter of ours.
beforeAll(async () => {
  ({ key, privateJwk } = await makeKey());
  server = await AuthorizationServer.start(await newKey('server-key'));
  server.clients.set(CLIENT_ID, [key.publicJwk]);
  test = await startTestStack({
    AUTHENTICATION: 'smart',
    SMART_ISSUER: ISSUER,
    SMART_AUDIENCE: AUDIENCE,
    SMART_JWKS_URL: server.jwksUrl,
    SMART_TOKEN_URL: server.tokenUrl,
    DEFAULT_ANONYMIZATION_CONFIG: SAMPLE_CONFIGURATION,
    // Otherwise parts of few patients are withheld, from every client alike.
    MIN_PATIENTS: '0',
  });
  base = test.stack.baseUrl;
  source = new Source(join(test.stack.dataDirectory, 'sample'));
});
afterAll(async () => {
  await test?.end();
  await server?.stop();
});

/** The key pair of the client, made by the command of the page. */
async function makeKey(): Promise<{ key: SigningKey; privateJwk: string }> {
  const page = readFileSync(join(PROJECT_ROOT, 'docs', 'clients.md'), 'utf8');
  const [, command = ''] = /```sh\n(node -e "[^"]*")\n```/.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'fhir-clients-key-'));
  try {
    execFileSync('sh', ['-c', command], { cwd: folder });
    const [own = '', published = ''] = ['research.jwk', 'research-public.jwk'].map((file) =>
      readFileSync(join(folder, file), 'utf8'),
    );
    return {
      key: await importKey(JSON.parse(own) as object, JSON.parse(published) as object),
      privateJwk: own,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const levelOf = (kind: Level): Level => (kind === 'Group/' ? `Group/${source.group.id}` : kind);
const named = (kind: Level): string => (kind === '' ? 'system' : kind.replace('/', ''));
const levels = (kinds: readonly Level[]): Array<[string, Level]> => kinds.map((kind) => [named(kind), kind]);

/** Everything is there that belongs to the export, once, and nobody is named in it. */
function expectWhole(lines: readonly Line[], expected: Counts): void {
  expect(countTypes(lines)).toEqual(expected);
  const keys = lines.map(({ resourceType, id }) => `${resourceType}/${id}`);
  expect(new Set(keys).size).toBe(keys.length);
  expect(foundIn(JSON.stringify(lines), source.identities)).toEqual([]);
}

const nodeVersion = Number(process.versions.node.split('.')[0]);
const clients = CLIENTS.filter(({ name, needsNode = 0 }) => {
  if (nodeVersion < needsNode) console.log(`skipped: exports by ${name}, which needs Node ${needsNode}`);
  return nodeVersion >= needsNode;
});

describe.each(clients)('$name', ({ run }) => {
  it.each(levels(['', 'Patient', 'Group/']))('exports all that belongs to the %s level', async (_, kind) => {
    const level = levelOf(kind);
    const token = await requestToken(server.tokenUrl, key, CLIENT_ID, 'system/*.rs');
    const { manifest, files } = await run(base, token, level);
    const lines = files.map(parseLines);
    expect(manifest.error).toEqual([]);
    expect(manifest.output.map(({ count }) => count)).toEqual(lines.map(({ length }) => length));
    expectWhole(lines.flat(), source.expected(level));
  });
});

const programs = PROGRAMS.filter(({ name, variable }) => {
  const isGiven = (process.env[variable] ?? '') !== '';
  if (!isGiven) console.log(`skipped: exports by ${name} itself, unless ${variable} has its command`);
  return isGiven;
});

describe.each(programs)('$name itself', (program) => {
  it.each(levels(program.levels))('exports and logs the %s level', async (_, kind) => {
    const level = levelOf(kind);
    const signIn = { baseUrl: base, tokenUrl: server.tokenUrl, clientId: CLIENT_ID, privateJwk };
    const { exitCode, printed, log, lines, errors } = await runProgram(program, level, signIn);
    expect({ exitCode, printed: exitCode === 0 ? '' : printed }).toEqual({ exitCode: 0, printed: '' });
    expect(errors).toEqual([]);
    const expected = Object.entries(source.expected(level)).filter(
      ([type]) => program.name !== 'SMART Fetch' || SMART_FETCH_TYPES.includes(type),
    );
    expectWhole(lines, Object.fromEntries(expected));
    const events = log.map(({ eventId }) => eventId);
    expect(events).toEqual(expect.arrayContaining(['kickoff', 'status_complete', 'manifest_complete']));
    expect(log.at(-1)).toMatchObject({
      eventId: 'export_complete',
      eventDetail: { resources: lines.length },
    });
    expect(events.filter((event) => event.endsWith('error'))).toEqual([]);
  });
});

interface Followed {
  progress: string[];
  manifest: Record<'output' | 'error', Array<{ url: string }>>;
  lines: Line[];
  errors: Line[];
  deletion: number;
}

/** An export to its end, with what its client saw on the way. */
async function follow(path: string, scope: string): Promise<Followed> {
  const authorization = `Bearer ${await requestToken(server.tokenUrl, key, CLIENT_ID, scope)}`;
  const ask = (url: string, more: Record<string, string>, method = 'GET'): Promise<Response> =>
    fetch(url, { method, headers: { authorization, ...more } });
  const started = await ask(`${base}${path}`, { accept: 'application/fhir+json', prefer: 'respond-async' });
  const refusal = await started.text();
  expect(started.status, refusal).toBe(202);
  const statusUrl = started.headers.get('content-location') ?? '';
  const progress: string[] = [];
  let status = await ask(statusUrl, { accept: 'application/json' });
  for (; status.status === 202; status = await ask(statusUrl, { accept: 'application/json' })) {
    progress.push(status.headers.get('x-progress') ?? '');
    await new Promise((done) => setTimeout(done, Number(status.headers.get('retry-after')) * 1000));
  }
  const manifest = (await status.json()) as Followed['manifest'];
  const download = async (files: Array<{ url: string }>): Promise<Line[]> => {
    const lines: Line[] = [];
    for (const { url } of files) {
      lines.push(...parseLines(await (await ask(url, { accept: 'application/fhir+ndjson' })).text()));
    }
    return lines;
  };
  const [lines, errors] = [await download(manifest.output), await download(manifest.error)];
  return { progress, manifest, lines, errors, deletion: (await ask(statusUrl, {}, 'DELETE')).status };
}

async function capabilities(): Promise<CapabilityStatement> {
  return (await (await fetch(`${base}/metadata`)).json()) as CapabilityStatement;
}

describe('the decisions of SMART Fetch, as we read them', () => {
  it('are those of a server that has Group and Patient alone, where nothing else is listed', () => {
    const statement = { rest: [{ mode: 'server', resource: [{ type: 'Group' }, { type: 'Patient' }] }] };
    expect(planOfSmartFetch(statement, { since: '2026-01-01T00:00:00Z' })).toEqual({
      mode: 'bulk',
      types: ['Patient'],
      skipped: SMART_FETCH_TYPES.slice(1),
      since: 'created',
      kickOff: '/$export?_type=Patient',
    });
  });

  it('leave out no type of the source, and are for _since', async () => {
    const plan = planOfSmartFetch(await capabilities(), { since: '2026-01-01T00:00:00Z' });
    expect(plan).toMatchObject({ mode: 'bulk', since: 'updated' });
    const ofSource = new Set(source.resources.map(({ resourceType }) => resourceType));
    expect(plan.skipped.filter((type) => ofSource.has(type))).toEqual([]);
    expect(plan.kickOff).toContain('_since=2026-01-01');
  });

  it.each(levels(['', 'Group/']))('export all types at the %s level', async (_, kind) => {
    const level = levelOf(kind);
    const group = level.startsWith('Group/') ? { group: level.slice(6) } : {};
    const { types, kickOff } = planOfSmartFetch(await capabilities(), group);
    const { lines, errors, deletion } = await follow(kickOff, SMART_FETCH_SCOPE);
    const expected = Object.entries(source.expected(level)).filter(([type]) => types.includes(type));
    expectWhole(lines, Object.fromEntries(expected));
    expect(fatalForSmartFetch(errors)).toEqual([]);
    expect(deletion).toBe(202);
  });
});

describe('the log of bulk-data-client, as we read it', () => {
  it.each([
    [['planning', '98%: 27 of 28'], { output: [], error: [] }, ['status_complete', 'manifest_complete']],
    [['planning'], { output: [], error: [] }, ['status_complete', 'manifest_complete']],
    [['100%'], { output: [], error: [] }, ['manifest_complete']],
    [['98%'], { output: [] }, ['status_complete']],
  ])('of the progress %j and the manifest %j ends with %j', (progress, manifest, events) => {
    expect(endOfBulkDataClient(progress, manifest)).toEqual(events);
  });

  it('has the completion of an export', async () => {
    const { progress, manifest } = await follow('/Patient/$export', 'system/*.rs');
    expect(endOfBulkDataClient(progress, manifest)).toEqual(['status_complete', 'manifest_complete']);
  });

  it('begins with a /metadata that it does not store, by which on Node 20 it would end without a word', async () => {
    const { headers } = await fetch(`${base}/metadata`);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('is of a client that finds the token endpoint in /metadata', async () => {
    expect(tokenUrlForBulkDataClient(await capabilities())).toBe(server.tokenUrl);
  });
});
