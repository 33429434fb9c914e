import { PatternError } from '../expression/matching.js';
import { FhirPathSyntaxError } from '../expression/syntax.js';
import { FhirPathError } from '../values/values.js';

/**
 * Runs what reads an expression, which must throw where it cannot be compiled.
 * @param otherwise what is wrong, said before the reason: `Not a FHIRPath expression`
 * @param fail called with what is wrong; the result is then undefined
 */
export function readExpression<T>(
  read: () => T,
  otherwise: string,
  fail: (problem: string) => void,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PatternError) fail(error.message);
    else if (error instanceof FhirPathSyntaxError || error instanceof FhirPathError)
      fail(`${otherwise}: ${error.message}`);
    else throw error;
    return undefined;
  }
}
