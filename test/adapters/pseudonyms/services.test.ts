import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPseudonymAccess } from '../../../functions/adapters/pseudonyms/openPseudonymAccess.js';
import { openPseudonyms } from '../../../functions/adapters/pseudonyms/openPseudonyms.js';
import type { DomainName } from '../../../functions/deid/methods/pseudonyms.js';
import { JobPseudonyms } from '../../../functions/export/output/jobPseudonyms.js';
import { readSettings } from '../../../functions/settings/settings.js';
import { madePseudonym } from '../../deid/shared.js';
import { type Fault, StandIn } from './standIn.js';

const DOMAIN: DomainName = { domain: 'PATIENT', entici: { resourceType: 'Patient', project: 'p' } };
const SECRETS = ['MRN-4711', 'Müller, Anna', 'x'.repeat(200), '100%/?&#'];

let service: StandIn;
let url: string;

beforeEach(async () => {
  service = new StandIn();
  url = await service.start();
});
afterEach(() => service.stop());

function pseudonymsOf(name: string, more: Record<string, string> = {}): JobPseudonyms {
  const settings = readSettings({
    FHIR_SERVER_URL: 'http://127.0.0.1:1/fhir',
    EXPORT_STORAGE: 'UseDevelopmentStorage=true',
    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    WEBSITE_HOSTNAME: 'localhost',
    AUTHENTICATION: 'none',
    PSEUDONYM_SERVICE: name,
    PSEUDONYM_URL: `${url}/`,
    PSEUDONYM_TIMEOUT_SECONDS: '20',
    PSEUDONYM_MAX_ATTEMPTS: '2',
    ...more,
  });
  const services = openPseudonyms(settings, openPseudonymAccess(settings));
  if (services === undefined) throw new Error('The settings of the test name no service.');
  return new JobPseudonyms(services.of('job'));
}

/** Asks for pseudonyms as an engine does. */
async function asked(
  pseudonyms: JobPseudonyms,
  values: readonly string[],
  domain = DOMAIN,
): Promise<Array<string | undefined>> {
  const known = pseudonyms.domain(domain);
  for (const value of values) known.of(value);
  await pseudonyms.ask();
  return values.map((value) => known.of(value));
}

/** A failure, which holds nothing of a value. */
async function failureOf(pseudonyms: JobPseudonyms, values: readonly string[] = SECRETS): Promise<unknown> {
  const failure: unknown = await asked(pseudonyms, values).catch((error: unknown) => error);
  const said = `${String(failure)} ${JSON.stringify(failure)} ${(failure as Error).stack ?? ''}`;
  for (const value of values) expect(said).not.toContain(value);
  return failure;
}

/** The shortest where the fault is that it passes: elsewhere, a busy machine may take longer. */
function timeout({ delay }: Fault): Record<string, string> {
  return delay === undefined ? {} : { PSEUDONYM_TIMEOUT_SECONDS: '1' };
}

const SERVICES = ['gpas', 'vfps', 'entici'] as const;

describe.each(SERVICES)('%s', (name) => {
  const domain = name === 'entici' ? DOMAIN : { domain: 'PATIENT' };

  it('gives each value its pseudonym', async () => {
    const made = await asked(pseudonymsOf(name), SECRETS);
    expect(made).toEqual(SECRETS.map((value) => madePseudonym(domain, value)));
    expect(service.seen.flatMap(({ values }) => values).sort()).toEqual([...SECRETS].sort());
    // Values are in no URL.
    for (const { path } of service.seen) for (const value of SECRETS) expect(path).not.toContain(value);
  });

  it('is asked once for what is known, and again for the same by another process', async () => {
    const pseudonyms = pseudonymsOf(name);
    const first = await asked(pseudonyms, ['a', 'b']);
    const requests = service.seen.length;
    expect(await asked(pseudonyms, ['b', 'a'])).toEqual(first.toReversed());
    expect(service.seen.length).toBe(requests);
    expect(await asked(pseudonymsOf(name), ['a', 'b'])).toEqual(first);
  });

  it.each<[string, Fault]>([
    ['429', { status: 429, headers: { 'retry-after': '1' } }],
    ['503', { status: 503 }],
    ['500', { status: 500 }],
    ['a cut connection', { cuts: true }],
    ['no answer in time', { delay: 1500 }],
  ])('is asked again after %s', async (_, fault) => {
    service.faults = [fault];
    expect(await asked(pseudonymsOf(name, timeout(fault)), ['a'])).toEqual([madePseudonym(domain, 'a')]);
    expect(service.seen.length).toBe(2);
  });

  it.each<[string, Fault, string, boolean]>([
    ['429', { status: 429 }, 'pseudonym-service-unavailable', true],
    ['500', { status: 500 }, 'pseudonym-service-unavailable', true],
    ['no answer in time', { delay: 1500 }, 'pseudonym-service-unavailable', true],
    ['a cut connection', { cuts: true }, 'pseudonym-service-unavailable', true],
    ['400', { status: 400 }, 'pseudonym-service-refused', false],
    ['404', { status: 404 }, 'pseudonym-service-refused', false],
    ['403', { status: 403 }, 'pseudonym-service-denied', false],
    ['401', { status: 401 }, 'pseudonym-service-denied', false],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'pseudonym-service-refused', false],
    ['no JSON', { text: '<html>' }, 'pseudonym-service-refused', false],
    ['other JSON', { text: '[]' }, 'pseudonym-service-wrong', true],
    ['null', { text: 'null' }, 'pseudonym-service-wrong', true],
    ['no pseudonyms', { change: () => [] }, 'pseudonym-service-wrong', true],
    ['empty pseudonyms', { change: (pairs) => pairs.map(([value]) => [value, '']) }, 'pseudonym-service-wrong', false],
    ['the values themselves', { change: (pairs) => pairs.map(([value]) => [value, value]) }, 'pseudonym-service-wrong', false],
    ['the values in capitals', { change: (pairs) => pairs.map(([value]) => [value, ` ${value.toUpperCase()} `]) }, 'pseudonym-service-wrong', false],
    ['one pseudonym for all', { change: (pairs) => pairs.map(([value]) => [value, 'same']) }, 'pseudonym-service-wrong', false],
  ])('that answers with %s fails, and nothing passes through', async (_, fault, code, retryable) => {
    service.always = fault;
    const pseudonyms = pseudonymsOf(name, { PSEUDONYM_MAX_ATTEMPTS: '1', ...timeout(fault) });
    expect(await failureOf(pseudonyms)).toMatchObject({ name: 'ExportError', code, retryable });
    const known = SECRETS.map((value) => pseudonyms.domain(DOMAIN).of(value));
    for (const value of SECRETS) expect(known).not.toContain(value);
  }); // prettier-ignore
});

