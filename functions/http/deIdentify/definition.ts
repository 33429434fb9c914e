import { RELEASED, VERSION } from '../../common/version.js';
import type { HttpDependencies } from '../dependencies.js';
import type { Handler } from '../handler.js';
import { baseUrlOf } from '../publicUrls.js';

/** Path of the definition below the FHIR base. */
export const DEFINITION_PATH = 'OperationDefinition/de-identify';

const PARAMETERS = [
  ['resource', 'in', 1, 'Resource', 'The resource, which may be a Bundle.'],
  [
    '_anonymizationConfig',
    'in',
    0,
    'string',
    'Name of a configuration; the default one of this server without.',
  ],
  ['_anonymizationConfigCollectionReference', 'in', 0, 'string', 'Image that holds the configuration.'],
  ['configuration', 'in', 0, 'string', 'A configuration itself, instead of a name: its keys are random.'],
  ['return', 'out', 1, 'Resource', 'The resource, de-identified.'],
] as const;

/** The OperationDefinition that the CapabilityStatement names: https://hl7.org/fhir/R4/operationdefinition.html */
export function definition({ settings }: Pick<HttpDependencies, 'settings'>): Handler {
  return async (request) => ({
    status: 200,
    headers: { 'content-type': 'application/fhir+json; charset=utf-8' },
    body: JSON.stringify({
      resourceType: 'OperationDefinition',
      id: 'de-identify',
      url: `${baseUrlOf(request, settings)}/${DEFINITION_PATH}`,
      version: VERSION,
      name: 'DeIdentify',
      status: 'active',
      kind: 'operation',
      date: RELEASED,
      description: 'Answers with the de-identified form of a resource. Nothing is stored.',
      ...(settings.fhirVersion === 'STU3' ? { idempotent: false } : { affectsState: false }),
      code: 'de-identify',
      system: true,
      type: false,
      instance: false,
      parameter: PARAMETERS.map(([name, use, min, type, documentation]) => ({
        name,
        use,
        min,
        max: '1',
        documentation,
        type,
      })),
    }),
  });
}
