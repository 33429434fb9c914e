import { describe, expect, it } from 'vitest';
import { readScopes } from '../../../functions/http/authorization/smartScopes.js';

const isResourceType = (name: string): boolean => ['Patient', 'Observation', 'Condition'].includes(name);

describe('scopes permit', () => {
  it.each<[string, 'all' | string[]]>([
    // Version 2
    ['system/*.rs', 'all'],
    ['system/*.cruds', 'all'],
    ['system/*.rus', 'all'],
    ['system/Patient.rs', ['Patient']],
    ['system/Patient.rs system/Observation.crus', ['Observation', 'Patient']],
    // Version 1
    ['system/*.read', 'all'],
    ['system/*.*', 'all'],
    ['system/Patient.read', ['Patient']],
    ['system/Patient.*', ['Patient']],
    // Both
    ['system/Condition.read system/Patient.rs openid', ['Condition', 'Patient']],
    // An export reads and searches.
    ['system/*.r', []],
    ['system/*.s', []],
    ['system/Patient.r system/Patient.s', []],
    ['system/*.cud', []],
    ['system/*.write', []],
    ['system/*.', []],
    // Letters out of order, or of none
    ['system/*.sr', []],
    ['system/*.rsx', []],
    ['system/*.READ', []],
    // A part of a type is not the type.
    ['system/Observation.rs?category=vital-signs', []],
    ['system/*.rs?_tag=a', []],
    // Of a patient or a user who is not there
    ['patient/*.rs user/*.read', []],
    // Of no type
    ['system/Foo.rs', []],
    ['system/patient.rs', []],
    ['system/.rs', []],
    ['xsystem/*.rs', []],
    ['system/*.rs/', []],
    ['', []],
  ])('%s', (scope, types) => {
    const read = readScopes(scope.split(' '), undefined, isResourceType);
    expect(read.types === 'all' ? 'all' : [...read.types].sort()).toEqual(types);
    expect(read.raw).toBe(false);
  });

  it('raw exports only where the setting names the scope', () => {
    const scopes = ['system/*.rs', 'export.raw'];
    expect(readScopes(scopes, 'export.raw', isResourceType).raw).toBe(true);
    expect(readScopes(scopes, undefined, isResourceType).raw).toBe(false);
    expect(readScopes(['system/*.rs', 'export.raw2'], 'export.raw', isResourceType).raw).toBe(false);
  });
});
