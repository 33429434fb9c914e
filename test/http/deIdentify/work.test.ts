import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import type { PseudonymServices } from '../../../functions/export/output/jobPseudonyms.js';
import { randomly } from '../../random.js';
import { inProcess, parameters } from './inProcess.js';

const CANARY = 'Canary-Jane-Doe-1970';
const PATIENT = { resourceType: 'Patient', id: CANARY, gender: 'female', name: [{ family: CANARY }] };
/** Hashes ids, keeps the gender, and takes all else away: complete coverage. */
const rulesWith = (cryptoHashKey: unknown): object => ({
  fhirPathRules: [
    { path: "nodesByType('Extension')", method: 'redact' },
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: 'Patient.gender', method: 'keep' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
  ],
  parameters: { cryptoHashKey, unmatched: 'redact', referenceServers: 'hash' },
});
const KEYED = rulesWith({ secretName: 'deployment' });
const DEPLOYMENT = { ANONYMIZATION_SECRET_deployment: 'the-key-of-the-deployment' };
const KEEPS_ALL = { fhirPathRules: [{ path: 'Resource', method: 'keep' }] };
const CONFIGURATIONS = {
  'keyed.json': KEYED,
  'random.json': rulesWith(''),
  'leaky.json': KEEPS_ALL,
  'wrong.json': { fhirPathRules: [{ path: 'Patient.(', method: 'redact' }] },
  'fails.json': {
    fhirPathRules: [
      { path: 'Patient.name', method: 'generalize', cases: { '$this > 5': '1' } },
      {
        path: 'Patient.gender',
        method: 'generalize',
        cases: { '$this / 0 > 1 and $this.toInteger() > 5': '1' },
      },
    ],
    parameters: { unmatched: 'redact' },
  },
};
const SMART = {
  CONFIGURATION_APPROVAL: 'coverage',
  DEFAULT_ANONYMIZATION_CONFIG: 'keyed.json',
  ...DEPLOYMENT,
};
const ask = inProcess(CONFIGURATIONS, SMART);
const body = (resource: object): string => JSON.stringify(resource);
const idOf = (text: string): string => (JSON.parse(text) as { id: string }).id;

