import { isRecord } from '../../functions/common/isRecord.js';

const MAX_WORDS = 20;
const MAX_CHARACTERS = 1000;

/** A short JSON object; `undefined` for anything else. */
export function objectOf(body: Buffer): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    return isRecord(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** What the issues of an OperationOutcome say, for the terminal of who asked; empty for anything else. */
export function wordsOf(body: Buffer): string[] {
  const issues = objectOf(body)?.['issue'];
  return (Array.isArray(issues) ? issues : []).slice(0, MAX_WORDS).flatMap((issue: unknown) => {
    if (!isRecord(issue)) return [];
    const { diagnostics, details, code } = issue;
    const words = [diagnostics, isRecord(details) ? details['text'] : undefined, code];
    const first = words.find((text) => typeof text === 'string' && text !== '');
    return typeof first === 'string' ? [plain(first, MAX_CHARACTERS)] : [];
  });
}

/** A server's text as it may be written to a terminal, on one line. */
export function plain(text: string, most = 100): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{C}]/gu, '?')
    .trim()
    .slice(0, most);
}
