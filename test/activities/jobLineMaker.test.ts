import { describe, expect, it } from 'vitest';
import { riskOfParts } from '../../functions/activities/riskOfParts.js';
import { JobCache } from '../../functions/activities/jobCache.js';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { tapeOf } from '../../functions/json/json.js';
import type { PseudonymServices } from '../../functions/export/output/jobPseudonyms.js';
import type { LineMaker } from '../../functions/export/output/lineMaker.js';
import { LACKS_PSEUDONYMS } from '../../functions/deid/run/engine.js';
import { madePseudonym } from '../deid/shared.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { resolveKeys } from '../../functions/deid/configuration/keys.js';
import type { JobRequest, ReadPart } from '../../functions/export/records/job.js';
import { ClassCollector } from '../../functions/export/risk/classCollector.js';
import { PageWriter } from '../../functions/export/slice/pageWriter.js';
import type { SearchRow } from '../../functions/export/source/resourceRow.js';
import { arraySink } from '../export/arraySink.js';
import {
  configurationDigest,
  keysDigest,
  pseudonymsDigest,
} from '../../functions/export/request/pinnedConfiguration.js';

const SECRET = Buffer.alloc(32, 1);
const TEXT = JSON.stringify({
  fhirPathRules: [{ path: 'Patient.id', method: 'cryptoHash' }],
  parameters: { cryptoHashKey: { secretName: 'pseudonyms' } },
});
const TRANSACTION_TIME = '2026-11-25T00:00:00Z';