describe('$de-identify', () => {
  it('says what a configuration may leave that counts by its place alone', async () => {
    const anywhere = inProcess(CONFIGURATIONS, { ...SMART, CONFIGURATION_APPROVAL: 'container' });
    const { status, issues } = await anywhere(body(PATIENT), '_anonymizationConfig=leaky.json');
    expect(status).toBe(200);
    expect(JSON.stringify(issues)).toContain('It may leave identities: ');
  });

  it('answers with the resource that an export would write, under the keys of the deployment', async () => {
    const { status, text, issues } = await ask(body(PATIENT));
    expect({ status, issues }).toEqual({ status: 200, issues: [] });
    expect(JSON.parse(text)).toMatchObject({ resourceType: 'Patient', gender: 'female' });
    const key = DEPLOYMENT.ANONYMIZATION_SECRET_deployment;
    expect(idOf(text)).toBe(createHmac('sha256', key).update(CANARY).digest('hex'));
    expect(text).not.toContain(CANARY);
    // The same in the next request: it is what joins them.
    expect((await ask(body(PATIENT))).text).toBe(text);
  });

  it('takes the resource and the name of a configuration as Parameters, or the name in the URL', async () => {
    const { text } = await ask(body(PATIENT));
    const resource = { name: 'resource', resource: PATIENT };
    const name = { name: '_anonymizationConfig', valueString: 'keyed.json' };
    expect((await ask(parameters(resource, name))).text).toBe(text);
    expect((await ask(parameters(resource, { name: 'settings' }))).text).toBe(text);
    expect((await ask(body(PATIENT), '?_anonymizationConfig=keyed.json&code=key')).text).toBe(text);
  });

  it('de-identifies all of a Bundle, in its order', async () => {
    const entries = ['a', 'b'].map((id) => ({ resource: { ...PATIENT, id } }));
    const { text } = await inProcess(
      {
        'b.json': {
          ...KEYED,
          parameters: { cryptoHashKey: { secretName: 'deployment' }, unmatched: 'keep' },
        },
      },
      DEPLOYMENT,
    )(body({ resourceType: 'Bundle', type: 'collection', entry: entries }), '?_anonymizationConfig=b.json');
    const { entry } = JSON.parse(text) as { entry: Array<{ resource: { id: string } }> };
    const single = await Promise.all(['a', 'b'].map((id) => ask(body({ ...PATIENT, id }))));
    expect(entry.map(({ resource }) => resource.id)).toEqual(single.map(({ text: each }) => idOf(each)));
  });

  it('extends a sample, whether the configuration is named or sent along', async () => {
    const extending = {
      extends: 'hipaa-safe-harbor-r4@1',
      fhirPathRules: [{ path: 'Patient.gender', method: 'redact' }],
    };
    const resource = { ...PATIENT, birthDate: '1980-04-05' };
    const named = await inProcess({ 'extends.json': extending }, SMART)(
      body(resource),
      '?_anonymizationConfig=extends.json',
    );
    const sent = await ask(
      parameters(
        { name: 'resource', resource },
        { name: 'configuration', valueString: JSON.stringify(extending) },
      ),
    );
    for (const { status, text } of [named, sent]) {
      expect(status).toBe(200);
      expect(text).not.toContain(CANARY);
      expect(JSON.parse(text)).toMatchObject({ birthDate: '1980' });
      expect(JSON.parse(text)).not.toHaveProperty('gender');
    }
  });

  it.each<[string, object]>([
    ['that it names', KEYED],
    ['that it gives itself', rulesWith('the-key-of-the-deployment')],
    ['that it leaves empty', rulesWith('')],
  ])(
    'gives a configuration that is sent along random keys for one request, instead of those %s',
    async (_which, sent) => {
      const request = parameters(
        { name: 'resource', resource: PATIENT },
        { name: 'configuration', valueString: JSON.stringify(sent) },
      );
      const [one, other] = [await ask(request), await ask(request)];
      const deployment = await ask(body(PATIENT));
      expect(new Set([one, other, deployment].map(({ text }) => idOf(text))).size).toBe(3);
      expect(one.issues[0]?.diagnostics).toMatch(/sent along: its keys are random/);
    },
  );

  it('uses random keys of one request where an approved configuration gives none, and says so', async () => {
    const [one, other] = [
      await ask(body(PATIENT), '?_anonymizationConfig=random.json'),
      await ask(body(PATIENT), '?_anonymizationConfig=random.json'),
    ];
    expect(idOf(one.text)).not.toBe(idOf(other.text));
    expect(one.issues[0]?.diagnostics).toMatch(/random one is used/);
  });

  it('says what was dropped, by paths of the definition and without a value', async () => {
    const { status, issues } = await ask(
      body({ ...PATIENT, [CANARY]: CANARY, gender: { [CANARY]: 1 }, birthDate: 5 }),
    );
    expect(status).toBe(200);
    const said = JSON.stringify(issues);
    expect(said).toContain('Patient.(unknown)');
    expect(said).toContain('Patient.gender');
    expect(said).not.toContain(CANARY);
  });

  it.each<[string, string, string, number, RegExp]>([
    [
      'a configuration that does not count',
      body(PATIENT),
      '?_anonymizationConfig=leaky.json',
      403,
      /does not count/,
    ],
    [
      'a configuration that is wrong',
      body(PATIENT),
      '?_anonymizationConfig=wrong.json',
      400,
      /fhirPathRules\[0\]/,
    ],
    [
      'a configuration that is not there',
      body(PATIENT),
      '?_anonymizationConfig=no.json',
      400,
      /no such blob/,
    ],
    [
      'a name that leads elsewhere',
      body(PATIENT),
      '?_anonymizationConfig=../a.json',
      400,
      /must be the name/,
    ],
    [
      'an image reference that is none',
      body(PATIENT),
      '?_anonymizationConfig=a.json&_anonymizationConfigCollectionReference=a b',
      400,
      /Reference/,
    ],
    [
      'an image without a name',
      body(PATIENT),
      '?_anonymizationConfigCollectionReference=r.io/a:1',
      400,
      /needs _anonymizationConfig/,
    ],
    ['an unknown parameter in the URL', body(PATIENT), `?${CANARY}=${CANARY}`, 400, /not known/],
    [
      'a name that is there twice',
      body(PATIENT),
      '?_anonymizationConfig=a&_anonymizationConfig=b',
      400,
      /once only/,
    ],
    ['an empty name', body(PATIENT), '?_anonymizationConfig=', 400, /empty/],
    ['no body', '', '', 400, /empty/],
    ['what is not JSON', `{"id":"${CANARY}"`, '', 400, /not JSON: .* at character/],
    ['a list', body([PATIENT]), '', 400, /JSON object/],
    ['a text', body(CANARY as never), '', 400, /JSON object/],
    ['an unknown type', body({ resourceType: CANARY, id: CANARY }), '', 422, /Not a resource of a type/],
    ['no type', body({ id: CANARY }), '', 422, /Not a resource of a type/],
    ['a type that is none', body({ resourceType: 5, id: CANARY }), '', 422, /Not a resource of a type/],
    ['Parameters without a resource', parameters(), '', 400, /must have the resource/],
    ['Parameters that have none', body({ resourceType: 'Parameters' }), '', 400, /must have the resource/],
    [
      'Parameters that are no list',
      body({ resourceType: 'Parameters', parameter: PATIENT }),
      '',
      400,
      /array/,
    ],
    ['parameters that are no objects', parameters(5 as never, null as never), '', 400, /not known/],
    [
      'a resource that is none',
      parameters({ name: 'resource', resource: CANARY }),
      '',
      400,
      /must have a resource/,
    ],
    [
      'two resources',
      parameters({ name: 'resource', resource: PATIENT }, { name: 'resource', resource: PATIENT }),
      '',
      400,
      /once only/,
    ],
    ['an unknown parameter', parameters({ name: CANARY, valueString: CANARY }), '', 400, /not known/],
    [
      'a setting',
      parameters({ name: 'settings', part: [{ name: CANARY, valueString: CANARY }] }),
      '',
      400,
      /one setting/,
    ],
    [
      'a configuration that is no text',
      parameters({ name: 'configuration', valueInteger: 5 }),
      '',
      400,
      /valueString/,
    ],
    [
      'a configuration that is wrong and sent along',
      parameters(
        { name: 'resource', resource: PATIENT },
        { name: 'configuration', valueString: '{"fhirPathRules":5}' },
      ),
      '',
      400,
      /fhirPathRules/,
    ],
    [
      'a configuration that is no JSON',
      parameters({ name: 'resource', resource: PATIENT }, { name: 'configuration', valueString: '{' }),
      '',
      400,
      /configuration/,
    ],
    [
      'two configurations',
      parameters({ name: 'resource', resource: PATIENT }, { name: 'configuration', valueString: '{}' }),
      '?_anonymizationConfig=keyed.json',
      400,
      /one of them/,
    ],
    [
      'too many parameters',
      parameters(...Array.from({ length: 101 }, () => ({ name: 'settings' }))),
      '',
      400,
      /more than 100/,
    ],
    ['deep nesting', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, '', 422, /Not a resource/],
    [
      'deep nesting in a resource',
      `{"resourceType":"Patient","contact":${'[{"extension":'.repeat(20_000)}1${'}]'.repeat(20_000)}}`,
      '',
      422,
      /deep/,
    ],
    ['deep lists', '['.repeat(1_000_000), '', 400, /not JSON/],
  ])('refuses %s, and repeats nothing of it', async (_what, text, search, status, words) => {
    const answer = await ask(text, search);
    expect(`${answer.status} ${answer.text}`).toMatch(new RegExp(`^${status} `));
    expect(answer.text).toMatch(words);
    expect(answer.text).not.toContain(CANARY);
  });

  describe('with rules that pseudonymize', () => {
    const asked: string[] = [];
    let isDown = false;
    const service: PseudonymServices = {
      identity: 'service',
      of: () => ({
        batchSize: 1,
        pseudonyms: async ({ domain }, values) => {
          if (isDown) throw new ExportError('pseudonym-service-unavailable', 'The service is down.', true);
          asked.push(...values.map((value) => `${domain} ${value}`));
          return values.map((value) => [value, `made-${domain}-${value.length}`]);
        },
      }),
    };
    const PSEUDONYMIZING = {
      fhirPathRules: [{ path: 'Resource.id', method: 'pseudonymize', domain: 'ids' }],
      parameters: { unmatched: 'redact' },
    };
    const environment = { PSEUDONYM_DOMAIN_PREFIXES: 'project-', DEFAULT_ANONYMIZATION_CONFIG: 'p.json' };
    const pseudonymizing = inProcess({ 'p.json': PSEUDONYMIZING }, environment, service);
    const resource = { name: 'resource', resource: PATIENT };
    const prefixed = (prefix: string): string =>
      parameters(resource, {
        name: 'settings',
        part: [{ name: 'domain-prefix', valueString: prefix }],
      });

    it('asks the service for an approved configuration, once for what it knows', async () => {
      expect(idOf((await pseudonymizing(body(PATIENT))).text)).toBe(`made-ids-${CANARY.length}`);
      expect(idOf((await pseudonymizing(body(PATIENT))).text)).toBe(`made-ids-${CANARY.length}`);
      expect(asked).toEqual([`ids ${CANARY}`]);
    });

    it('takes a prefix of domains that the settings name, and no other', async () => {
      expect(idOf((await pseudonymizing(prefixed('project-'))).text)).toBe(
        `made-project-ids-${CANARY.length}`,
      );
      const refused = await pseudonymizing(prefixed('other-'));
      expect(refused).toMatchObject({ status: 400, text: expect.stringContaining('PREFIXES') as unknown });
    });

    it('asks it for no configuration that is sent along', async () => {
      const before = asked.length;
      const sent = { name: 'configuration', valueString: JSON.stringify(PSEUDONYMIZING) };
      const answer = await pseudonymizing(parameters(resource, sent));
      expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('named only') as unknown });
      expect(asked).toHaveLength(before);
    });

    it('passes no value through where the service does not answer', async () => {
      isDown = true;
      const answer = await pseudonymizing(body({ ...PATIENT, id: 'another' }));
      expect(answer).toMatchObject({ status: 400, text: 'The service is down.' });
    });

    it('refuses it where there is no service', async () => {
      const answer = await inProcess({ 'p.json': PSEUDONYMIZING })(
        body(PATIENT),
        '?_anonymizationConfig=p.json',
      );
      expect(answer).toMatchObject({
        status: 400,
        text: expect.stringContaining('PSEUDONYM_SERVICE') as unknown,
      });
    });
  });

  it('refuses bytes that are no UTF-8', async () => {
    const answer = await ask(Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0x22, 0x7d])]));
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('Not UTF-8') as unknown });
  });

  it('asks for a configuration where there is no default one', async () => {
    const answer = await inProcess(CONFIGURATIONS)(body(PATIENT));
    expect(answer).toMatchObject({
      status: 400,
      text: expect.stringContaining('_anonymizationConfig') as unknown,
    });
  });

  it('refuses a result that is not valid FHIR, and drops it, where the setting says so', async () => {
    const refusing = inProcess(CONFIGURATIONS, { ...SMART, VALIDATE_OUTPUT: 'refuse' });
    const observation = { resourceType: 'Observation', id: CANARY };
    expect(await refusing(body(observation))).toMatchObject({ status: 422 });
    const reported = await ask(body(observation));
    expect(reported.status).toBe(200);
    expect(JSON.stringify(reported.issues)).toMatch(/not valid FHIR.*Observation\.status/);
  });

  it('answers any JSON and any bytes with a result or a refusal, never with a failure, and repeats nothing', async () => {
    const json = fc.json({ depthSize: 'medium' });
    const member = fc.constantFrom(
      'resource',
      'parameter',
      'name',
      'valueString',
      'part',
      'entry',
      'meta',
      'id',
    );
    const shaped = fc
      .letrec((tie) => ({
        value: fc.oneof(
          { maxDepth: 4 },
          fc.constantFrom(
            'Patient',
            'Parameters',
            'Bundle',
            'resource',
            'settings',
            'configuration',
            CANARY,
            5,
            null,
          ),
          fc.array(tie('value'), { maxLength: 3 }),
          fc
            .dictionary(member, tie('value'), { maxKeys: 4 })
            .chain((made) =>
              fc
                .constantFrom('Patient', 'Parameters', 'Bundle', 'Binary')
                .map((resourceType) => ({ resourceType, ...made })),
            ),
        ),
      }))
      .value.map((made) => JSON.stringify(made));
    const bytes = fc.uint8Array({ maxLength: 200 }).map((made) => Buffer.from(made));
    await fc.assert(
      fc.asyncProperty(fc.oneof(json, shaped, bytes), async (given) => {
        const { status, text } = await ask(given);
        expect([200, 400, 403, 422]).toContain(status);
        expect(text).not.toContain(CANARY);
      }),
      randomly(300),
    );
  });
});
