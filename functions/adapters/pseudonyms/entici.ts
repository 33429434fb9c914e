import { ExportError } from '../../common/errors.js';
import type { PseudonymPair, PseudonymService } from '../../export/output/jobPseudonyms.js';
import { FHIR_JSON, parametersOf, textOf } from './fhirParameters.js';
import type { ServiceClient } from './serviceClient.js';

/** entici by its FHIR operation `$pseudonymize`, which takes one value. The domain is the system of its identifier. */
export function entici(client: ServiceClient): PseudonymService {
  return {
    batchSize: 1,
    async pseudonyms({ domain, entici: settings }, values) {
      if (settings === undefined) {
        throw new ExportError(
          'configuration-invalid',
          'entici needs a resource type: rules that pseudonymize must have the setting entici, such as {"resourceType": "Patient"}.',
        );
      }
      const { resourceType, project } = settings;
      const ask = async (value: string): Promise<PseudonymPair[]> => {
        const parameter = [
          { name: 'identifier', valueIdentifier: { system: domain, value } },
          { name: 'resourceType', valueCode: resourceType },
          ...(project === undefined ? [] : [{ name: 'project', valueString: project }]),
        ];
        const answer = await client.post({
          path: '/$pseudonymize',
          contentType: FHIR_JSON,
          body: { resourceType: 'Parameters', parameter },
          domain,
        });
        const found = parametersOf(answer).filter(({ name }) => name === 'pseudonym');
        return found.flatMap((each): PseudonymPair[] => {
          const pseudonym = textOf(each);
          return pseudonym === undefined ? [] : [[value, pseudonym]];
        });
      };
      return (await Promise.all(values.map(ask))).flat();
    },
  };
}
