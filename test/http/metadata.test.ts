import { describe, expect, it } from 'vitest';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { SMART, sourceStatement, type Statement, statementOf } from './answers.js';

const EVERY_PARAMETER = {
  Patient: ['_id:token', '_lastUpdated:date', 'name:string', 'birthdate:date', '_sort:string'],
  Observation: ['code:token', 'subject:reference', 'code-value-quantity:composite', '_lastUpdated:date'],
  Location: ['name:string', 'status:token'],
};

/** Types with the names of their search parameters. */
function listed({ rest }: Statement): Record<string, string[]> {
  return Object.fromEntries(
    (rest[0]?.resource ?? []).map(({ type, searchParam = [] }) => [
      type,
      searchParam.map(({ name }) => name),
    ]),
  );
}

describe('the CapabilityStatement lists types and search parameters', () => {
  it.each<[string, Record<string, string>, object | undefined, Record<string, string[]>]>([
    [
      'that the source names, with _lastUpdated, and without those that no filter can use',
      { AUTHENTICATION: 'function-keys' },
      sourceStatement(EVERY_PARAMETER),
      {
        Location: ['_lastUpdated', 'name', 'status'],
        Observation: ['_lastUpdated', 'code', 'subject', 'code-value-quantity'],
        Patient: ['_lastUpdated', '_id', 'name', 'birthdate'],
        Group: [],
      },
    ],
    [
      'that every caller may use, where callers are distinguished',
      SMART,
      sourceStatement(EVERY_PARAMETER),
      { Location: ['_lastUpdated'], Observation: ['_lastUpdated', 'code'], Patient: ['_lastUpdated'], Group: [] },
    ],
    [
      'that TYPE_FILTER_PARAMETERS names',
      { TYPE_FILTER_PARAMETERS: 'subject, status' },
      sourceStatement(EVERY_PARAMETER),
      { Location: ['_lastUpdated'], Observation: ['_lastUpdated', 'subject'], Patient: ['_lastUpdated'], Group: [] },
    ],
    [
      'that are of the FHIR version, and names and types that FHIR knows',
      {},
      sourceStatement({ Patient: ['a b:token', '<x>:token', 'own:mystery', 'near:special', 'r:resource'], Nonsense: ['code:token'] }),
      { Patient: ['_lastUpdated', 'near'], Group: [] },
    ],
  ])('%s', async (_name, environment, stated, expected) => {
    const statement = await statementOf(environment, stated);
    expect(listed(statement)).toEqual(expected);
    expect(statement.rest[0]?.documentation).not.toContain('could not be read');
  }); // prettier-ignore

  it.each(FHIR_VERSIONS)('of %s, all types of it, where the source says nothing', async (version) => {
    for (const environment of [{}, SMART]) {
      for (const stated of [undefined, sourceStatement({ Patient: [] }, ['read'])]) {
        const statement = await statementOf({ ...environment, FHIR_VERSION: version }, stated);
        const types = listed(statement);
        expect(Object.keys(types).length).toBeGreaterThan(110);
        expect(types).not.toHaveProperty('Parameters');
        expect(new Set(Object.values(types).flat())).toEqual(new Set(['_lastUpdated']));
        if (stated === undefined) expect(statement.rest[0]?.documentation).toContain('could not be read');
      }
    }
  });

  it('with nothing else that the source says', async () => {
    expect(JSON.stringify(await statementOf({}, sourceStatement(EVERY_PARAMETER)))).not.toContain('secret');
  });

  it('as SMART Fetch needs it: all of its types, and _lastUpdated, which makes it send _since', async () => {
    const wanted = 'Patient Encounter AllergyIntolerance Condition Device DiagnosticReport DocumentReference EpisodeOfCare Immunization MedicationDispense MedicationRequest Observation Procedure ServiceRequest'.split(' '); // prettier-ignore
    const server = (await statementOf({})).rest.find(({ mode }) => mode === 'server');
    const types = server?.resource.map(({ type }) => type) ?? [];
    expect(wanted.filter((type) => !types.includes(type))).toEqual([]);
    const parameters = server?.resource.find(({ type }) => type === 'Patient')?.searchParam;
    expect(parameters?.map(({ name }) => name)).toContain('_lastUpdated');
  });
});

const OPERATIONS = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition';

it.each(FHIR_VERSIONS)(
  'the CapabilityStatement of %s names the operations of the levels',
  async (version) => {
    for (const stated of [undefined, sourceStatement({ Observation: [] })]) {
      const [rest] = (await statementOf({ FHIR_VERSION: version }, stated)).rest;
      const onTypes = rest?.resource
        .filter(({ operation }) => operation !== undefined)
        .map(({ type, operation }) => [type, operation]);
      const named = (id: string): object[] =>
        [
          ['export', `${OPERATIONS}/${id}`],
          ['export-v4', `${OPERATIONS}/${id}|4.0.0-ballot`],
        ].map(([name, definition]) => ({
          name,
          definition: version === 'STU3' ? { reference: definition } : definition,
        }));
      expect(onTypes).toEqual(
        version === 'STU3'
          ? []
          : [
              ['Group', named('group-export')],
              ['Patient', named('patient-export')],
            ],
      );
      const levels = version === 'STU3' ? ['export', 'group-export', 'patient-export'] : ['export'];
      expect(rest?.operation).toEqual(levels.flatMap(named));
    }
  },
);

it.each([
  ['search', {}, ['Group']],
  ['bulk', { SOURCE_MODE: 'bulk' }, []],
])('of a source that is read by %s, the list of groups is said to be there or not', async (_, environment, types) => {
  const [rest] = (await statementOf(environment, sourceStatement({ Patient: [] }))).rest;
  const searched = rest?.resource.filter(({ interaction = [] }) => interaction.length > 0);
  expect(searched?.map(({ type }) => type)).toEqual(types);
}); // prettier-ignore
