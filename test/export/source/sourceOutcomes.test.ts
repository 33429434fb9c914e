import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countIssues, issueSentence } from '../../../functions/export/source/sourceOutcomes.js';
import { randomly } from '../../random.js';

function counted(...lines: string[]): Record<string, number> {
  const counts = new Map<string, number>();
  countIssues(Buffer.from(lines.join('\n')), counts);
  return Object.fromEntries(counts);
}

const outcome = (...issue: unknown[]): string => JSON.stringify({ resourceType: 'OperationOutcome', issue });

describe('what the own export of the source reports', () => {
  it.each<[string, string[], Record<string, number>]>([
    ['nothing', [''], {}],
    [
      'issues',
      [outcome({ code: 'exception' }, { code: 'not-found' }), outcome({ code: 'exception' })],
      { exception: 2, 'not-found': 1 },
    ],
    ['warnings', [outcome({ severity: 'warning', code: 'suppressed' })], { suppressed: 1 }],
    [
      'information',
      [outcome({ severity: 'information', code: 'informational' }, { severity: 'success', code: 'success' })],
      {},
    ],
    ['a name as a code', [outcome({ code: 'Zacharias Quexington' })], { other: 1 }],
    ['another resource', ['{"resourceType":"Patient"}'], { other: 1 }],
    ['a line that is cut', ['{"resourceType":"OperationOutcome","issue":[{"diagno'], { other: 1 }],
    ['lists in the place of issues', [outcome([], null, 4)], {}],
  ])('is counted by code: %s', (_, lines, expected) => expect(counted(...lines)).toEqual(expected));

  it('has no word of its texts', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.json(),
            fc.string(),
            fc.jsonValue().map((code) => outcome({ code })),
          ),
        ),
        (lines) => {
          for (const [code, count] of Object.entries(counted(...lines))) {
            expect(issueSentence({ code, count })).toMatch(
              /^The source's own export reported \d+ problems? of the kind "[a-z-]+":/,
            );
          }
        },
      ),
      randomly(500),
    );
  });
});
