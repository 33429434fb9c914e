import { isUtf8 } from 'node:buffer';
import { ExportError } from '../../common/errors.js';
import { OBJECT } from '../../json/jsonTape.js';
import { readTape } from './readTape.js';
import { readHead, resourceRow, type SearchRow } from './resourceRow.js';
import type { SourceAnswer } from './source.js';

/**
 * The resource of the answer to a read: https://hl7.org/fhir/R4/http.html#read
 * @throws ExportError `source-not-fhir` where it is not the one that was asked for
 */
export function readSingle({ body }: SourceAnswer, type: string, id: string): SearchRow {
  const malformed = (): ExportError =>
    new ExportError('source-not-fhir', `The source answered a read of a ${type} with something else.`, true);
  const tape = readTape(body);
  if (tape === undefined || tape.kind(tape.root) !== OBJECT) throw malformed();
  const head = readHead(tape, tape.root, type);
  if (head.resourceType !== type || head.id !== id) throw malformed();
  return resourceRow(tape, isUtf8(body), head, { malformed, notUtf8: malformed });
}