describe('gPAS', () => {
  it('is asked in batches, for each domain by itself', async () => {
    const pseudonyms = pseudonymsOf('gpas', { PSEUDONYM_BATCH_SIZE: '100' });
    const values = Array.from({ length: 250 }, (_, at) => `v${at}`);
    for (const value of values) pseudonyms.domain({ domain: 'A' }).of(value);
    await asked(pseudonyms, ['v1'], { domain: 'B' });
    expect(service.seen.map(({ values: some }) => some.length).sort((a, b) => a - b)).toEqual([
      1, 50, 100, 100,
    ]);
  });

  it.each([
    ['1.10.3', '/$pseudonymizeAllowCreate'],
    ['1.10.2', '/$pseudonymize-allow-create'],
  ])('of version %s is asked by %s', async (version, path) => {
    const pseudonyms = pseudonymsOf('gpas', { PSEUDONYM_GPAS_VERSION: version });
    expect(await asked(pseudonyms, ['a'])).toEqual([madePseudonym({ domain: 'PATIENT' }, 'a')]);
    expect(service.seen).toMatchObject([
      {
        path,
        contentType: 'application/fhir+json',
        body: {
          resourceType: 'Parameters',
          parameter: [
            { name: 'target', valueString: 'PATIENT' },
            { name: 'original', valueString: 'a' },
          ],
        },
      },
    ]);
  });

  it.each<[string, NonNullable<Fault['change']>, boolean]>([
    ['fewer values than asked', (pairs) => pairs.slice(1), true],
    ['two pseudonyms for one value', (pairs) => [...pairs, [pairs[0]?.[0] ?? '', 'another']], false],
    ['values that were not asked for', (pairs) => [...pairs, ['other', 'another']], false],
  ])('that answers for %s fails', async (_, change, retryable) => {
    service.always = { change };
    const failure = await failureOf(pseudonymsOf('gpas'));
    expect(failure).toMatchObject({ code: 'pseudonym-service-wrong', retryable });
  });

  it('may answer with the same twice', async () => {
    service.always = { change: (pairs) => [...pairs, ...pairs] };
    expect(await asked(pseudonymsOf('gpas'), ['a'])).toEqual([madePseudonym({ domain: 'PATIENT' }, 'a')]);
  });
});

it('Vfps is asked below its namespace', async () => {
  await asked(pseudonymsOf('vfps'), ['a'], { domain: 'a/b c' });
  expect(service.seen).toMatchObject([
    {
      path: '/v1/namespaces/a/b c/pseudonyms',
      contentType: 'application/json',
      body: { originalValue: 'a' },
    },
  ]);
});

it('entici needs the settings of a rule', async () => {
  const failure: unknown = await asked(pseudonymsOf('entici'), ['a'], { domain: 'D' }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: 'configuration-invalid',
    message: expect.stringMatching(/entici/) as unknown,
  });
  expect(service.seen).toEqual([]);
});

describe('authentication at the service', () => {
  const HEADER = { PSEUDONYM_AUTHENTICATION: 'header', PSEUDONYM_HEADER_VALUE: 'Basic c2VjcmV0' };

  it('is the header of the settings', async () => {
    service.authorization = 'Basic c2VjcmV0';
    expect(await asked(pseudonymsOf('gpas', HEADER), ['a'])).toEqual([
      madePseudonym({ domain: 'PATIENT' }, 'a'),
    ]);
  });

  it('that is refused says which settings to see to, and not what they hold', async () => {
    service.authorization = 'Basic b3RoZXI=';
    for (const more of [HEADER, {}]) {
      const failure = await failureOf(pseudonymsOf('gpas', more));
      expect(failure).toMatchObject({ code: 'pseudonym-service-denied' });
      expect(String(failure)).toMatch(/PSEUDONYM_(HEADER_VALUE|AUTHENTICATION)/);
      expect(String(failure)).not.toMatch(/SOURCE_|c2VjcmV0|the source/);
    }
  });
});

it('one pseudonym for two values of two answers is an error, as long as the first is known', async () => {
  const pseudonyms = pseudonymsOf('gpas');
  await asked(pseudonyms, ['a']);
  service.always = { change: () => [['MRN-2', madePseudonym({ domain: 'PATIENT' }, 'a')]] };
  expect(await failureOf(pseudonyms, ['MRN-2'])).toMatchObject({
    code: 'pseudonym-service-wrong',
    retryable: false,
  });
});
