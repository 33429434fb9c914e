import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { engineOf } from '../shared.js';

/** What an attacker, or a broken source, may send so that a name passes the Safe Harbor configuration. */

const SAFE_HARBOR = readFileSync(
  fileURLToPath(new URL('../../../configurations/hipaa-safe-harbor-r4.json', import.meta.url)),
  'utf8',
);
const engine = engineOf(SAFE_HARBOR, 'R4');
const NAME = '[{"use":"official","family":"Chalmers","given":["Chalmers"],"text":"Chalmers"}]';
const PATIENT = `{"resourceType":"Patient","id":"Chalmers","name":${NAME}}`;
const EXTENSION = '{"url":"http://e.org/Chalmers","valueString":"Chalmers"}';

function outcome(text: string): string {
  const result = engine.anonymize(text);
  return result.outcome === 'anonymized' ? result.line : JSON.stringify(result.failure);
}

describe('no name passes the Safe Harbor configuration', () => {
  it.each<[string, string]>([
    ['name spelled with escapes', `"\\u006eame":${NAME}`],
    ['name in another case', `"Name":${NAME},"NAME":${NAME}`],
    ['name with a space after it', `"name ":${NAME}`],
    ['name twice', `"name":[],"name":${NAME}`],
    ['a name without a list around it', `"name":${NAME.slice(1, -1)}`],
    ['a name in lists of lists', `"name":[[${NAME}]]`],
    ['names of Object.prototype', `"constructor":"Chalmers","toString":"Chalmers","hasOwnProperty":${NAME}`],
    ['__proto__', `"__proto__":{"name":${NAME},"resourceType":"Chalmers"}`],
    ['an empty name, a number', `"":"Chalmers","0":"Chalmers"`],
    ['a second type in escapes', `"\\u0072esourceType":"Basic","name":${NAME},"code":{"text":"Chalmers"}`],
    ['a type of another case', `"resourcetype":"Chalmers"`],
    ['a sibling of the type', `"_resourceType":{"id":"Chalmers","extension":[${EXTENSION}]}`],
    ['a sibling of a sibling', `"__birthDate":{"id":"Chalmers"}`],
    ['more siblings than values', `"name":[{"given":[],"_given":[null,{"extension":[${EXTENSION}]}]}]`],
    ['a sibling that is no list', `"name":[{"given":["a"],"_given":{"id":"Chalmers"}}]`],
    ['a sibling that is a list', `"birthDate":"1970","_birthDate":[{"id":"Chalmers"}]`],
    ['a sibling before its value', `"_birthDate":{"extension":[${EXTENSION}]},"birthDate":"1970-01-02"`],
    ['a sibling with unknown parts', `"_birthDate":{"value":"Chalmers","family":"Chalmers"}`],
    ['objects among texts', `"name":[{"given":[{"a":"Chalmers"},["Chalmers"]]}]`],
    ['texts where a boolean or a number is due', `"active":"Chalmers","multipleBirthInteger":"Chalmers"`],
    ['texts where a date is due', `"birthDate":"1970 Chalmers","deceasedDateTime":"Chalmers"`],
    ['a date with a tail', `"deceasedDateTime":"1970-01-01T00:00:00Z\\nChalmers"`],
    ['both types of a choice', `"deceasedBoolean":"Chalmers","deceasedDateTime":"1970","_deceasedBoolean":{"id":"Chalmers"}`],
    ['a choice of no such type', `"deceasedString":"Chalmers","deceasedHumanName":${NAME}`],
    ['an extension', `"extension":[${EXTENSION}],"modifierExtension":[${EXTENSION}]`],
    ['an extension of a kind that is kept', `"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","_url":{"id":"Chalmers"},"id":"Chalmers","valueString":"Chalmers","extension":[{"url":"text","valueString":"Chalmers"},{"url":"ombCategory","valueCoding":{"system":"a","code":"b","display":"Chalmers","userSelected":"Chalmers","_code":{"extension":[${EXTENSION}]}}}]}]`],
    ['an extension that holds a reference', '"extension":[{"url":"u","valueReference":{"reference":"Patient/Chalmers","display":"Chalmers","identifier":{"value":"Chalmers"}}}]'],
    ['an extension on an extension', `"extension":[{"url":"u","extension":[{"url":"v","extension":[${EXTENSION}]}]}]`],
    ['an extension on a text', `"text":{"status":"generated","_status":{"extension":[${EXTENSION}]},"div":"<div>Chalmers</div>","_div":{"id":"Chalmers"}}`],
    ['references', '"managingOrganization":{"reference":"https://Chalmers.example/x","display":"Chalmers"},"generalPractitioner":[{"reference":"#Chalmers"},{"reference":"urn:uuid:Chalmers"},{"identifier":{"assigner":{"display":"Chalmers"}}}]'],
    ['lone surrogates and long texts', `"name":[{"family":"\\ud800Chalmers","given":["${'x'.repeat(100_000)}Chalmers"]}]`],
    ['labels and tags', '"meta":{"security":[{"code":"REDACTED","display":"Chalmers","id":"Chalmers"}],"tag":[{"display":"Chalmers"}],"source":"http://e.org/Chalmers","extension":[{"url":"Chalmers"}]}'],
    ['labels that are no list', '"meta":{"security":"Chalmers","profile":{"a":"Chalmers"},"lastUpdated":"Chalmers"}'],
    ['meta that is a text', '"meta":"Chalmers"'],
    ['a resource inside', `"contained":[${PATIENT}]`],
    ['a resource inside one inside', `"contained":[{"resourceType":"Organization","name":"Chalmers","contained":[${PATIENT}]}]`],
    ['a resource inside without a type', `"contained":[{"name":${NAME}}]`],
    ['a resource inside of an unknown type', `"contained":[{"resourceType":"Chalmers","name":${NAME}}]`],
    ['a resource inside of an abstract type', `"contained":[{"resourceType":"Resource","id":"Chalmers"}]`],
    ['a resource inside that is a data type', '"contained":[{"resourceType":"HumanName","family":"Chalmers"}]'],
    ['a resource inside without a list', `"contained":${PATIENT}`],
    ['a sibling of what is inside', '"_contained":[{"id":"Chalmers"}]'],
    ['comments', '"fhir_comments":["Chalmers"],"name":[{"fhir_comments":"Chalmers"}]'],
    ['contacts, links, pictures', `"contact":[{"name":${NAME.slice(1, -1)},"relationship":[{"text":"Chalmers"}]}],"link":[{"other":{"display":"Chalmers"},"type":"seealso"}],"photo":[{"title":"Chalmers","url":"http://Chalmers","data":"Chalmers"}]`],
    ['marks of numbers', '"multipleBirthInteger":1.0,"name":[{"family":"\x7f#Chalmers","text":"\\": 1.50, Chalmers"}]'],
  ])('%s', (_, members) => {
    expect(outcome(`{"resourceType":"Patient",${members}}`)).not.toMatch(/Chalmers/i);
    // The same behind a byte order mark, in a Bundle, and in the resource inside one.
    expect(outcome(`\ufeff {"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"http://e.org/Chalmers","resource":{"resourceType":"Patient",${members}}}]}`)).not.toMatch(/Chalmers/i);
    expect(outcome(`{"resourceType":"Parameters","parameter":[{"name":"Chalmers","part":[{"name":"p","resource":{"resourceType":"Observation","contained":[{"resourceType":"Patient",${members}}]}}]}]}`)).not.toMatch(/Chalmers/i);
  }); // prettier-ignore

  it.each<[string, string]>([
    ['an entry without a resource', '{"resourceType":"Bundle","entry":[{"resource":{"id":"Chalmers"}},{"resource":"Chalmers"},{"resource":[{"resourceType":"Patient","id":"Chalmers"}]}]}'],
    ['a Bundle in a Bundle in a Bundle', `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":${PATIENT}}]}}]}}]}`],
    ['links and requests of a Bundle', '{"resourceType":"Bundle","link":[{"relation":"self","url":"http://e.org/Patient?name=Chalmers"}],"entry":[{"request":{"method":"GET","url":"Patient?family=Chalmers"},"response":{"status":"200","location":"http://e.org/Patient/Chalmers"}}]}'],
    ['a text result', '{"resourceType":"Observation","valueString":"Chalmers","note":[{"text":"Chalmers","authorString":"Chalmers"}],"component":[{"valueString":"Chalmers","code":{"text":"Chalmers"}}],"performer":[{"display":"Chalmers"}]}'],
    ['deep nesting', `{"resourceType":"Patient","extension":${'[{"extension":'.repeat(3000)}[${EXTENSION}]${'}]'.repeat(3000)}}`],
    ['deep lists', `{"resourceType":"Patient","subject":${'['.repeat(100_000)}"Chalmers"${']'.repeat(100_000)}}`],
    ['a Patient where no Patient is due', `{"resourceType":"Observation","subject":${PATIENT}}`],
  ])('%s', (_, text) => {
    expect(outcome(text)).not.toMatch(/Chalmers/i);
    expect(outcome('{"resourceType":"Patient","gender":"male"}')).toContain('"gender":"male"');
  }); // prettier-ignore
});

