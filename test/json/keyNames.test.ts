import { describe, expect, it } from 'vitest';
import { readDeIdentifyRequest } from '../../functions/http/deIdentify/request.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { nameNumber, nameOf, UNKNOWN_NAME, UNRESOLVED_NAME } from '../../functions/json/keyNames.js';

describe('numbers of names', () => {
  it('distinguish names with escapes from all others, as only a parser knows them', () => {
    const tape = new JsonTape();
    expect(tape.read(Buffer.from('{"\\u0069d":1,"é":2,"id":3,"__proto__":4}'))).toBe(true);
    const names: number[] = [];
    for (let node = tape.first(tape.root); node < tape.after(tape.root); node = tape.after(node))
      names.push(tape.name(node));
    expect(names).toEqual([UNRESOLVED_NAME, UNKNOWN_NAME, nameNumber('id'), UNKNOWN_NAME]);
  });

  // It fills the table of this process, as the next one needs it.
  it('stay the same and come to an end, however many names there are', () => {
    const tape = new JsonTape();
    const before = nameNumber('resourceType');
    const page = Array.from({ length: 12_000 }, (_, index) => `"name-${index}":${index}`).join(',');
    expect(tape.read(Buffer.from(`{${page},"resourceType":"Patient"}`))).toBe(true);
    expect(nameNumber('resourceType')).toBe(before);
    expect(tape.textOf(tape.root, before)).toBe('Patient');
    const last = tape.after(tape.root) - 1;
    let node = tape.first(tape.root);
    while (tape.name(node) !== UNRESOLVED_NAME && node < last) node = tape.after(node);
    expect(tape.name(node)).toBe(UNRESOLVED_NAME);
    expect(nameOf(nameNumber('name-1'))).toBe('name-1');
    // What the app asks for has a number all the same, which the next tape knows.
    const own = nameNumber('ofAnElement');
    expect(own).not.toBe(UNRESOLVED_NAME);
    expect(tape.read(Buffer.from('{"ofAnElement":1,"ofNone":2}'))).toBe(true);
    expect(tape.member(tape.root, own)).toBe(tape.first(tape.root));
    expect(tape.name(tape.after(tape.first(tape.root)))).toBe(UNRESOLVED_NAME);
  });

  it('are there for the members of a request to de-identify, though data has used up its own', () => {
    const resource = { resourceType: 'Patient', id: 'p' };
    const parameter = [
      { name: 'resource', resource },
      { name: 'settings', part: [{ name: 'domain-prefix', valueString: 'x' }] },
    ];
    const body = JSON.stringify({ resourceType: 'Parameters', parameter });
    expect(() => readDeIdentifyRequest(Buffer.from(body), '')).not.toThrow();
  });
});
