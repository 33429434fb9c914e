import type { HttpRequest } from '@azure/functions';
import type { ExportLevel } from '../export/request/scope.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import { isId } from '../fhir/reference.js';
import { decoded } from './pathParameter.js';
import { RequestError } from './respond.js';

/** The level of `[base]/[type]/$export`: that of all patients, and no other type has one. */
export function typeLevel(request: HttpRequest): ExportLevel {
  if (!isNamed(request, 'Patient')) throw noSuchLevel();
  return { kind: 'patient' };
}

/** The level of `[base]/[type]/[id]/$export`: that of a group, and no other type has one. */
export function instanceLevel(request: HttpRequest): ExportLevel {
  if (!isNamed(request, 'Group')) throw noSuchLevel();
  const groupId = decoded(request.params['id'] ?? '');
  if (groupId === undefined || !isId(groupId)) {
    throw new RequestError(400, [
      errorIssue(
        'value',
        'The id of the Group must be 1 to 255 letters, digits and characters of -._~:@+=: [base]/Group/[id]/$export.',
        'Group.id',
      ),
    ]);
  }
  return { kind: 'group', groupId };
}

/** Whether the path names that type, in any case, as the host compares what a route spells out. */
function isNamed(request: HttpRequest, type: string): boolean {
  return decoded(request.params['type'] ?? '')?.toLowerCase() === type.toLowerCase();
}

function noSuchLevel(): RequestError {
  return new RequestError(400, [
    errorIssue(
      'not-supported',
      'This cannot be exported. There are [base]/$export, of everything, [base]/Patient/$export, of all patients, and [base]/Group/[id]/$export, of the members of a group; name types with _type.',
    ),
  ]);
}