/** The state of a job that was kicked off with this configuration and key. */
async function jobWith(key: string): Promise<JobRequest> {
  const { configuration } = readConfiguration(TEXT, { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error('The configuration of the test cannot be read.');
  const resolved = await resolveKeys(configuration, async () => key);
  if (resolved.configuration === undefined) throw new Error('The key of the test does not fit.');
  const request: Partial<JobRequest> = {
    jobId: 'job',
    elements: [],
    configuration: {
      name: 'a.json',
      digest: configurationDigest(TEXT),
      keysDigest: keysDigest(resolved.configuration, SECRET),
    },
  };
  return request as JobRequest;
}

function cacheOf(text: string, key: string): JobCache {
  const jobs = { configuration: async () => text, secret: async () => SECRET } as unknown as JobStore;
  return new JobCache(
    jobs,
    { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' },
    async () => key,
  );
}

describe('the engine of a job', () => {
  it('is the one of its kick-off', async () => {
    const lineMaker = await cacheOf(TEXT, 'first').lineMaker(await jobWith('first'), TRANSACTION_TIME);
    expect(lineMaker.processingErrors).toBe('raise');
  });

  it('is none where a key was turned since, rather than one that mixes pseudonyms', async () => {
    const made = cacheOf(TEXT, 'second').lineMaker(await jobWith('first'), TRANSACTION_TIME);
    await expect(made).rejects.toMatchObject({
      code: 'configuration-invalid',
      retryable: false,
      message: expect.stringMatching(/key .* was changed/) as unknown,
    });
  });

  it('is none where the pinned configuration is another one', async () => {
    const made = cacheOf(`${TEXT} `, 'first').lineMaker(await jobWith('first'), TRANSACTION_TIME);
    await expect(made).rejects.toMatchObject({ code: 'configuration-invalid' });
  });

  it('is of the sample that was pinned, whatever the samples of the app are now', async () => {
    const rules = [{ path: 'Patient.gender', method: 'redact' }];
    const text = JSON.stringify({
      extends: { sample: 'gone@7', configuration: { fhirVersion: 'R4', fhirPathRules: rules } },
    });
    const job = await jobWith('first');
    const { configuration } = readConfiguration(text, { fhirVersion: 'R4', isPinned: true });
    if (configuration === undefined || job.configuration === undefined) throw new Error('cannot be read');
    const digests = { digest: configurationDigest(text), keysDigest: keysDigest(configuration, SECRET) };
    const request = { ...job, configuration: { ...job.configuration, ...digests } };
    const lineMaker = await cacheOf(text, 'first').lineMaker(request, TRANSACTION_TIME);
    const line = new LineBuffer();
    const patient = tapeOf('{"resourceType":"Patient","gender":"male","birthDate":"1980-01-01"}');
    lineMaker.makeLine(patient, line, new EngineReport());
    expect(JSON.parse(line.slice(0, line.length).toString())).toMatchObject({ birthDate: '1980-01-01' });
    expect(line.slice(0, line.length).toString()).not.toContain('"male"');
  });

  it.each([
    [undefined, undefined],
    ['off', undefined],
    ['report', undefined],
    ['refuse', 'not-valid'],
  ] as const)('does with %s to what is not valid what the job says', async (validation, code) => {
    const job = await jobWith('first');
    const request: JobRequest = validation === undefined ? job : { ...job, validation };
    const lineMaker = await cacheOf(TEXT, 'first').lineMaker(request, TRANSACTION_TIME);
    const report = new EngineReport();
    const failure = lineMaker.makeLine(
      tapeOf('{"resourceType":"Observation","code":{"text":"MrsMiller"}}'),
      new LineBuffer(),
      report,
    );
    expect(failure?.code).toBe(code);
    expect(JSON.stringify(failure ?? '')).not.toContain('MrsMiller');
    expect(report.types.get('Observation')?.notValid).toBe(
      code === undefined ? (validation === 'report' ? 1 : 0) : undefined,
    );
  });

  it('makes ids of deleted resources, which are nothing else, where what is not valid is refused', async () => {
    const request: JobRequest = { ...(await jobWith('first')), validation: 'refuse' };
    const lineMaker = await cacheOf(TEXT, 'first').lineMaker(request, TRANSACTION_TIME);
    const ids = await lineMaker.lastingIds?.('Patient')?.(['a', 'b']);
    expect(ids).toEqual([0, 1].map(() => expect.stringMatching(/^[0-9a-f]{64}$/) as unknown));
    expect(lineMaker.lastingIds?.('Observation')).toBe(undefined);
  });
});

it.each([
  [0, 1],
  [2, 2],
])(
  'compares Patients before _elements cuts them where a least class size holds: of size %i, %i classes',
  async (minClassSize, classes) => {
    const request: JobRequest = {
      ...(await jobWith('first')),
      elements: [{ type: 'Patient', element: 'gender' }],
      risk: { quasiIdentifiers: ['Patient.gender', 'Patient.birthDate'], minClassSize },
    };
    const lineMaker = await cacheOf(TEXT, 'first').lineMaker(request, TRANSACTION_TIME);
    if (lineMaker.patientDigests === undefined) throw new Error('The Patients are not compared.');
    const tables: Buffer[] = [];
    const collector = new ClassCollector(
      lineMaker.patientDigests,
      async (_, table) => void tables.push(table),
    );
    const lines: string[] = [];
    const writer = new PageWriter('Patient', {
      lineMaker,
      classes: collector,
      patients: { look: () => ({ patients: new Set(), targets: [] }), add: () => {}, isFull: () => false },
      openFile: async () => arraySink(lines),
      clock: () => 0,
    });
    const rows = ['1970', '1980'].map((birthDate): SearchRow => {
      const resource = { resourceType: 'Patient', id: birthDate, gender: 'male', birthDate };
      const json = tapeOf(JSON.stringify(resource));
      return { id: birthDate, lastUpdated: undefined, json, resource: () => resource };
    });
    await writer.write('', rows, () => true);
    await writer.close();
    await collector.close();
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('birthDate');
    const parts = [
      { partition: 0, record: { classes: [{ attempt: 'a', tables: tables.length, notEvaluated: 0 }] } },
    ];
    const jobs = {
      classes: async (_job: string, _part: number, _attempt: string, nth: number) => tables[nth],
    };
    const risk = await riskOfParts(
      jobs as unknown as JobStore,
      request,
      parts as unknown as readonly ReadPart[],
    );
    expect(risk).toMatchObject({ patients: 2, classes, least: 2 / classes });
    expect(risk?.beforeElements).toBe(minClassSize > 0 ? true : undefined);
  },
);

describe('the pseudonyms of a job', () => {
  const RULES = JSON.stringify({ fhirPathRules: [{ path: 'Patient.id', method: 'pseudonymize' }] });
  const asked: string[][] = [];
  const SERVICES: PseudonymServices = {
    identity: 'gpas https://gpas.example.org',
    of: () => ({
      batchSize: 100,
      pseudonyms: async (domain, values) => {
        asked.push([...values]);
        return values.map((value) => [value, madePseudonym(domain, value)] as const);
      },
    }),
  };

  async function lineMakerWith(
    services: PseudonymServices | undefined,
    more: Partial<JobRequest> = {},
  ): Promise<LineMaker> {
    asked.length = 0;
    const { configuration } = readConfiguration(RULES, { fhirVersion: 'R4' });
    if (configuration === undefined) throw new Error('The configuration of the test cannot be read.');
    const request = {
      jobId: 'job',
      elements: [],
      configuration: {
        name: 'a.json',
        digest: configurationDigest(RULES),
        keysDigest: keysDigest(configuration, SECRET),
      },
      pseudonymsDigest: pseudonymsDigest(SERVICES.identity, SECRET),
      ...more,
    } as unknown as JobRequest;
    const jobs = { configuration: async () => RULES, secret: async () => SECRET } as unknown as JobStore;
    return new JobCache(
      jobs,
      { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' },
      async () => null,
      services,
    ).lineMaker(request, TRANSACTION_TIME);
  }

  it('are those of the service', async () => {
    const lineMaker = await lineMakerWith(SERVICES);
    const line = new LineBuffer();
    const patient = tapeOf('{"resourceType":"Patient","id":"1"}');
    expect(lineMaker.makeLine(patient, line, new EngineReport())).toBe(LACKS_PSEUDONYMS);
    await lineMaker.askPseudonyms?.();
    expect(lineMaker.makeLine(patient, line, new EngineReport())).toBe(undefined);
    expect(line.slice(0, line.length).toString()).toContain(`"${madePseudonym({ domain: 'Patient' }, '1')}"`);
  });

  it('are in the domains of the prefix that the job was kicked off with', async () => {
    const lineMaker = await lineMakerWith(SERVICES, { domainPrefix: 'project-a-' });
    expect(await lineMaker.lastingIds?.('Patient')?.(['1'])).toEqual([
      madePseudonym({ domain: 'project-a-Patient' }, '1'),
    ]);
  });

  it('are there for ids of deleted resources, in one batch, and no other value is sent', async () => {
    const lineMaker = await lineMakerWith(SERVICES);
    const ids = await lineMaker.lastingIds?.('Patient')?.(['1', '2']);
    expect(ids).toEqual(['1', '2'].map((id) => madePseudonym({ domain: 'Patient' }, id)));
    expect(asked).toEqual([['1', '2']]);
    expect(lineMaker.lastingIds?.('Observation')).toBe(undefined);
  });

  it.each([
    ['another one', { ...SERVICES, identity: 'local' }],
    ['none', undefined],
  ])('is none where the pseudonym service was changed since: %s', async (_, services) => {
    await expect(lineMakerWith(services)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/pseudonym service were changed/) as unknown,
    });
  });
});
