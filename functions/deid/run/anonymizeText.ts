import { tapeOf } from '../../json/json.js';
import { LineBuffer } from '../../json/lineBuffer.js';
import type { Engine, ProcessingFailure, ResourceContext } from './engine.js';
import { EngineReport } from './report.js';

export type AnonymizeResult =
  | {
      outcome: 'anonymized';
      /** The resource as JSON on one line, without a line break at the end. */
      line: string;
    }
  | { outcome: 'failed'; failure: ProcessingFailure };

/** De-identifies one resource that is a JSON text. @throws JsonError for a text that is not JSON */
export function anonymizeText(
  engine: Engine,
  json: string,
  context?: ResourceContext,
  report = new EngineReport(),
): AnonymizeResult {
  const line = new LineBuffer();
  const failure = engine.anonymize(tapeOf(json), line, report, context);
  if (failure !== undefined) return { outcome: 'failed', failure };
  return { outcome: 'anonymized', line: line.slice(0, line.length).toString() };
}
