import { isUtf8 } from 'node:buffer';
import { ExportError } from '../../common/errors.js';
import { OBJECT } from '../../json/jsonTape.js';
import { readTape } from './readTape.js';
import { readHead, resourceRow, type SearchRow } from './resourceRow.js';
import type { SourceAnswer } from './source.js';

/**
 * The resource of the answer to a read: https://hl7.org/fhir/R4/http.html#read
 * @returns `undefined` where it has another id: some sources answer so where one was merged into another
 * @throws ExportError `source-not-fhir` where it is of another type, or no resource
 */
export function readSingle({ body }: SourceAnswer, type: string, id: string): SearchRow | undefined {
  const malformed = (): ExportError =>
    new ExportError(
      'source-not-fhir',
      `The source answered a read of a ${type} with something else. Check that FHIR_SERVER_URL is the FHIR base of the source.`,
      true,
    );
  const tape = readTape(body);
  if (tape === undefined || tape.kind(tape.root) !== OBJECT) throw malformed();
  const head = readHead(tape, tape.root, type);
  if (head.resourceType !== type) throw malformed();
  if (head.id !== id) return undefined;
  return resourceRow(tape, isUtf8(body), head, { malformed, notUtf8: malformed });
}
