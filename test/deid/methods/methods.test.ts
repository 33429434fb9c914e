import { createDecipheriv, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseJson, type JsonObject, type JsonValue } from '../../../functions/json/json.js';
import { bothWays } from '../bothWays.js';
import { configurationOf, engineOf, engineOptions } from '../shared.js';

type Rules = readonly Record<string, unknown>[];

const PARAMETERS = {
  dateShiftKey: '123',
  cryptoHashKey: '123',
  encryptKey: '0123456789abcdef',
  enablePartialAgesForRedact: true,
  enablePartialDatesForRedact: true,
  enablePartialZipCodesForRedact: true,
  restrictedZipCodeTabulationAreas: ['036', '203'],
};

/** De-identifies one resource and gives it back as JSON. */
function deidentify(
  rules: Rules,
  resource: object | string,
  parameters: object = PARAMETERS,
  seed = 1,
): JsonObject {
  const text = JSON.stringify({ fhirPathRules: rules, parameters });
  const engine = bothWays(configurationOf(text, 'R4'), engineOptions('R4', seed));
  const result = engine.anonymize(typeof resource === 'string' ? resource : JSON.stringify(resource));
  if (result.outcome === 'failed') throw new Error(result.failure.message);
  return JSON.parse(result.line) as JsonObject;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function withoutLabels({ meta: _meta, ...rest }: JsonObject): JsonObject {
  return rest;
}

const redact: Rules = [{ path: 'Resource', method: 'redact' }];

describe('redact', () => {
  // now is 2026-11-21T12:00:00Z
  it.each([
    ['2015', '2015'],
    ['2015-02', '2015'],
    ['2015-02-07', '2015'],
    ['1937-11-20', '1937'],
    ['1936-11-22', '1936'],
    ['1936-11-21', undefined],
    ['1936', undefined],
    ['1900-01-01', undefined],
    ['2101-01-01', '2101'],
    ['0001-01-01', undefined],
  ])('the date %s becomes %s: over 89 years nothing stays', (birthDate, expected) => {
    expect(deidentify(redact, { resourceType: 'Patient', birthDate })['birthDate']).toBe(expected);
    const none = { ...PARAMETERS, enablePartialDatesForRedact: false };
    expect(deidentify(redact, { resourceType: 'Patient', birthDate }, none)['birthDate']).toBeUndefined();
  });

  it.each([
    ['98052-1234', '98000-0000'],
    ['98052', '98000'],
    ['20301', '00000'],
    ['036', '000'],
    ['12', '12'],
    ['K1A 0B1', 'K1A 0B0'],
    ['٠٣٦٧', '٠٣٦0'],
  ])('the postal code %s becomes %s', (postalCode, expected) => {
    const result = deidentify(redact, { resourceType: 'Patient', address: [{ postalCode }] });
    expect(result['address']).toEqual([{ postalCode: expected }]);
    expect(JSON.stringify(result['meta'])).toContain('"ABSTRED"');
  });

  it.each([
    ['89', 89],
    ['45.0', 45],
    ['89.0', 89],
    ['89.5', undefined],
    ['90', undefined],
    ['1e2', undefined],
  ])('the age %s becomes %s', (age, expected) => {
    const resource = `{"resourceType":"FamilyMemberHistory","ageAge":{"value":${age},"unit":"a"}}`;
    expect(deidentify(redact, resource)['ageAge']).toEqual(
      expected === undefined ? undefined : { value: expected },
    );
  });

  it('leaves nothing but the type, the labels and what the parameters keep', () => {
    const resource = {
      resourceType: 'Patient',
      id: 'x',
      active: true,
      name: [{ family: 'Doe' }],
      text: { div: '<div/>' },
    };
    expect(Object.keys(deidentify(redact, resource)).sort()).toEqual(['meta', 'resourceType']);
  });
});

describe('dateShift', () => {
  const shift: Rules = [
    { path: "nodesByType('date') | nodesByType('dateTime') | nodesByType('instant')", method: 'dateShift' },
  ];
  const fixed = { ...PARAMETERS, dateShiftFixedOffsetInDays: 3 };

  it.each([
    ['2015-02-27', '2015-03-02'],
    ['2016-02-27', '2016-03-01'],
    ['2015-12-30T23:59:59Z', '2016-01-02T00:00:00Z'],
    ['2015-02-07T13:28:17.239+02:00', '2015-02-10T00:00:00.000+02:00'],
    ['2015-02-07T23:59:59-11:00', '2015-02-10T00:00:00-11:00'],
    ['2015-02-07T13:28:17', '2015-02-10'],
    ['2015-02-07T13:28Z', '2015-02-10'],
    ['2015-02-07T13:28', '2015-02-10'],
    ['2015-02', '2015'],
    ['2015', '2015'],
    ['1910-10-10', undefined],
    ['9999-12-31', '9999'],
  ])('%s moved by 3 days becomes %s', (effectiveDateTime, expected) => {
    const result = deidentify(shift, { resourceType: 'Observation', effectiveDateTime }, fixed);
    expect(result['effectiveDateTime']).toBe(expected);
  });

  it.each([
    ['2015-02-27', '2015-03-02'],
    ['2015-12-30T23:59:59Z', '2016-01-02'],
    ['2015-02-07T13:28:17.239+02:00', '2015-02-10'],
    ['2015-02-07T23:59:59-11:00', '2015-02-10'],
    ['2015-02-07T13:28', '2015-02-10'],
    ['2015-02', '2015'],
    ['1910-10-10', undefined],
    ['9999-12-31T00:00:00Z', '9999'],
  ])('%s moved by 3 days and written as a date becomes %s', (text, expected) => {
    const parameters = { ...fixed, dateShiftOutput: 'date' };
    const resource = {
      resourceType: 'Observation',
      effectiveDateTime: text,
      effectivePeriod: { start: text },
      extension: [{ url: 'x', valueDateTime: text }],
    };
    const result = deidentify(shift, resource, parameters);
    expect(result['effectiveDateTime']).toBe(expected);
    expect(result['effectivePeriod']).toEqual(expected === undefined ? undefined : { start: expected });
    expect((result['extension'] as JsonObject[])[0]?.['valueDateTime']).toBe(expected);
    // An instant has a time, whatever is asked for.
    const issued = '2015-02-07T13:28:17.239+02:00';
    expect(deidentify(shift, { resourceType: 'Observation', issued }, parameters)['issued']).toBe(
      '2015-02-10T00:00:00.000+02:00',
    );
  });

  it('moves by the days of a key, -50 to 50', () => {
    const days = new Set<number>();
    for (let id = 0; id < 500; id++) {
      const { birthDate } = deidentify(shift, {
        resourceType: 'Patient',
        id: `p${id}`,
        birthDate: '2015-06-15',
      });
      days.add((Date.parse(textOf(birthDate)) - Date.parse('2015-06-15')) / 86_400_000);
    }
    expect(Math.min(...days)).toBe(-50);
    expect(Math.max(...days)).toBe(50);
  });
});

const hash = (text: string): string => createHmac('sha256', '123').update(text).digest('hex');

describe('cryptoHash', () => {
  const rules: Rules = [
    { path: "nodesByType('Reference')", method: 'cryptoHash' },
    { path: 'Resource.id', method: 'cryptoHash' },
  ];

  it.each([
    ['Patient/p', `Patient/${hash('p')}`],
    ['http://e.org/fhir/Patient/p/_history/2', `http://e.org/fhir/Patient/${hash('p')}/_history/2`],
    ['#p', `#${hash('p')}`],
    ['#', '#'],
    [
      'urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
      `urn:uuid:${hash('c757873d-ec9a-4326-a141-556f43239520')}`,
    ],
    ['urn:oid:1.2.3', `urn:oid:${hash('1.2.3')}`],
    ['Patient?name=Peter', hash('Patient?name=Peter')],
    ['Pateint/p', hash('Pateint/p')],
    ['Peter Chalmers', hash('Peter Chalmers')],
    ['http://fhir-1.e.org/my_r4/~x/Patient/p', `http://fhir-1.e.org/my_r4/~x/Patient/${hash('p')}`],
    ['https://s/Patient/p/Observation/o', hash('https://s/Patient/p/Observation/o')],
    ['https://s/r4/Patient/p/Patient/q/_history/2', hash('https://s/r4/Patient/p/Patient/q/_history/2')],
  ])('of the reference %s only the id', (reference, expected) => {
    expect(deidentify(rules, { resourceType: 'Observation', subject: { reference } })['subject']).toEqual({
      reference: expected,
    });
  });

  it.each([
    ['Patient/p', `Patient/${hash('p')}`],
    ['Patient/p/_history/20260102-Jane', `Patient/${hash('p')}`],
    [
      'http://jane-doe.e.org/r4/Patient/p/_history/2',
      `https://${hash('http://jane-doe.e.org/r4/').slice(0, 32)}.invalid/Patient/${hash('p')}`,
    ],
    [
      'http://jane-doe.e.org/r5/Patient/p',
      `https://${hash('http://jane-doe.e.org/r5/').slice(0, 32)}.invalid/Patient/${hash('p')}`,
    ],
    ['https://s/Patient/p/Observation/o', hash('https://s/Patient/p/Observation/o')],
    ['https://jane:pw@s/Patient/p', hash('https://jane:pw@s/Patient/p')],
    ['#p1', `#${hash('p1')}`],
  ])('of the reference %s the server too, where that is asked for', (reference, expected) => {
    const parameters = { ...PARAMETERS, referenceServers: 'hash' };
    const resource = { resourceType: 'Observation', subject: { reference } };
    expect(deidentify(rules, resource, parameters)['subject']).toEqual({ reference: expected });
  });

  it.each(['Jos\\ud800', 'Jos\\udc00', '\\udc00\\ud800'])(
    'does not hash %s, which in UTF-8 would be the same as another id',
    (id) => {
      const engine = engineOf(JSON.stringify({ fhirPathRules: rules, parameters: PARAMETERS }), 'R4');
      const resource = parseJson(`{"resourceType":"Patient","id":"${id}"}`) as JsonObject;
      expect(engine.anonymize(resource)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'not-unicode' },
      });
    },
  );

  it('gives a reference the hash of the id it points to', () => {
    const { id } = deidentify(rules, { resourceType: 'Patient', id: 'p-1' });
    const { subject } = deidentify(rules, {
      resourceType: 'Observation',
      subject: { reference: 'Patient/p-1' },
    });
    expect(subject).toEqual({ reference: `Patient/${textOf(id)}` });
  });

  it.each([
    ['true', 'True'],
    ['1.50', '1.50'],
    ['1e3', '1000'],
    ['-0.0', '0.0'],
    ['7', '7'],
  ])('hashes the number or boolean %s as the text %s', (value, text) => {
    const key = value === 'true' ? 'valueBoolean' : 'valueDecimal';
    const result = deidentify(
      [{ path: 'Basic.extension.value', method: 'cryptoHash' }],
      `{"resourceType":"Basic","extension":[{"url":"u","${key}":${value}}]}`,
    );
    expect(result['extension']).toEqual([{ url: 'u', [key]: hash(text) }]);
  });

  it('takes another function and fewer digits by parameter', () => {
    const parameters = { ...PARAMETERS, cryptoHashFunction: 'sha512', truncate: 64 };
    const { id } = deidentify(rules, { resourceType: 'Patient', id: 'p' }, parameters);
    expect(id).toBe(createHmac('sha512', '123').update('p').digest('hex').slice(0, 64));
  });
});

