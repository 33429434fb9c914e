import { LineBuffer } from '../../../functions/json/lineBuffer.js';
import { describe, expect, it } from 'vitest';
import { ContentCounter } from '../../../functions/deid/run/contentCounter.js';
import { EngineReport } from '../../../functions/deid/run/report.js';
import { compileEngine } from '../../../functions/deid/compileEngine.js';
import { configurationOf, engineOptions } from '../../deid/shared.js';
import { tapeOf } from '../../../functions/json/json.js';
import type { LineMaker } from '../../../functions/export/output/lineMaker.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { cuttingLines, elementCutter } from '../../../functions/export/output/cutElements.js';
import { contentOf } from '../../../functions/export/records/content.js';
import { rawLinesOf } from '../../../functions/export/output/absoluteAttachments.js';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import { readElements } from '../../../functions/export/request/elements.js';

const SUBSETTED = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}';
const LABEL = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}';

const names = { isResourceType: (name: string): boolean => /^[A-Z]/.test(name), hasElement: () => true };

function cut(elements: string, resource: string): string {
  const cutter = elementCutter(readElements([elements], undefined, names, []), FhirModel.of('R4'));
  const line = new LineBuffer();
  line.text('before');
  cutter(tapeOf(resource).tape, line);
  const made = line.slice(0, line.length).toString();
  expect(made).toMatch(/^before/);
  return made.slice('before'.length);
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
      `{"resourceType":"Observation","valueQuantity":{"value":1},"_valueString":{"id":"a"},"status":"final","meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps the digits of numbers',
      'value',
      '{"resourceType":"Observation","valueQuantity":{"value":1.500,"x":123456789012345678901234567890.10},"status":"final"}',
      `{"resourceType":"Observation","valueQuantity":{"value":1.500,"x":123456789012345678901234567890.10},"status":"final","meta":{"tag":[${SUBSETTED}]}}`,
    ],
    [
      'keeps security labels and other tags',
      'gender',
      `{"resourceType":"Patient","meta":{"security":[${LABEL}],"tag":[{"code":"x"}]},"name":[]}`,
      `{"resourceType":"Patient","meta":{"security":[${LABEL}],"tag":[{"code":"x"},${SUBSETTED}]}}`,
    ],
    [
      'keeps mandatory elements, with their siblings and by any of their types, as far as they are there',
      'note',
      '{"resourceType":"MedicationRequest","_status":{"id":"a"},"status":"active","medicationReference":{"reference":"x"},"subject":{},"note":[],"dosageInstruction":[]}',
      `{"resourceType":"MedicationRequest","_status":{"id":"a"},"status":"active","medicationReference":{"reference":"x"},"subject":{},"note":[],"meta":{"tag":[${SUBSETTED}]}}`,
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
    const maker: LineMaker = {
      processingErrors: 'skip',
      makeLine({ tape, node }, line) {
        seen.push(tape.json(node));
        if (seen.at(-1)?.includes('gender') !== true) return { code: 'x', message: 'y' };
        line.text('{"resourceType":"Patient","birthDate":"1970","active":true}');
        return undefined;
      },
    };
    const cutter = elementCutter([{ type: undefined, element: 'birthDate' }], FhirModel.of('R4'));
    const lineMaker = cuttingLines(maker, cutter, new ContentCounter(FhirModel.of('R4')));
    const line = new LineBuffer();
    const report = new EngineReport();
    const made: string[] = [];
    for (const resource of [
      '{"resourceType":"Patient","gender":"male","name":[]}',
      '{"resourceType":"Patient"}',
      '{"gender":1}',
    ]) {
      const failure = lineMaker.makeLine(tapeOf(resource), line, report);
      made.push(failure?.code ?? line.slice(0, line.length).toString());
    }
    const first = `{"resourceType":"Patient","birthDate":"1970","meta":{"tag":[${SUBSETTED}]}}`;
    // One after the other in one buffer: a line that is made later leaves those before as they are.
    expect(made).toEqual([first, 'x', first + first]);
    expect(seen).toHaveLength(3);
  });

  it('counts what is left of resources, and what was not valid of whole ones', () => {
    const keeping = configurationOf('{"fhirPathRules": [{"path": "Resource", "method": "keep"}]}', 'R4');
    const engine = compileEngine(keeping, engineOptions('R4'));
    const maker: LineMaker = {
      processingErrors: 'skip',
      makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
    };
    const patient =
      '{"resourceType":"Patient","birthDate":"1970-01-02","generalPractitioner":[{"reference":"Practitioner/1"}],"link":[{"other":{"reference":"Patient/2"}}],"x":1}';
    const model = FhirModel.of('R4');
    const cutter = elementCutter([{ type: undefined, element: 'birthDate' }], model);
    const lineMaker = cuttingLines(maker, cutter, new ContentCounter(model));
    const report = new EngineReport();
    const line = new LineBuffer();
    for (const _ of [1, 2]) lineMaker.makeLine(tapeOf(patient), line, report);
    expect([report.resources, report.dropped.get('Patient.(unknown)')]).toEqual([2, 2]);
    const counted = report.types.get('Patient');
    expect(counted && contentOf(counted)).toEqual({
      resources: 2,
      notValid: 2,
      problems: { 'Patient.link.type required': 2 },
      elements: { birthDate: 2, meta: 2 },
      dates: { year: 0, month: 0, day: 2, time: 0, timeWithOffset: 0 },
      references: {},
      extensions: {},
      systems: { 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue': 2 },
    });
  });
});

describe('raw resources are cut as their lines would be', () => {
  const cutter = elementCutter(
    readElements(['gender,Observation.value,name'], undefined, names, []),
    FhirModel.of('R4'),
  );
  const inOneStep = cuttingLines(rawLines, cutter, undefined);
  const fromLines = cuttingLines({ ...rawLines, isAsItCame: undefined }, cutter, undefined);
  const metas = [
    '',
    '"meta":{},',
    '"meta":null,',
    '"meta":[],',
    '"meta":{"versionId":"1"},',
    '"meta":{ "versionId" : "\\u0031" },',
    `"meta":{"tag":[{"code":"x"}]},`,
    `"meta":{"tag":[${SUBSETTED}],"versionId":"1"},`,
    '"meta":{"tag":"x"},',
    '"meta":{"\\u0074ag":[{"code":"x"}]},',
    '"meta":{"versionId":"1","versionId":"2"},',
    '"meta":{"versionId":"1"},"meta":{"versionId":"2"},',
  ];
  const others = [
    '"gender":"male"',
    '"gender" :\t"male" , "birthDate":"1970"',
    '"birthDate":"1970","gender":"female","_gender":{"id":"a"}',
    '"gender":"male","gender":"female"',
    '"birthDate":"1970","birthDate":"1971","gender":"male"',
    '"\\u0067ender":"male","gender":"female"',
    '"gender":"m\\u0061le","name":[{"text":"a\\/b","family":"Ä"},{"text":"1","text":"2"}]',
    '"gendér":"male","name":[ { } ]',
    '"valueQuantity":{"value":1.500},"valueDecimal":-0.0e-5,"name":{"x":[[1, 2],{}]}',
    `"${'x'.repeat(65)}":1,"gender":"male"`,
    '"__proto__":{"gender":"male"},"name":[]',
  ];
  it.each(['Patient', 'Observation', 'Basic', ''])('of %s', (type) => {
    for (const meta of metas) {
      for (const other of others) {
        const json = `{${type === '' ? '' : `"resourceType":"${type}",`}${meta}${other}}`;
        const lineOf = (maker: LineMaker): string => {
          const line = new LineBuffer();
          line.text('before');
          expect(maker.makeLine(tapeOf(json), line, new EngineReport())).toBeUndefined();
          return line.slice(0, line.length).toString();
        };
        expect(lineOf(inOneStep), json).toBe(lineOf(fromLines));
      }
    }
  });
});

it('raw resources that are cut have absolute URLs of attachments, too', () => {
  const model = FhirModel.of('R4');
  const cutter = elementCutter(readElements(['photo'], undefined, names, []), model);
  const maker = cuttingLines(rawLinesOf('https://e.org/fhir', model), cutter, undefined);
  const line = new LineBuffer();
  const json = '{"resourceType":"Patient","photo":[{"url":"Binary/1"}],"gender":"male"}';
  maker.makeLine(tapeOf(json), line, new EngineReport());
  expect(line.slice(0, line.length).toString()).toBe(
    `{"resourceType":"Patient","photo":[{"url":"https://e.org/fhir/Binary/1"}],"meta":{"tag":[${SUBSETTED}]}}`,
  );
});
