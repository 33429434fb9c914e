import { FhirPathError } from '../values/values.js';
import type { ProcessingFailure } from './engine.js';
import { JsonError } from '../../json/json.js';
import { ProcessingError } from '../methods/processingError.js';
import { DepthError } from '../model/node.js';
import { placeOf, type RulePlace } from '../reading/issues.js';

/**
 * The failure that an error means. Of an unforeseen error only its kind is reported: its message may hold data.
 * @param index of the rule that was at work
 */
export function failureOf(
  error: unknown,
  index: number | undefined,
  places: readonly RulePlace[],
): ProcessingFailure {
  const at = (error instanceof ProcessingError ? error.rule : undefined) ?? index;
  const rule = at === undefined ? undefined : placeOf(places, at);
  if (error instanceof ProcessingError) return failure(error.code, error.message, rule);
  if (error instanceof FhirPathError) return failure('expression-failed', error.message, rule);
  if (error instanceof DepthError) return failure('too-deep', error.message, undefined);
  if (error instanceof JsonError) return failure('too-deep', 'The resource is nested too deeply', undefined);
  if (error instanceof RangeError)
    return failure('too-large', 'The resource is too large or nested too deeply', undefined);
  const kind = error instanceof Error ? error.name : typeof error;
  return failure('internal-error', `The resource could not be processed (${kind})`, rule);
}

function failure(code: string, message: string, rule: string | undefined): ProcessingFailure {
  return rule === undefined ? { code, message } : { code, message, rule };
}