describe('encrypt', () => {
  it('can be undone with the key', () => {
    const result = deidentify([{ path: 'Patient.birthDate', method: 'encrypt' }], {
      resourceType: 'Patient',
      birthDate: '2015-02-07',
    });
    const bytes = Buffer.from(textOf(result['birthDate']), 'base64');
    const decipher = createDecipheriv('aes-128-cbc', PARAMETERS.encryptKey, bytes.subarray(0, 16));
    expect(Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString()).toBe(
      '2015-02-07',
    );
  });
});

const perturbed = (settings: object, value: string, seed: number): number => {
  const rules: Rules = [{ path: 'Observation.value', method: 'perturb', ...settings }];
  const result = deidentify(
    rules,
    `{"resourceType":"Observation","valueQuantity":{"value":${value},"unit":"mg"}}`,
    PARAMETERS,
    seed,
  );
  const { value: noisy, unit } = result['valueQuantity'] as { value: number; unit: string };
  expect(unit).toBe('mg');
  return noisy;
};

describe('perturb', () => {
  it.each([
    [{ span: 10 }, '100', 95, 105],
    [{ span: 0.2, rangeType: 'proportional' }, '100', 90, 110],
    [{ span: 0, roundTo: 0 }, '2.5', 2, 2],
    [{ span: 0, roundTo: 0 }, '3.5', 4, 4],
    [{ span: 0, roundTo: 1 }, '2.345', 2.3, 2.3],
  ])('with %j, %s lies between %d and %d', (settings, value, least, most) => {
    const values = Array.from({ length: 200 }, (_, seed) => perturbed(settings, value, seed));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...values)).toBeLessThanOrEqual(most);
    if (least !== most) expect(new Set(values).size).toBeGreaterThan(50);
  });

  it('leaves texts, and keeps whole numbers in their range', () => {
    const rules: Rules = [{ path: 'Patient', method: 'perturb', span: 1000 }];
    for (let seed = 0; seed < 50; seed++) {
      const result = deidentify(
        rules,
        { resourceType: 'Patient', id: 'x', telecom: [{ rank: 1 }] },
        PARAMETERS,
        seed,
      );
      expect(result['id']).toBe('x');
      const [{ rank }] = result['telecom'] as [{ rank: number }];
      expect(Number.isInteger(rank) && rank >= 1).toBe(true);
    }
  });
});

