import { expect, it } from 'vitest';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { EngineReport } from '../../../functions/deid/run/report.js';
import { rawLinesOf } from '../../../functions/export/output/absoluteAttachments.js';
import { tapeOf } from '../../../functions/json/json.js';
import { LineBuffer } from '../../../functions/json/lineBuffer.js';

const BASE = 'https://source.example/fhir/r4';
const document = (attachment: string): string =>
  `{"resourceType":"DocumentReference","content":[{"attachment":${attachment}}]}`;

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#attachments */
it.each([
  ['of the base', document('{"url":"Binary/1"}'), document(`{"url":"${BASE}/Binary/1"}`)],
  ['of the host', document('{"url":"/files/1"}'), document('{"url":"https://source.example/files/1"}')],
  ['that is absolute', document('{"url":"HTTPS://a.example/1"}'), undefined],
  ['of another kind', document('{"url":"urn:uuid:1"}'), undefined],
  ['that has the data in it', document('{"url":"data:text/plain,a"}'), undefined],
  ['that is a part of the resource', document('{"url":"#1"}'), undefined],
  [
    'in an extension, beside an extension with a relative URL and a number',
    '{"resourceType":"Patient","extension":[{"url":"http://a","extension":[{"url":"b","valueAttachment":{"url":"Binary/1","size":1.50}}]}]}',
    `{"resourceType":"Patient","extension":[{"url":"http://a","extension":[{"url":"b","valueAttachment":{"url":"${BASE}/Binary/1","size":1.50}}]}]}`,
  ],
  [
    'in an extension of a primitive',
    '{"resourceType":"Patient","_gender":{"extension":[{"url":"http://a","valueAttachment":{"url":"Binary/1"}}]}}',
    `{"resourceType":"Patient","_gender":{"extension":[{"url":"http://a","valueAttachment":{"url":"${BASE}/Binary/1"}}]}}`,
  ],
  [
    'in a contained resource, and in its kin',
    '{"resourceType":"Media","contained":[{"resourceType":"Patient","photo":[{"url":"Binary/1"},{"url":"Binary/2"}]}],"content":{"url":"Binary/3"}}',
    `{"resourceType":"Media","contained":[{"resourceType":"Patient","photo":[{"url":"${BASE}/Binary/1"},{"url":"${BASE}/Binary/2"}]}],"content":{"url":"${BASE}/Binary/3"}}`,
  ],
  ['of no attachment', '{"resourceType":"ValueSet","url":"a/b"}', undefined],
  ['of an unknown type', '{"resourceType":"Foo","content":{"url":"a/b"}}', undefined],
])('in a raw export, a URL %s', (_name, resource, expected = resource) => {
  const line = new LineBuffer();
  const lines = rawLinesOf(BASE, FhirModel.of('R4'));
  const before = '{"resourceType":"Patient","gender":"male"}';
  lines.makeLine(tapeOf(before), line, new EngineReport());
  expect(lines.makeLine(tapeOf(resource), line, new EngineReport())).toBeUndefined();
  expect(line.slice(0, line.length).toString()).toBe(`${before}${expected}`);
});
