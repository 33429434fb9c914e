import { expect, test } from 'vitest';
import { datePrecisionOf } from '../../functions/fhir/datePrecision.js';

test.each([
  ['2015', 'year'],
  ['2015-02', 'month'],
  ['2015-02-07', 'day'],
  ['2015-02-07T13:28', 'time'],
  ['2015-02-07T13:28:17', 'time'],
  ['2015-02-07T13:28:17.239', 'time'],
  ['2015-02-07T13:28Z', 'timeWithOffset'],
  ['2015-02-07T13:28:17Z', 'timeWithOffset'],
  ['2015-02-07T13:28:17.239+02:00', 'timeWithOffset'],
  ['2015-02-07T13:28:17-05:00', 'timeWithOffset'],
  ['', undefined],
  ['15', undefined],
  ['20150207', undefined],
  ['2015-', undefined],
  ['2015-2-7', undefined],
  ['2015-02-07T', undefined],
  ['2015-02-07 13:28:17Z', undefined],
  ['2015-02-07T13:28:17+0200', undefined],
  ['2015-02-07T13:28:17Z ', undefined],
  ['yesterday', undefined],
  ['2015-02-07\n', undefined],
  ['２０１５', undefined],
])('the precision of %j is %s', (text, precision) => {
  expect(datePrecisionOf(text)).toBe(precision);
});
