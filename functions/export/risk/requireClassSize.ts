import { ExportError } from '../../common/errors.js';
import type { Risk } from './risk.js';

/**
 * Makes sure that every combination is shared by enough Patients. How many are not is not said.
 * @throws ExportError where one is not
 */
export function requireClassSize({ least, notEvaluated }: Risk, minClassSize = 0): void {
  if (least === undefined || least >= minClassSize) return;
  const unknown =
    notEvaluated === 0
      ? ''
      : ' Of some, an expression of quasiIdentifiers could not be evaluated, so each of these counts as unlike all others: mend the expression.';
  throw new ExportError(
    'forbidden',
    `Some combinations of quasi-identifiers, such as year of birth, gender and region, are shared by fewer than ${minClassSize} Patients of the export, so it ended without data (MIN_CLASS_SIZE, or minClassSize of the configuration).${unknown} Let the configuration generalize or redact more of them, or export more Patients.`,
  );
}
