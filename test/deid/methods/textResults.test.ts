import { expect, it } from 'vitest';
import { TextResults } from '../../../functions/deid/methods/textResults.js';

it.each([
  ['by number', 0],
  ['by size', 170],
])('results are those of their texts, over more of them than are remembered, %s', (_name, size) => {
  const filling = 'x'.repeat(size);
  const results = new TextResults(0, (text) => `made of ${text} "é\\`);
  let found = 0;
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 60_000; number++) {
      const text = `Patient/${(number * 7919) % (number % 2 === 0 ? 40_000 : 500)}${number % 3 === 0 ? 'é' : ''}${filling}`;
      const bytes = Buffer.from(`"${text}"`);
      let place = results.find(bytes, 1, bytes.length - 1);
      if (place > 0) found++;
      else place = results.add(bytes, 1, bytes.length - 1);
      const { view } = results;
      const json = Buffer.from(view.buffer, view.byteOffset).toString(
        'utf8',
        results.start(place),
        results.end(place),
      );
      if (json !== JSON.stringify(results.make(text))) expect(json).toBe(JSON.stringify(results.make(text)));
    }
  }
  expect(found).toBeGreaterThan(5000);
  expect(found).toBeLessThan(170_000);
  expect([results.remembers(200), results.remembers(201)]).toEqual([true, false]);
});
