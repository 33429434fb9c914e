import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withoutDotSegments } from '../../local/host/http/hostLimits.js';
import { createRandom, type Random } from '../../local/sample/random.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { startTestStack, type TestStack } from './harness.js';
import { SEED } from '../random.js';

/** Bytes, in the host. */
const MAX_REQUEST_LINE = 8192;
const REQUESTS = 5000;
const PARALLEL = 8;
/** An answer that takes longer counts as a hang. */
const MAX_MS = 60_000;

interface FuzzedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

let test: TestStack;
const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

beforeAll(async () => {
  test = await startTestStack({ ALLOW_RAW_EXPORT: 'false', CORS_ORIGINS: '*' });
});
afterAll(async () => {
  agent.destroy();
  await test.end();
});

const NAMES = [
  '_type', '_TYPE', '_since', '_until', '_till', '_outputFormat', '_typeFilter', '_typefilter', '_elements',
  'patient', '_container', '_anonymizationConfig', '_anonymizationConfigEtag',
  '_anonymizationConfigCollectionReference', '_raw', '_isParallel', '_maxCount', 'code', '_foo', '', '%00',
  '_anonymization%20Config', 'includeAssociatedData', 'allowPartialManifests', '_format', '_pretty', '__proto__', 'constructor', '%', '[]',
]; // prettier-ignore
const VALUES = [
  '', 'Patient', 'Observation,Patient', 'Foo', '%00', '%2500', '..', '../..', '%2e%2e%2f', 'a'.repeat(3000),
  ','.repeat(2000), '%ff%fe', '%', '%zz', '2020-01-01T00:00:00Z', '2020-13-01T00:00:00Z', '9999-12-31T23:59:59.999Z',
  '0000', '9999', '9998-12', '2020-02-30', '2020-01-31T23:59', '9998-12-31T23:59', '-1', '0', '1e9', '99999', 'true', 'null', 'NaN', '[object Object]', '{"a":1}', '<script>', '%0d%0aX-Evil: 1',
  'Patient?name=x', 'Patient?name=x&name=y&patient=1&code=2', 'Patient%3Fname%3Dx%2CObservation%3Fcode%3D1', 'Patient?_sort=name', 'Patient?', '?', '??',
  'Patient/1', 'Group/1', 'anonymization', '$web', 'research', 'My.Container', 'azure-webjobs-hosts',
  SAMPLE_CONFIGURATION, 'none.json', '/etc/passwd', 'a\\b', '"0x1"', '*', 'r.example/a:1', 'r.example/a@sha256:0',
  '127.0.0.1:1/a:1', 'ndjson', 'application/fhir+ndjson', '%F0%9F%98%80', '%ED%A0%80', '%E2%80%8B', "' OR 1=1 --",
]; // prettier-ignore
const PATHS = [
  '/fhir/$export', '/fhir/%24export', '/fhir/$EXPORT', '/fhir/Patient/$export', '/fhir/Group/1/$export',
  '/fhir/Group/ID/$export', '/fhir/ID/$export', '/fhir/Patient/ID/$export', '/fhir/metadata', '/fhir/Group', '/fhir/_operations/export', '/fhir/_operations/configurations', '/healthz',
  '/fhir/_operations/export/ID', '/fhir/_operations/export/0123456789abcdef0123456789abcdef',
  '/fhir/_operations/export/0123456789abcdef0123456789abcdef/files/ID', '/fhir/_operations/export/ID/files/ID/ID',
  '/fhir/ID', '/', '//', '/fhir//$export', '/fhir/./$export', '/fhir/../fhir/$export', '/ID/ID/ID/ID',
]; // prettier-ignore
const RIGHT = `_container=fuzzed&_type=Group&_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'TRACE'];
const HEADERS: Array<[string, string[]]> = [
  ['accept', ['application/fhir+json', '*/*', 'text/html', '', ';;;', 'a'.repeat(2000), '\xff\xfe']],
  [
    'prefer',
    ['respond-async', 'respond-async, handling=lenient', 'handling=', 'handling="lenient', '\x80', ','],
  ],
  ['content-type', ['application/fhir+json', 'application/json', 'text/plain', 'x/y; charset=utf-16', '']],
  ['range', ['bytes=0-1', 'bytes=-', 'bytes=99999999999999999999-', 'x']],
  ['if-none-match', ['*', '"x"', 'W/"', '"'.repeat(500)]],
  ['if-range', ['"x"', 'yesterday']],
  ['origin', ['https://app.example.org', 'null', 'x'.repeat(500)]],
  ['access-control-request-method', ['GET', 'x']],
  ['accept-encoding', ['gzip', 'gzip;q=0', 'br,,;', '*']],
  ['authorization', ['Bearer x', 'Basic \xff']],
  ['x-forwarded-host', ['evil.example.org', '\x80']],
];
const BODIES = [
  '', ' ', '{}', '[]', 'null', '{', '"x"', '1e999', '{"resourceType":"Parameters"}',
  '{"resourceType":"Parameters","parameter":{}}', '{"resourceType":"Parameters","parameter":[null]}',
  '{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":["x"]}}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"__proto__","valueString":"x"}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"x","part":[{"name":"y"}]}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"includeAssociatedData","valueCoding":{"code":["x"]}}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"_since","valueInstant":{"a":1}}]}',
  '{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"\\ud800"}]}',
  `{"resourceType":"Parameters","parameter":[${'{"name":"_type","valueString":"X"},'.repeat(3000)}{}]}`,
  // As much as a body may have, in one parameter or in many: refused, and cheaply.
  `{"resourceType":"Parameters","parameter":[{"name":"_elements","valueString":"${'id,'.repeat(300_000)}"}]}`,
  `{"resourceType":"Parameters","parameter":[{"name":"_typeFilter","valueString":"${'Group?a=b,'.repeat(90_000)}"}]}`,
  '['.repeat(50_000), `{"resourceType":"${'x'.repeat(100_000)}"}`,
]; // prettier-ignore

function fuzzed(random: Random): FuzzedRequest {
  const path = random.pick(PATHS).replaceAll('ID', () => encoded(random.pick(VALUES).slice(0, 1500)));
  const query = Array.from(
    { length: random.int(0, 5) },
    () =>
      `${random.pick(NAMES)}=${random.chance(0.15) ? mutated(random, random.pick(VALUES)) : random.pick(VALUES)}`,
  );
  // Nearly right, so that what comes after the parameters is reached, too.
  if (random.chance(0.1)) query.unshift(RIGHT);
  const method = random.chance(0.6) ? random.pick(['GET', 'POST']) : random.pick(METHODS);
  const headers: Record<string, string> = random.chance(0.7)
    ? { accept: 'application/fhir+json', prefer: 'respond-async' }
    : {};
  for (const [name, values] of HEADERS) if (random.chance(0.12)) headers[name] = random.pick(values);
  const hasBody = method === 'POST' || random.chance(0.05);
  return {
    method,
    path: `${path}${query.length === 0 ? '' : `?${encoded(query.join('&'))}`}`,
    headers,
    body: hasBody ? Buffer.from(mutated(random, random.pick(BODIES))) : undefined,
  };
}

/** Some characters replaced, removed or doubled. */
function mutated(random: Random, text: string): string {
  if (random.chance(0.5) || text.length === 0) return text;
  const at = random.int(0, text.length - 1);
  const part = random.pick(['', '\u0000', '%', '"', '\u202e', text.slice(0, 50)]);
  return text.slice(0, at) + part + text.slice(at + 1);
}

/** What the request line cannot hold, percent-encoded. */
function encoded(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]|#/gu, encodeURIComponent);
}

interface Answer {
  status: number;
  type: string;
  body: string;
  ms: number;
}

function send({ method, path, headers, body }: FuzzedRequest): Promise<Answer> {
  const started = performance.now();
  const { hostname, port } = new URL(test.stack.baseUrl);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { agent, hostname, port, method, path, headers: { ...headers, 'content-length': body?.length ?? 0 } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString('utf8'),
            ms: performance.now() - started,
          }),
        );
      },
    );
    request.setTimeout(MAX_MS, () => request.destroy(new Error(`hangs: ${method} ${path.slice(0, 200)}`)));
    request.once('error', reject);
    request.end(body);
  });
}

/** What is wrong with an answer, in words; `undefined`: nothing. */
function complaint({ method, path }: FuzzedRequest, { status, type, body }: Answer): string | undefined {
  if (status >= 500) return `answered ${status}: ${body.slice(0, 500)}`;
  if (/\bat .*\.[jt]s:\d+|node_modules|node:internal/.test(body))
    return `shows a stack: ${body.slice(0, 500)}`;
  if (status < 400 || method === 'HEAD') return undefined;
  // No function has this method, so the host answers.
  if (method === 'TRACE' && status === 404 && body === '') return undefined;
  // What the host refuses before it looks for a function.
  const isRefusedByHost =
    withoutDotSegments(path).startsWith('//') ||
    /^[^?]*%00/.test(path) ||
    path.length > MAX_REQUEST_LINE - method.length - 12;
  if (isRefusedByHost && [400, 404, 414].includes(status) && body === '') return undefined;
  if (!type.startsWith('application/fhir+json')) return `answered ${status} with "${type}"`;
  const { resourceType } = JSON.parse(body) as { resourceType: string };
  return resourceType === 'OperationOutcome' ? undefined : `answered ${status} with ${resourceType}`;
}

it(`${REQUESTS} fuzzed requests: no 500, no hang, every refusal an OperationOutcome (TEST_SEED=${SEED})`, async () => {
  const random = createRandom(SEED);
  const requests = Array.from({ length: REQUESTS }, () => fuzzed(random));
  const statuses = new Map<number, number>();
  let slowest = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const request = requests[next++];
      if (request === undefined) return;
      const answer = await send(request);
      const wrong = complaint(request, answer);
      if (wrong !== undefined) {
        throw new Error(`${wrong}\nrequest ${next - 1}: ${JSON.stringify(request).slice(0, 1500)}`);
      }
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      slowest = Math.max(slowest, answer.ms);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const counted = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(
    `${REQUESTS} requests in ${Math.round((performance.now() - started) / 1000)} s; slowest ${Math.round(slowest)} ms; ${counted.join(', ')}`,
  );
  // It was not all refused for one and the same reason.
  for (const status of [200, 400, 403, 404, 405])
    expect(statuses.get(status), `${status}`).toBeGreaterThan(20);
  expect((await send({ method: 'GET', path: '/healthz', headers: {}, body: undefined })).status).toBe(200);
});
