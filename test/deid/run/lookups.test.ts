import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import type { JsonObject } from '../../../functions/json/json.js';
import { engineOf } from '../shared.js';

const CLINIC = {
  resourceType: 'Organization',
  id: 'o',
  name: 'Clinic',
  contact: [{ name: { family: 'Kay' } }],
};
const CHILD = { resourceType: 'Patient', id: 'q', birthDate: '1990-01-02' };
const PATIENT = { resourceType: 'Patient', id: 'p', active: true, contained: [CLINIC, CHILD] };
const BUNDLE = {
  resourceType: 'Bundle',
  type: 'collection',
  entry: [{ resource: PATIENT }, { resource: CLINIC }],
};
const PARAMETERS = { resourceType: 'Parameters', parameter: [{ name: 'a', resource: CLINIC }] };

const GONE = { resourceType: 'Organization' };
const NAMELESS = { resourceType: 'Organization', id: 'o', contact: CLINIC.contact };
const HASHED = { ...CLINIC, name: '15b8737482eb41d903aa8bb91e3b0908192656a0b71891f6bc1ba0400a3eb216' };

/** A rule's path and method, a resource, and what the reference made of it, without labels. */
const LOOKUPS: readonly (readonly [path: string, method: string, before: JsonObject, after: JsonObject])[] = [
  [
    "nodesByName('contained')",
    'redact',
    PATIENT,
    { ...PATIENT, contained: [GONE, { resourceType: 'Patient' }] },
  ],
  ["nodesByName('contained').name", 'redact', PATIENT, { ...PATIENT, contained: [NAMELESS, CHILD] }],
  ["nodesByType('Organization')", 'redact', PATIENT, { ...PATIENT, contained: [GONE, CHILD] }],
  ["nodesByType('Organization').name", 'cryptoHash', PATIENT, { ...PATIENT, contained: [HASHED, CHILD] }],
  [
    "nodesByType('Patient')",
    'redact',
    PATIENT,
    { ...PATIENT, contained: [CLINIC, { resourceType: 'Patient' }] },
  ],
  ["nodesByName('resource')", 'redact', PATIENT, PATIENT],
  [
    "nodesByName('contained')",
    'redact',
    BUNDLE,
    {
      ...BUNDLE,
      entry: [
        { resource: { ...PATIENT, contained: [GONE, { resourceType: 'Patient' }] } },
        { resource: CLINIC },
      ],
    },
  ],
  [
    "nodesByName('resource')",
    'redact',
    BUNDLE,
    {
      ...BUNDLE,
      entry: [{ resource: { resourceType: 'Patient', contained: [CLINIC, CHILD] } }, { resource: GONE }],
    },
  ],
  [
    "nodesByType('Organization')",
    'redact',
    BUNDLE,
    { ...BUNDLE, entry: [{ resource: { ...PATIENT, contained: [GONE, CHILD] } }, { resource: GONE }] },
  ],
  [
    "nodesByType('Organization')",
    'redact',
    PARAMETERS,
    { ...PARAMETERS, parameter: [{ name: 'a', resource: GONE }] },
  ],
  // Within a longer path it looks no further than the resource.
  ["Patient.nodesByType('Organization')", 'redact', PATIENT, PATIENT],
];

describe('a path that is a look-up finds the resources inside', () => {
  it.each(LOOKUPS)('%s %s: %#', (path, method, before, after) => {
    const parameters = { cryptoHashKey: 'h', shouldAddSecurityTag: false, dialect: 'microsoft' };
    const text = JSON.stringify({ fhirPathRules: [{ path, method }], parameters });
    const result = engineOf(text, 'R4').anonymize(before);
    expect(result.outcome === 'anonymized' && JSON.parse(result.line)).toEqual(after);
  });

  it.each(["nodesByName('contained')", "nodesByType('Organization')"])(
    'so that coverage is not complete where %s is kept',
    (path) => {
      const isComplete = (first: object[]): boolean | undefined => {
        const fhirPathRules = [...first, { path: 'Resource', method: 'redact' }];
        const read = readConfiguration(JSON.stringify({ fhirPathRules }), {
          fhirVersion: 'R4',
          coverage: 'warning',
        });
        return read.coverage?.isComplete;
      };
      expect(isComplete([])).toBe(true);
      expect(isComplete([{ path, method: 'keep' }])).toBe(false);
    },
  );
});