describe('an earlier rule with a condition decides what a later one would leave', () => {
  const quantity = {
    value: 5,
    extension: [
      { url: 'u', valueString: 'Chalmers' },
      { url: 'v', valueString: 'stays' },
    ],
  };
  it('below a quantity whose value is perturbed', () => {
    const rules = [
      { path: "nodesByType('Extension').where(url = 'u')", method: 'redact' },
      { path: "nodesByType('Quantity')", method: 'perturb', span: 0 },
    ];
    const result = engineOf(JSON.stringify({ fhirPathRules: rules }), 'R4').anonymize({
      resourceType: 'Observation',
      valueQuantity: structuredClone(quantity),
    });
    expect(result).toMatchObject({ outcome: 'anonymized' });
    expect(JSON.stringify(result)).not.toContain('Chalmers');
    expect(JSON.stringify(result)).toContain('stays');
  });

  it('below a resource that is substituted by nothing', () => {
    const rules = [
      { path: "nodesByType('Extension').where(url = 'u')", method: 'cryptoHash' },
      { path: 'Resource', method: 'substitute', replaceWith: null },
    ];
    const result = engineOf(JSON.stringify({ fhirPathRules: rules, parameters: { cryptoHashKey: 'k' } }), 'R4').anonymize({
      resourceType: 'Observation',
      valueQuantity: structuredClone(quantity),
    }); // prettier-ignore
    expect(JSON.stringify(result)).toMatch(/valueString\\":\\"[0-9a-f]{64}/);
    expect(JSON.stringify(result)).not.toMatch(/Chalmers|stays/);
  });
});
