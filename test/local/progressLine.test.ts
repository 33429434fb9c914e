import { expect, it } from 'vitest';
import { ProgressLine } from '../../local/progressLine.js';

/** What is written while progress is shown that does not change for a while. */
function written(stream: { isTTY?: boolean; columns?: number }): string {
  let text = '';
  const line = new ProgressLine({ ...stream, write: (part) => (text += part) });
  for (const shown of ['0%', '0%', '0%', '50%: Patient', '100%']) line.show(shown);
  line.end();
  return `${text}next`;
}

it('on a terminal, progress is one line that is written anew and never wrapped', () => {
  const text = written({ isTTY: true, columns: 10 });
  expect(text.split('\n')).toHaveLength(2);
  expect(text.split('\r\u001b[K')).toEqual(['', '0%', '50%: Pati', '100%\nnext']);
});

it('elsewhere, it is a line for each change', () => {
  expect(written({})).toBe('0%\n50%: Patient\n100%\nnext');
});
