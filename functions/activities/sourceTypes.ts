import { ExportError } from '../common/errors.js';
import { refusalWithoutPatient } from '../export/plan/patientPlan.js';
import type { JobRequest } from '../export/records/job.js';
import { type Capabilities, readCapabilities, UNKNOWN_CAPABILITIES } from '../export/source/capabilities.js';
import { mayTry } from '../export/source/refusals.js';
import type { Source } from '../export/source/source.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import { parseJson } from '../json/json.js';
import { decodeUtf8 } from '../json/utf8.js';
import type { Settings } from '../settings/settings.js';
import type { Planning } from './planning.js';

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
    const { body, date } = await source.capabilities();
    return { capabilities: readCapabilities(parseCapabilities(body), settings.fhirVersion), date };
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

function parseCapabilities(body: Buffer): ReturnType<typeof parseJson> {
  try {
    return parseJson(decodeUtf8(body));
  } catch {
    throw new ExportError('source-not-fhir', 'The CapabilityStatement of the source is not JSON.', true);
  }
}
