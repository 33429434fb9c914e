import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { startTestStack, type TestStack } from './harness.js';

const CANARY = 'CanaryJaneDoe1970';
const KEY = 'CanaryKeyOfTheDeployment4711';
const FHIR = { 'content-type': 'application/fhir+json' };
const PATIENT = { resourceType: 'Patient', id: CANARY, name: [{ family: CANARY }], [CANARY]: CANARY };

let test: TestStack;
/** All that was answered. */
let answered = '';

beforeAll(async () => {
  test = await startTestStack({
    DE_IDENTIFY: 'on',
    DE_IDENTIFY_ANY_CALLER: 'true',
    DE_IDENTIFY_MAX_MEBIBYTES: '1',
    DE_IDENTIFY_REQUESTS_PER_MINUTE: '200',
    DEFAULT_ANONYMIZATION_CONFIG: SAMPLE_CONFIGURATION,
    ANONYMIZATION_SECRET_deployment: KEY,
    AzureFunctionsJobHost__logging__logLevel__default: 'Trace',
    AZURE_LOG_LEVEL: 'verbose',
  });
});
afterAll(() => test.end());

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

async function post(
  body: string | Buffer,
  headers: Record<string, string> = FHIR,
  query = '',
): Promise<Answer> {
  const response = await fetch(`${test.stack.baseUrl}/$de-identify${query}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const text = await response.text();
  answered += `${text}${response.headers.get('x-operationoutcome')}`;
  return { status: response.status, headers: response.headers, text };
}

function filesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('POST [base]/$de-identify', () => {
  it('answers with the resource de-identified, and says in a header what was dropped', async () => {
    const { status, headers, text } = await post(JSON.stringify(PATIENT));
    expect({ status, resource: JSON.parse(text) as object }).toMatchObject({
      status: 200,
      resource: { resourceType: 'Patient' },
    });
    expect(headers.get('content-type')).toMatch(/^application\/fhir\+json/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(JSON.parse(headers.get('x-operationoutcome') ?? '')).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: expect.arrayContaining([
        expect.objectContaining({
          severity: 'warning',
          diagnostics: expect.stringContaining('Patient.(unknown)') as unknown,
        }),
      ]) as unknown,
    });
  });

  it('is named by the CapabilityStatement, with its definition', async () => {
    const statement = (await (await fetch(`${test.stack.baseUrl}/metadata`)).json()) as {
      rest: Array<{ operation: Array<{ name: string; definition: string }> }>;
    };
    const operation = statement.rest[0]?.operation.find(({ name }) => name === 'de-identify');
    const definition = await fetch(operation?.definition ?? '');
    expect(await definition.json()).toMatchObject({
      resourceType: 'OperationDefinition',
      code: 'de-identify',
    });
  });

  it.each<[string, string, Record<string, string>, number]>([
    ['another content type', '<Patient/>', { 'content-type': 'application/fhir+xml' }, 415],
    ['a compressed body', '{}', { ...FHIR, 'content-encoding': 'gzip' }, 415],
    ['no JSON', `{"id": ${CANARY}`, FHIR, 400],
    ['an unknown type', JSON.stringify({ resourceType: CANARY }), FHIR, 422],
    ['nothing', '', FHIR, 400],
    ['more than it takes', JSON.stringify({ ...PATIENT, more: 'x'.repeat(1_100_000) }), FHIR, 413],
    ['much more than it takes', 'x'.repeat(20_000_000), FHIR, 413],
    ['deep nesting', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`, FHIR, 422],
  ])('refuses %s with an OperationOutcome', async (_what, body, headers, status) => {
    const answer = await post(body, headers);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ resourceType: 'OperationOutcome' });
  });

  it('takes no other method', async () => {
    const { status, headers } = await fetch(`${test.stack.baseUrl}/$de-identify`);
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
  });

  it('is 429 with Retry-After where a caller asks too often, and a caller that waits is answered', async () => {
    const all = await Promise.all(Array.from({ length: 30 }, () => post(JSON.stringify(PATIENT))));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 429]));
    const refused = all.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(JSON.parse(refused?.text ?? '')).toMatchObject({ issue: [{ code: 'throttled' }] });
    expect((await post(JSON.stringify(PATIENT))).status).toBe(200);
  });

  it('leaves nothing of what was sent, and no key, in any answer, log, storage or history', async () => {
    // Histories, logs and storage are all files of the stack.
    const places = { answers: answered, files: filesBelow(test.stack.dataDirectory) };
    for (const [place, text] of Object.entries(places)) {
      expect(text.length > 0, place).toBe(true);
      expect(text.includes(CANARY) || text.includes(KEY), place).toBe(false);
    }
  });
});

it('is 404 where it is off', async () => {
  const off = await startTestStack({});
  try {
    const response = await fetch(`${off.stack.baseUrl}/$de-identify`, {
      method: 'POST',
      headers: FHIR,
      body: '{}',
    });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('DE_IDENTIFY is not on');
    expect(await (await fetch(`${off.stack.baseUrl}/metadata`)).text()).not.toContain('de-identify');
  } finally {
    await off.end();
  }
});
