import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuthorizationSettings,
  DEFAULT_FILTER_PARAMETERS,
} from '../../../functions/settings/authorizationSettings.js';
import type { KickOff } from '../../../functions/export/request/kickOff.js';
import { searchLimitIssues } from '../../../functions/export/request/searchLimits.js';
import type { Caller, Permissions } from '../../../functions/http/authorization/caller.js';
import { permitKickOff } from '../../../functions/http/authorization/permitKickOff.js';
import { RequestError } from '../../../functions/http/respond.js';
import { WHOLE_SCOPE } from '../requests.js';
import { randomly } from '../../random.js';

const settings: AuthorizationSettings = {
  authentication: { method: 'none' },
  servesLoopback: true,
  filterParameters: undefined,
  minPatients: undefined,
};

function known(permissions: Partial<Permissions> = {}): Caller {
  return {
    kind: 'known',
    owner: 'me',
    permissions: { types: 'all', raw: false, ...permissions },
    rawPermission: 'the scope export.raw',
  };
}
const unknown: Caller = { kind: 'unknown' };

function kickOff(more: Partial<KickOff> = {}): KickOff {
  return {
    ...WHOLE_SCOPE,
    container: 'research',
    configuration: { name: 'a.json', etag: undefined, collection: undefined },
    notes: [],
    ...more,
  } as KickOff;
}

function filter(name: string, value = 'secret-value'): Partial<KickOff> {
  return { types: ['Observation'], typeFilters: [{ type: 'Observation', search: [[name, value]] }] };
}

function refusal(run: () => unknown): RequestError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

const limits = {
  filterParameters: new Set(DEFAULT_FILTER_PARAMETERS),
  filterTypes: new Set(['Observation', 'Condition']),
  allowsPatients: false,
  minPatients: 10,
};

describe('without the permission for raw exports, search is no oracle on identities: a filter', () => {
  it.each([
    'name',
    'family',
    'given',
    'identifier',
    'identifier:of-type',
    'address',
    'address-postalcode',
    'telecom',
    'phone',
    'email',
    'birthdate',
    'death-date',
    'gender',
    '_id',
    '_text',
    '_content',
    '_filter',
    '_query',
    '_list',
    '_has:Patient:link:name',
    'patient',
    'subject',
    'subject:Patient',
    'subject.name',
    'subject:Patient.birthdate',
    'patient.identifier',
    'code:text',
    'code:in',
    'code:identifier',
    'code:not:missing',
    'code.display',
    'CODE',
    'value-string',
    'code-value-string',
    '__proto__',
    'constructor',
    ' code',
  ])('by %s is refused, and its value is not repeated', (name) => {
    const issues = searchLimitIssues(kickOff(filter(name)), limits, 'the permission');
    expect(issues).toHaveLength(1);
    expect(issues[0]?.diagnostics).toMatch(/_typeFilter: .*the permission.*code/);
    expect(JSON.stringify(issues)).not.toContain('secret-value');
  });

  it.each([...DEFAULT_FILTER_PARAMETERS, 'code:not', 'status:missing'])('by %s is not', (name) => {
    expect(searchLimitIssues(kickOff(filter(name)), limits, 'the permission')).toEqual([]);
  });

  it('by any other name is refused, however it is made', () => {
    const permitted = new Set(
      DEFAULT_FILTER_PARAMETERS.flatMap((name) => [name, `${name}:not`, `${name}:missing`]),
    );
    const part = fc.oneof(
      fc.constantFrom(...DEFAULT_FILTER_PARAMETERS, 'name', 'not', '_has', 'Patient'),
      fc.string(),
    );
    const name = fc
      .array(fc.tuple(part, fc.constantFrom('', ':', '.', ' ', ',', '%3A')), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.flat().join(''));
    fc.assert(
      fc.property(name, (made) => {
        const isRefused = searchLimitIssues(kickOff(filter(made)), limits, 'x').length > 0;
        expect(isRefused).toBe(!permitted.has(made));
      }),
      randomly(2000),
    );
  });
});