describe('substitute, generalize, keep', () => {
  const patient = {
    resourceType: 'Patient',
    gender: 'male',
    birthDate: '1980-02-03',
    name: [{ family: 'Doe', given: ['John', 'Q'] }],
  };

  it.each<[string, Rules, object]>([
    [
      'a primitive',
      [{ path: 'Patient.name.family', method: 'substitute', replaceWith: 'X' }],
      { name: [{ family: 'X', given: ['John', 'Q'] }] },
    ],
    [
      'a complex element',
      [{ path: 'Patient.name', method: 'substitute', replaceWith: { text: 'X' } }],
      { name: [{ text: 'X' }] },
    ],
    [
      'what is decided stays',
      [
        { path: 'Patient.name.family', method: 'keep' },
        { path: 'Patient.name', method: 'substitute', replaceWith: { given: ['X'] } },
      ],
      { name: [{ family: 'Doe', given: ['X'] }] },
    ],
    [
      'a case',
      [{ path: 'Patient.birthDate', method: 'generalize', cases: { '$this < @2000': '@1980' } }],
      { birthDate: '1980' },
    ],
    [
      'no case',
      [{ path: 'Patient.gender', method: 'generalize', cases: { "$this = 'x'": "'y'" } }],
      { gender: undefined },
    ],
    [
      'no case, kept',
      [
        {
          path: 'Patient.gender',
          method: 'generalize',
          cases: { "$this = 'x'": "'y'" },
          otherValues: 'keep',
        },
      ],
      {},
    ],
    [
      'the first rule decides',
      [
        { path: 'Patient.name.given', method: 'keep' },
        { path: 'Patient.name', method: 'redact' },
      ],
      { name: [{ given: ['John', 'Q'] }] },
    ],
  ])('%s', (_, rules, changed) => {
    expect(withoutLabels(deidentify(rules, patient))).toEqual(
      JSON.parse(JSON.stringify({ ...patient, ...changed })),
    );
  });
});

