import type { PseudonymPair, PseudonymService } from '../../export/output/jobPseudonyms.js';
import type { ServiceClient } from './serviceClient.js';
import { FHIR_JSON, partsOf, parametersOf, textOf } from './fhirParameters.js';

const OPERATIONS = {
  '1.10.2': '/$pseudonymize-allow-create',
  '1.10.3': '/$pseudonymizeAllowCreate',
} as const;

/**
 * gPAS by its FHIR gateway: `target` is the domain, `original` is given once for each value; the answer has a parameter
 * for each, with the parts `original` and `pseudonym`. https://simplifier.net/guide/ttp-fhir-gateway-ig
 */
export function gpas(
  client: ServiceClient,
  version: keyof typeof OPERATIONS,
  batchSize: number,
): PseudonymService {
  return {
    batchSize,
    async pseudonyms({ domain }, values) {
      const parameter = [
        { name: 'target', valueString: domain },
        ...values.map((value) => ({ name: 'original', valueString: value })),
      ];
      const answer = await client.post({
        path: OPERATIONS[version],
        contentType: FHIR_JSON,
        body: { resourceType: 'Parameters', parameter },
        domain,
      });
      return parametersOf(answer).flatMap((found): PseudonymPair[] => {
        const [original, pseudonym] = [
          textOf(partsOf(found).get('original')),
          textOf(partsOf(found).get('pseudonym')),
        ];
        return original === undefined || pseudonym === undefined ? [] : [[original, pseudonym]];
      });
    },
  };
}