describe('a filter of a type outside of the compartment', () => {
  const ofLocation: Partial<KickOff> = {
    types: ['Location'],
    typeFilters: [{ type: 'Location', search: [['status', 'secret-value']] }],
  };

  it('needs the permission for raw exports, since its patients are those who refer to it', () => {
    const refused = refusal(() => permitKickOff(kickOff(ofLocation), known(), settings, 'R4'));
    expect(refused?.status).toBe(403);
    expect(refused?.issues).toHaveLength(1);
    expect(refused?.issues[0]?.diagnostics).toMatch(/_typeFilter: Location .*the scope export\.raw/);
    expect(JSON.stringify(refused?.issues)).not.toContain('secret-value');
    expect(refusal(() => permitKickOff(kickOff(ofLocation), known({ raw: true }), settings, 'R4'))).toBe(
      undefined,
    );
  });

  it('is free where nothing is limited, and not where patients are counted', () => {
    expect(refusal(() => permitKickOff(kickOff(ofLocation), unknown, settings, 'R4'))).toBe(undefined);
    const set = { ...settings, minPatients: 5 };
    expect(refusal(() => permitKickOff(kickOff(ofLocation), unknown, set, 'R4'))?.status).toBe(403);
  });
});

describe('a kick-off', () => {
  it('for single patients needs the permission for raw exports', () => {
    const refused = refusal(() => permitKickOff(kickOff({ patients: ['p1'] }), known(), settings, 'R4'));
    expect(refused?.status).toBe(403);
    expect(refused?.issues[0]?.diagnostics).toMatch(/patient: .*the scope export\.raw/);
    expect(
      permitKickOff(kickOff({ patients: ['p1'] }), known({ raw: true }), settings, 'R4').minPatients,
    ).toBe(0);
  });

  it('without a configuration needs the permission for raw exports', () => {
    const raw = kickOff({ configuration: undefined });
    const refused = refusal(() => permitKickOff(raw, known(), settings, 'R4'));
    expect(refused?.status).toBe(403);
    expect(refused?.issues[0]?.diagnostics).toContain('the scope export.raw');
    expect(refused?.headers['www-authenticate']).toContain('insufficient_scope');
    expect(permitKickOff(raw, known({ raw: true }), settings, 'R4')).toMatchObject({ owner: 'me' });
    expect(permitKickOff(raw, unknown, settings, 'R4')).not.toHaveProperty('owner');
  });

  it('for more types than the token has is refused, naming them', () => {
    const caller = known({ types: new Set(['Patient']) });
    const refused = refusal(() =>
      permitKickOff(kickOff({ types: ['Patient', 'Condition'] }), caller, settings, 'R4'),
    );
    expect(refused?.status).toBe(403);
    expect(refused?.issues[0]?.diagnostics).toMatch(/do not include Condition\..*system\/Condition\.rs/);
    expect(permitKickOff(kickOff({ types: ['Patient'] }), caller, settings, 'R4')).not.toHaveProperty(
      'permittedTypes',
    );
  });

  it('without types is narrowed to those of the token, and says so', () => {
    const permitted = permitKickOff(
      kickOff(),
      known({ types: new Set(['Patient', 'Condition']) }),
      settings,
      'R4',
    );
    expect(permitted.permittedTypes).toEqual(['Condition', 'Patient']);
    expect(permitted.notes.join()).toContain('Condition, Patient');
    expect(permitKickOff(kickOff(), known(), settings, 'R4')).not.toHaveProperty('permittedTypes');
  });

  it('may not ask in a chain about types that the token does not have, even with the permission', () => {
    const caller = known({ raw: true, types: new Set(['Observation']) });
    expect(
      refusal(() => permitKickOff(kickOff(filter('subject.name')), caller, settings, 'R4'))?.status,
    ).toBe(403);
    expect(
      refusal(() => permitKickOff(kickOff(filter('subject.name')), known({ raw: true }), settings, 'R4')),
    ).toBe(undefined);
  });

  it('of a caller who is not distinguished is limited only by what is set', () => {
    const asked = kickOff({ ...filter('name'), patients: ['p1'] });
    expect(permitKickOff(asked, unknown, settings, 'R4').minPatients).toBe(0);
    const set = { ...settings, filterParameters: new Set(['code']), minPatients: 5 };
    expect(refusal(() => permitKickOff(asked, unknown, set, 'R4'))?.issues).toHaveLength(2);
    expect(permitKickOff(kickOff(filter('code')), unknown, set, 'R4').minPatients).toBe(5);
    expect(permitKickOff(kickOff(), known(), settings, 'R4').minPatients).toBe(10);
    expect(permitKickOff(kickOff(), known(), { ...settings, minPatients: 0 }, 'R4').minPatients).toBe(0);
  });
});