describe('unmatched: redact', () => {
  it('leaves only what a rule reaches', () => {
    const rules: Rules = [{ path: 'Patient.gender', method: 'keep' }];
    const result = deidentify(
      rules,
      { resourceType: 'Patient', gender: 'male', name: [{ family: 'Doe' }] },
      { unmatched: 'redact' },
    );
    expect(withoutLabels(result)).toEqual({ resourceType: 'Patient', gender: 'male' });
  });
});

describe('in any time zone', () => {
  const before = process.env['TZ'];
  it.each([
    ['UTC', 0],
    ['Pacific/Auckland', -780],
    ['America/St_Johns', 210],
  ])('%s: the same dates', (zone, offset) => {
    try {
      process.env['TZ'] = zone;
      expect(new Date('2026-01-01T00:00:00Z').getTimezoneOffset()).toBe(offset);
      const rules: Rules = [
        { path: 'Patient.birthDate', method: 'dateShift' },
        {
          path: 'Patient.deceased',
          method: 'generalize',
          cases: { '$this < today() and $this > @2020-01-01T00:30:00Z': 'today().toString()' },
        },
        { path: 'Patient.meta', method: 'redact' },
      ];
      const resource = {
        resourceType: 'Patient',
        birthDate: '1980-03-30',
        deceasedDateTime: '2020-01-01T00:30:01Z',
        meta: { lastUpdated: '1936-11-22T23:30:00-05:00' },
      };
      const result = deidentify(rules, resource, { ...PARAMETERS, dateShiftFixedOffsetInDays: 1 });
      expect(result).toMatchObject({
        birthDate: '1980-03-31',
        deceasedDateTime: '2026-11-21',
        meta: { lastUpdated: '1936' },
      });
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});
