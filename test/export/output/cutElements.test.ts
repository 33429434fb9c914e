import { JsonTape } from '../../../functions/json/jsonTape.js';
import { LineBuffer } from '../../../functions/json/lineBuffer.js';
import { describe, expect, it } from 'vitest';
import { parseJson, stringifyJson, type JsonObject } from '../../../functions/json/json.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { cuttingLines, elementCutter } from '../../../functions/export/output/cutElements.js';
import { readElements } from '../../../functions/export/request/elements.js';

const SUBSETTED = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}';
const LABEL = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}';

const names = { isResourceType: (name: string): boolean => /^[A-Z]/.test(name), hasElement: () => true };

function cut(elements: string, resource: string): string {
  const cutter = elementCutter(readElements([elements], undefined, names, []), FhirModel.of('R4'));
  return stringifyJson(cutter(parseJson(resource) as JsonObject));
}

describe('_elements', () => {
  it.each([
    [
      'keeps what is asked for, type and id, and drops the rest',
      'birthDate',
      '{"resourceType":"Patient","id":"1","birthDate":"1970","gender":"male","name":[{"text":"x"}]}',
      `{"resourceType":"Patient","id":"1","birthDate":"1970","meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps a primitive with its sibling, and a sibling alone',
      'birthDate,gender',
      '{"resourceType":"Patient","_birthDate":{"id":"a"},"gender":"male","_gender":{"id":"b"},"_active":{"id":"c"}}',
      `{"resourceType":"Patient","_birthDate":{"id":"a"},"gender":"male","_gender":{"id":"b"},"meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps a choice element by its name without the type',
      'Observation.value',
      '{"resourceType":"Observation","valueQuantity":{"value":1},"_valueString":{"id":"a"},"valueset":1,"status":"final"}',
      `{"resourceType":"Observation","valueQuantity":{"value":1},"_valueString":{"id":"a"},"meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps the digits of numbers',
      'value',
      '{"resourceType":"Observation","valueQuantity":{"value":1.500,"x":123456789012345678901234567890.10},"status":"final"}',
      `{"resourceType":"Observation","valueQuantity":{"value":1.500,"x":123456789012345678901234567890.10},"meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps security labels and other tags',
      'gender',
      `{"resourceType":"Patient","meta":{"security":[${LABEL}],"tag":[{"code":"x"}]},"name":[]}`,
      `{"resourceType":"Patient","meta":{"security":[${LABEL}],"tag":[{"code":"x"},${SUBSETTED}]}}`,
    ],
    [
      'marks a resource once',
      'gender',
      `{"resourceType":"Patient","meta":{"tag":[${SUBSETTED}]}}`,
      `{"resourceType":"Patient","meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'of another type leaves a resource whole',
      'Observation.value,Condition.code',
      '{"resourceType":"Patient","gender":"male"}',
      '{"resourceType":"Patient","gender":"male"}',
    ],
    [
      'of every type and of one are added up',
      'status,Observation.code',
      '{"resourceType":"Observation","status":"final","code":{},"note":[]}',
      `{"resourceType":"Observation","status":"final","code":{},"meta":{"tag":[${SUBSETTED}]}}`,
    ],
  ])('%s', (_name, elements, resource, expected) => {
    expect(cut(elements, resource)).toBe(expected);
  });

  it('cuts what the engine made, which saw the whole resource', () => {
    const seen: string[] = [];
    const lineMaker = cuttingLines(
      {
        processingErrors: 'skip',
        makeLineOfTape: () => {
          throw new Error('Cut lines are made of objects.');
        },
        makeLine: (resource) => {
          seen.push(...Object.keys(resource));
          return 'gender' in resource
            ? { outcome: 'anonymized', line: '{"resourceType":"Patient","birthDate":"1970","active":true}' }
            : { outcome: 'failed', failure: { code: 'x', message: 'y' } };
        },
        takeCounts: () => ({ dropped: [], labels: [], undecided: [] }),
      },
      elementCutter([{ type: undefined, element: 'birthDate' }], FhirModel.of('R4')),
    );
    expect(lineMaker.makeLine({ resourceType: 'Patient', gender: 'male', name: [] })).toEqual({
      outcome: 'anonymized',
      line: `{"resourceType":"Patient","birthDate":"1970","meta":{"tag":[${SUBSETTED}]}}`,
    });
    expect(
      lineMaker.makeLineOfTape({ tape: new JsonTape(), node: 0, bytes: Buffer.alloc(0) }, new LineBuffer()),
    ).toBe(false);
    expect(seen).toEqual(['resourceType', 'gender', 'name']);
    expect(lineMaker.makeLine({ resourceType: 'Patient' }).outcome).toBe('failed');
  });
});
