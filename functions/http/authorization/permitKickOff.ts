import {
  type AuthorizationSettings,
  DEFAULT_FILTER_PARAMETERS,
  DEFAULT_MIN_PATIENTS,
} from '../../settings/authorizationSettings.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import type { JobRequest } from '../../export/records/job.js';
import type { KickOff } from '../../export/request/kickOff.js';
import { type SearchLimits, searchLimitIssues } from '../../export/request/searchLimits.js';
import { RequestError } from '../respond.js';
import { type Caller, permittedTypes, requireRaw, requireTypes, UNKNOWN_CALLER } from './caller.js';

type Permitted = Pick<JobRequest, 'owner' | 'permittedTypes' | 'minPatients' | 'isGroupHidden' | 'notes'>;

/**
 * Checks what a kick-off asks for against what its caller may have, and returns whose the job is and what it is narrowed
 * to.
 * @throws RequestError 403 that names the permission that is missing
 */
export function permitKickOff(
  kickOff: KickOff,
  caller: Caller,
  settings: AuthorizationSettings,
  fhirVersion: FhirVersion,
): Permitted {
  if (kickOff.configuration === undefined) requireRaw(caller);
  const { types: asked = [], typeFilters } = kickOff;
  requireTypes(caller, [...new Set([...asked, ...typeFilters.map(({ type }) => type)])]);
  const limits = searchLimitsOf(caller, settings, fhirVersion);
  const raw =
    (caller.kind === 'known' ? caller.rawPermission : undefined) ?? 'the permission for raw exports';
  const issues = searchLimitIssues(kickOff, limits, raw);
  if (issues.length > 0) throw new RequestError(403, issues);
  const types = kickOff.types === undefined ? permittedTypes(caller) : undefined;
  return {
    ...(caller.kind === 'known' ? { owner: caller.owner } : {}),
    ...(types === undefined ? {} : { permittedTypes: types }),
    minPatients: limits.minPatients,
    ...(mayKnowGroups(caller, limits) ? {} : { isGroupHidden: true }),
    notes:
      types === undefined
        ? []
        : [
            `The export is narrowed to what the token permits: ${types.join(', ')}. Other types were not read.`,
          ],
  };
}

/**
 * Whether a caller may learn which groups there are: who may ask for single patients, or has a permission for groups by
 * name. One for all types says nothing of groups, which may be of one person.
 */
export function mayKnowGroups(caller: Caller, { allowsPatients }: SearchLimits): boolean {
  if (allowsPatients || caller.kind === 'unknown') return allowsPatients;
  const { types } = caller.permissions;
  return types !== 'all' && types.has('Group');
}

/** Callers who are all alike are limited only where the settings say so. */
export function searchLimitsOf(
  caller: Caller,
  settings: AuthorizationSettings,
  fhirVersion: FhirVersion,
): SearchLimits {
  const { filterParameters, minPatients } = settings;
  const compartment = new Set(patientCompartment(fhirVersion).keys());
  if (caller.kind === 'unknown') {
    const isLimited = filterParameters !== undefined || (minPatients ?? 0) > 0;
    return {
      filterParameters,
      filterTypes: isLimited ? compartment : undefined,
      allowsPatients: !isLimited,
      minPatients: minPatients ?? 0,
    };
  }
  const { raw, types } = caller.permissions;
  return {
    // A chain asks about types that the caller may not see, whatever else is permitted.
    filterParameters:
      raw && types === 'all' ? undefined : (filterParameters ?? new Set(DEFAULT_FILTER_PARAMETERS)),
    filterTypes: raw ? undefined : compartment,
    allowsPatients: raw,
    minPatients: raw ? 0 : (minPatients ?? DEFAULT_MIN_PATIENTS),
  };
}

/** What every caller may do who may export: with the least of permissions, where callers are distinguished. */
export function leastLimits(settings: AuthorizationSettings, fhirVersion: FhirVersion): SearchLimits {
  const { method } = settings.authentication;
  const isDistinguished = method === 'entra' || method === 'smart';
  return searchLimitsOf(isDistinguished ? LEAST : UNKNOWN_CALLER, settings, fhirVersion);
}

const LEAST: Caller = {
  kind: 'known',
  owner: '',
  permissions: { types: 'all', raw: false },
  rawPermission: undefined,
};
