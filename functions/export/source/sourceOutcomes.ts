import { isJsonObject, type JsonValue, parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';

/** What the source's own export reports beside its files, counted by code: its words may hold data of patients. */
export interface SourceIssue {
  /** An issue type of FHIR; `other` for any other text. */
  code: string;
  count: number;
}

/** https://hl7.org/fhir/R4/valueset-issue-type.html */
const CODES: ReadonlySet<unknown> = new Set(
  (
    'invalid structure required value invariant security login unknown expired forbidden suppressed processing ' +
    'not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly ' +
    'business-rule conflict limited-filter transient lock-error no-store exception timeout incomplete throttled informational'
  ).split(' '),
);
const OTHER = 'other';
/** Not a problem. */
const INFORMATION: ReadonlySet<unknown> = new Set(['information', 'success']);

/** Counts the issues in lines of OperationOutcomes. A line that is none counts as one of another kind. */
export function countIssues(lines: Buffer, counts: Map<string, number>): void {
  for (const line of decodeUtf8(lines).split('\n')) {
    if (line.trim() === '') continue;
    for (const code of codesIn(line)) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
}

function codesIn(line: string): string[] {
  let outcome: JsonValue;
  try {
    outcome = parseJson(line);
  } catch {
    return [OTHER];
  }
  const issues = isJsonObject(outcome) ? outcome['issue'] : undefined;
  if (!Array.isArray(issues)) return [OTHER];
  return issues
    .filter(isJsonObject)
    .filter(({ severity }) => !INFORMATION.has(severity))
    .map(({ code }) => (typeof code === 'string' && CODES.has(code) ? code : OTHER));
}

/** The sentence for people about issues of one code. */
export function issueSentence({ code, count }: SourceIssue): string {
  return `The source's own export reported ${count} ${count === 1 ? 'problem' : 'problems'} of the kind "${code}": what they are about may be missing. Its words are not passed on, since they may hold data of patients.`;
}
