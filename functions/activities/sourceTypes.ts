import { ExportError } from '../common/errors.js';
import { refusalWithoutPatient } from '../export/plan/patientPlan.js';
import type { JobRequest } from '../export/records/job.js';
import {
  type Capabilities,
  readCapabilitiesAnswer,
  UNKNOWN_CAPABILITIES,
} from '../export/source/capabilities.js';
import { mayTry } from '../export/source/refusals.js';
import type { Source } from '../export/source/source.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import type { Settings } from '../settings/settings.js';
import type { Planning } from './plan/planning.js';

/** Attachments of other resources, as large as files are: exported where it is asked for. */
export const BINARY = 'Binary';

/** The types that the source says it can be searched for, of those that a job may export. */
export function listedTypes(
  { searchableTypes }: Capabilities,
  { permittedTypes }: JobRequest,
  isResourceType: (type: string) => boolean,
): string[] {
  return searchableTypes.filter((type) => isResourceType(type) && (permittedTypes?.includes(type) ?? true));
}

/** The types that are asked for, or those that the source can be searched for. */
export function typesOf({ types, permittedTypes }: JobRequest, listed: readonly string[]): readonly string[] {
  const asked = types ?? listed.filter((type) => type !== BINARY);
  if (asked.length > 0) return asked;
  throw permittedTypes === undefined
    ? new ExportError(
        'source-refused',
        'The CapabilityStatement of the source names no resource type that can be searched. Name the types to export with _type.',
      )
    : new ExportError(
        'forbidden',
        'The source can be searched for none of the types that the token permits. Get a token for other types.',
      );
}

/** What the source says of itself, and its clock. One that refuses to say may still be asked for types by name. */
export async function readSource(
  settings: Settings,
  source: Source,
  asked: JobRequest,
): Promise<Pick<Planning, 'capabilities'> & { date: number | undefined }> {
  const [type] = asked.types ?? [];
  try {
    const answer = await source.capabilities();
    return { capabilities: readCapabilitiesAnswer(answer, settings.fhirVersion), date: answer.date };
  } catch (error) {
    if (type === undefined || !mayTry('leave out', error)) throw error;
    return { capabilities: UNKNOWN_CAPABILITIES, date: await dateOf(settings, source, asked, type) };
  }
}

/** The source's clock, by a search, or by what can be read of a source that refuses that without a patient. */
async function dateOf(
  settings: Settings,
  source: Source,
  { level, patients = [], types = [] }: JobRequest,
  type: string,
): Promise<number | undefined> {
  try {
    return (await source.search(type, [['_count', '1']])).date;
  } catch (error) {
    const [patient] = patients;
    if (!mayTry('leave out', error)) throw error;
    if (level.kind === 'group') return (await source.read('Group', level.groupId))?.date;
    if (patient === undefined)
      throw (await refusalWithoutPatient(source, inCompartment(settings, types))) ?? error;
    return (await source.read('Patient', patient))?.date;
  }
}

export function inCompartment({ fhirVersion }: Settings, types: readonly string[]): string[] {
  return types.filter((type) => patientCompartment(fhirVersion).has(type));
}
