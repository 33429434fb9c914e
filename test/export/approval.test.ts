import { describe, expect, it } from 'vitest';
import {
  type ApprovalRule,
  approvalOf,
  approvalSentence,
  summaryOf,
} from '../../functions/export/request/approval.js';
import { pinnedText } from '../../functions/deid/readConfiguration.js';
import { configurationDigest } from '../../functions/export/request/pinnedConfiguration.js';
import { emptyReport, type ConfigurationOfJob, type JobRequest } from '../../functions/export/records/job.js';
import { buildManifest } from '../../functions/export/output/manifest.js';
import { stampOf } from '../../functions/export/output/containerStamp.js';
import { buildReport } from '../../functions/export/output/report.js';
import type { RequestedConfiguration } from '../../functions/export/request/kickOff.js';
import { type Caller, requireAccess } from '../../functions/http/authorization/caller.js';
import { permitConfiguration } from '../../functions/http/authorization/permitConfiguration.js';
import { defaultConfigurationProblem } from '../../functions/http/defaultConfiguration.js';
import { ConfigurationCache } from '../../functions/http/configurationCache.js';
import { type ConfigurationReader, pinConfiguration } from '../../functions/http/pinConfiguration.js';
import { RequestError } from '../../functions/http/respond.js';
import { readSettings, type Settings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { jobRequest } from './requests.js';

const COMPLETE = JSON.stringify({ fhirPathRules: [], parameters: { unmatched: 'redact' } });
const INCOMPLETE = JSON.stringify({ fhirPathRules: [{ path: 'Patient.birthDate', method: 'redact' }] });
const LISTED = JSON.stringify({ fhirPathRules: [{ path: 'Patient.gender', method: 'redact' }] });
const DIGEST = configurationDigest(LISTED);

const ENTRA = {
  AUTHENTICATION: 'entra',
  WEBSITE_AUTH_ENABLED: 'true',
  ENTRA_TENANT_ID: '00000000-0000-0000-0000-000000000001',
};
const SMART = {
  AUTHENTICATION: 'smart',
  SMART_ISSUER: 'https://a.example.org',
  SMART_AUDIENCE: 'https://export.example.org/fhir',
  SMART_JWKS_URL: 'https://a.example.org/jwks',
  SMART_TOKEN_URL: 'https://a.example.org/token',
};

const settingsOf = (more: Record<string, string>): Settings =>
  readSettings({ ...REQUIRED_SETTINGS, ...more });
const withRule = (rule: string, more: Record<string, string> = {}): Settings =>
  settingsOf({ CONFIGURATION_APPROVAL: rule, CONFIGURATION_DIGESTS: DIGEST, ...more });

const KNOWN = (raw: boolean): Caller => ({
  kind: 'known',
  owner: 'me',
  permissions: { types: 'all', raw },
  rawPermission: 'the app role Export.Raw',
});
const UNKNOWN: Caller = { kind: 'unknown' };

/** Reads configurations of container `anonymization` by what is in them. */
function readerOf(settings: Settings, text: string): ConfigurationReader {
  return {
    settings,
    configurationBlobs: { read: async () => ({ text, etag: '"1"' }) },
    configurationImages: {},
    checkedConfigurations: new ConfigurationCache(
      settings.fhirVersion,
      settings.requireCoverage ? 'error' : 'warning',
      settings.pseudonyms.service !== undefined,
    ),
    resolveSecret: async () => null,
  } as unknown as ConfigurationReader;
}

const REQUESTED: RequestedConfiguration = {
  name: 'a.json',
  etag: undefined,
  collection: undefined,
  isDefault: false,
};

async function describedOf(settings: Settings, text: string): Promise<ConfigurationOfJob> {
  const { described } = await pinConfiguration(readerOf(settings, text), REQUESTED, Buffer.alloc(32));
  return described;
}

describe('how Patients are compared', () => {
  const limited = (minClassSize: number): string =>
    JSON.stringify({
      fhirPathRules: [],
      parameters: { unmatched: 'redact', quasiIdentifiers: ['Patient.gender'], minClassSize },
    });
  it.each([
    ['by neither', {}, 0, 0],
    ['by the configuration', {}, 7, 7],
    ['by the setting', { MIN_CLASS_SIZE: '5' }, 0, 5],
    ['by a configuration that asks for more', { MIN_CLASS_SIZE: '5' }, 7, 7],
    ['by a configuration that asks for fewer', { MIN_CLASS_SIZE: '5' }, 2, 5],
  ])('is said %s', async (_, environment, ofConfiguration, minClassSize) => {
    const reader = readerOf(settingsOf(environment), limited(ofConfiguration));
    for (let times = 0; times < 2; times++) {
      const { risk } = await pinConfiguration(reader, REQUESTED, Buffer.alloc(32));
      expect(risk).toEqual({ quasiIdentifiers: ['Patient.gender'], minClassSize });
    }
  });
});

describe('the rule of approval', () => {
  it.each<[string, Record<string, string>, ApprovalRule]>([
    ['function keys', {}, 'container'],
    ['localhost', { AUTHENTICATION: 'none', WEBSITE_HOSTNAME: 'localhost:7071' }, 'container'],
    ['entra', ENTRA, 'coverage'],
    ['smart', SMART, 'coverage'],
    ['entra, where another is set', { ...ENTRA, CONFIGURATION_APPROVAL: 'Container' }, 'container'],
  ])('with %s', (_name, environment, rule) => {
    expect(settingsOf(environment).approval.rule).toBe(rule);
  });

  it.each([
    ['of another name', { CONFIGURATION_APPROVAL: 'hunter2' }, /CONFIGURATION_APPROVAL must be one of/],
    ['by digests of which there is none', { CONFIGURATION_APPROVAL: 'digest' }, /lists none/],
    ['with what is no digest', { CONFIGURATION_DIGESTS: 'hunter2' }, /CONFIGURATION_DIGESTS must be/],
  ])('%s keeps the app from starting', (_name, environment, words) => {
    expect(() => settingsOf(environment)).toThrow(words);
    expect(() => settingsOf(environment)).not.toThrow(/hunter2/);
  });

  it.each<[ApprovalRule, string, ApprovalRule | undefined]>([
    ['container', INCOMPLETE, 'container'],
    ['container', COMPLETE, 'coverage'],
    ['container', LISTED, 'digest'],
    ['coverage', INCOMPLETE, undefined],
    ['coverage', COMPLETE, 'coverage'],
    ['coverage', LISTED, 'digest'],
    ['digest', INCOMPLETE, undefined],
    ['digest', COMPLETE, undefined],
    ['digest', LISTED, 'digest'],
  ])('%s: %s counts by %s', async (rule, text, approval) => {
    const described = await describedOf(withRule(rule), text);
    expect(described.approval).toBe(approval);
    expect(described.digest).toBe(configurationDigest(text));
    expect(described.coverage?.isComplete).toBe(text === COMPLETE);
    expect(stampOf(described, false).content).toBe(approval === undefined ? 'raw' : 'deidentified');
  });

  it('does not go by a digest that only resembles a listed one', () => {
    const coverage = { isComplete: false };
    const policy = { rule: 'digest' as const, digests: new Set([DIGEST]) };
    expect(approvalOf(policy, { digest: DIGEST.slice(0, -1), coverage })).toBeUndefined();
  });
});

describe('a configuration that extends a sample', () => {
  const text = (more: object = {}): string =>
    JSON.stringify({ extends: 'hipaa-safe-harbor-r4@1', fhirPathRulesAfter: [], ...more });
  const KEEPING = { fhirPathRules: [{ path: 'Patient.birthDate', method: 'keep' }] };

  it.each<[ApprovalRule, object, ApprovalRule | undefined]>([
    ['coverage', {}, 'coverage'],
    ['coverage', KEEPING, undefined],
    ['container', KEEPING, 'container'],
    ['digest', {}, undefined],
  ])('%s, %j: counts by %s, for rules of both', async (rule, more, approval) => {
    const described = await describedOf(withRule(rule), text(more));
    expect(described.approval).toBe(approval);
    expect(described.extends).toBe('hipaa-safe-harbor-r4@1');
    expect(approvalSentence(described)).toContain(
      'a.json, which extends hipaa-safe-harbor-r4@1, has the digest',
    );
  });

  it('is listed by a digest of both, and not by that of its file', async () => {
    const digest = configurationDigest(pinnedText(text(KEEPING)));
    const listed = { CONFIGURATION_DIGESTS: digest };
    expect(await describedOf(withRule('digest', listed), text(KEEPING))).toMatchObject({
      digest,
      approval: 'digest',
    });
    // As if another version of the app had another text of the sample.
    const other = { CONFIGURATION_DIGESTS: configurationDigest(text(KEEPING)) };
    expect((await describedOf(withRule('digest', other), text(KEEPING))).approval).toBeUndefined();
  });

  it('is pinned with the sample in it, at each kick-off', async () => {
    const reader = readerOf(withRule('coverage'), text());
    for (let kickOff = 0; kickOff < 2; kickOff++) {
      const pinned = await pinConfiguration(reader, REQUESTED, Buffer.alloc(32));
      expect(pinned.text).toBe(pinnedText(text()));
      expect(pinned.described.digest).toBe(configurationDigest(pinned.text));
    }
  });
});

describe('the note on random keys', () => {
  const text = (method: string): string =>
    JSON.stringify({
      fhirPathRules: [
        { path: 'Patient.id', method },
        { path: 'Patient.identifier.value', method: 'cryptoHash' },
      ],
    });
  const SERVICE = { PSEUDONYM_SERVICE: 'gpas', PSEUDONYM_URL: 'https://gpas.example.org' };
  const notesOf = async (method: string): Promise<string> => {
    const reader = readerOf(withRule('container', SERVICE), text(method));
    return (await pinConfiguration(reader, REQUESTED, Buffer.alloc(32))).notes.join('\n');
  };

  it('says that nothing can be joined', async () => {
    expect(await notesOf('cryptoHash')).toMatch(
      /gives no cryptoHashKey, so random keys are used, for this export alone: it cannot be joined with any other/,
    );
  });

  it('says that pseudonyms of the service fit every export, where rules pseudonymize', async () => {
    const notes = await notesOf('pseudonymize');
    expect(notes).toMatch(/gives no cryptoHashKey.*what the rules pseudonymize fits every export/);
    expect(notes).not.toContain('it cannot be joined');
  });
});

describe('what a configuration that does not count exports is raw data', () => {
  const permit = async (
    rule: string,
    text: string,
    caller: Caller,
    { asksRaw = false, allowRaw = false } = {},
  ): Promise<number> => {
    const settings = withRule(rule, { ALLOW_RAW_EXPORT: String(allowRaw) });
    try {
      permitConfiguration(await describedOf(settings, text), asksRaw, caller, settings);
      return 202;
    } catch (error) {
      if (error instanceof RequestError) return error.status;
      throw error;
    }
  };

  it.each<[string, Caller, { asksRaw?: boolean; allowRaw?: boolean }, number]>([
    ['raw export is off', UNKNOWN, {}, 403],
    ['raw export is off, although it is asked for', UNKNOWN, { asksRaw: true }, 403],
    ['raw export is off, whatever a caller may', KNOWN(true), {}, 403],
    ['raw export is on, and it is not asked for', UNKNOWN, { allowRaw: true }, 403],
    ['raw export is on, and it is asked for', UNKNOWN, { allowRaw: true, asksRaw: true }, 202],
    ['raw export is on, without the permission', KNOWN(false), { allowRaw: true, asksRaw: true }, 403],
    ['raw export is on, with the permission', KNOWN(true), { allowRaw: true }, 202],
  ])('%s', async (_name, caller, options, status) => {
    for (const [rule, text] of [
      ['coverage', INCOMPLETE],
      ['digest', INCOMPLETE],
      ['digest', COMPLETE],
    ] as const) {
      expect(await permit(rule, text, caller, options)).toBe(status);
    }
  });

  it('one that counts is not, so that no caller asks for both', async () => {
    expect(await permit('coverage', COMPLETE, KNOWN(false))).toBe(202);
    expect(await permit('container', INCOMPLETE, UNKNOWN)).toBe(202);
    expect(await permit('coverage', COMPLETE, UNKNOWN, { allowRaw: true, asksRaw: true })).toBe(400);
  });

  it('the refusal names what is left and what to do', async () => {
    const settings = withRule('coverage');
    const described = await describedOf(settings, INCOMPLETE);
    let words = '';
    try {
      permitConfiguration(described, false, KNOWN(false), settings);
    } catch (error) {
      words = (error as RequestError).issues.map(({ diagnostics }) => diagnostics).join(' ');
    }
    expect(words).toMatch(/may leave identities: names \(.*HumanName/);
    expect(words).toContain(described.digest);
    expect(words).toContain('CONFIGURATION_DIGESTS');
  });

  it.each<[string, Partial<ConfigurationOfJob>]>([
    ['that does not count', {}],
    ['of a job that began before this was decided', {}],
  ])('status and files of a job with one %s need the permission, too', (_name, change) => {
    const job = { configuration: { name: 'a', digest: DIGEST, keysDigest: 'k', ...change } };
    expect(() => requireAccess(KNOWN(false), job)).toThrow(RequestError);
    expect(() => requireAccess(KNOWN(true), job)).not.toThrow();
    const counted = { configuration: { ...job.configuration, approval: 'coverage' as const } };
    expect(() => requireAccess(KNOWN(false), counted)).not.toThrow();
  });
});

describe('the default configuration', () => {
  const settings = (rule: string): Settings => withRule(rule, { DEFAULT_ANONYMIZATION_CONFIG: 'a.json' });

  it('keeps the app from starting where it does not count', async () => {
    expect(await defaultConfigurationProblem(readerOf(settings('coverage'), INCOMPLETE))).toMatch(
      /^DEFAULT_ANONYMIZATION_CONFIG: .*does not count as de-identification/,
    );
    for (const [rule, text] of [
      ['coverage', COMPLETE],
      ['container', INCOMPLETE],
      ['digest', LISTED],
    ] as const) {
      expect(await defaultConfigurationProblem(readerOf(settings(rule), text))).toBeUndefined();
    }
  });

  it('is left to the kick-offs where it cannot be read at the start', async () => {
    expect(await defaultConfigurationProblem(readerOf(settings('coverage'), '{'))).toBeUndefined();
  });

  it('is no fault of a request that would use it', async () => {
    const reader = readerOf(settings('coverage'), INCOMPLETE);
    const pinned = pinConfiguration(reader, { ...REQUESTED, isDefault: true }, Buffer.alloc(32));
    await expect(pinned).rejects.toMatchObject({ status: 500 });
  });
});

describe('manifest, report and kick-off name digest, coverage and approval', () => {
  const manifestOf = (request: JobRequest): Record<string, unknown> =>
    buildManifest({
      request,
      plan: { transactionTime: '2026-01-01T00:00:00Z', partitions: [] },
      output: [],
      deleted: [],
      deletionNotes: [],
      errors: [],
      report: emptyReport(),
      foreign: 0,
      ofOthers: 0,
      withheld: [],
    }).extension;

  it.each<[ApprovalRule, string, boolean, string]>([
    ['container', INCOMPLETE, false, 'container'],
    ['container', COMPLETE, true, 'coverage'],
    ['coverage', LISTED, true, 'digest'],
    ['coverage', INCOMPLETE, false, 'none'],
    ['digest', COMPLETE, false, 'none'],
  ])('under %s, of %s it is said that it is de-identified: %s', async (rule, text, isCalled, approval) => {
    const configuration = await describedOf(withRule(rule), text);
    const request = jobRequest({ jobId: '0'.repeat(32), configuration });
    expect(manifestOf(request)).toMatchObject({
      deidentified: isCalled,
      configurationDigest: configuration.digest,
      configurationApproval: approval,
      configurationCoverage: configuration.coverage,
    });
    // Whoever opens the files later is told whether they may be called de-identified.
    expect(manifestOf(request)['notice']).toMatch(
      isCalled ? /^De-identified as the configuration says/ : /Treat the data as identified/,
    );
    const plan = { transactionTime: '2026-01-01T00:00:00Z', partitions: [] };
    const report = buildReport(request, plan, {
      parts: [],
      risk: undefined,
      cost: undefined,
      finishedAt: '2026-01-01T00:00:01Z',
      engineVersion: '1',
    });
    expect(report.configuration).toMatchObject({
      digest: configuration.digest,
      coverage: configuration.coverage,
    });
    const sentence = approvalSentence(configuration);
    expect(sentence).toContain(configuration.digest);
    expect(sentence).toMatch(text === COMPLETE ? /coverage is complete/ : /may leave identities: .*names/);
    const words = { none: /does not count/, container: /it is accepted all the same/ } as const;
    expect(sentence).toMatch(approval === 'none' || approval === 'container' ? words[approval] : /it counts/);
  });

  it('what is left is named by category, each data type once', () => {
    const gap = {
      reach: 'none' as const,
      paths: [],
      suggestion: { path: '', method: '' },
      parameters: {},
      mayBeKept: false,
    };
    expect(
      summaryOf({
        isComplete: false,
        gaps: [
          { ...gap, category: 'names', dataType: 'HumanName' },
          { ...gap, category: 'dates', dataType: 'date, dateTime' },
          { ...gap, category: 'names', dataType: 'HumanName', reach: 'partial' },
        ],
      }),
    ).toEqual({ isComplete: false, left: { names: ['HumanName'], dates: ['date', 'dateTime'] } });
  });
});
