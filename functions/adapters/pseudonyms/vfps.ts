import { isRecord } from '../../common/isRecord.js';
import type { PseudonymService } from '../../export/output/jobPseudonyms.js';
import type { ServiceClient } from './serviceClient.js';

/**
 * Vfps by its REST interface. It takes one value in a request, as its gRPC interface does, so gRPC would need a library
 * and save no request: many requests are made at a time instead.
 */
export function vfps(client: ServiceClient): PseudonymService {
  return {
    batchSize: 1,
    pseudonyms: ({ domain }, values) =>
      Promise.all(
        values.map(async (value) => {
          const answer = await client.post({
            path: `/v1/namespaces/${encodeURIComponent(domain)}/pseudonyms`,
            contentType: 'application/json',
            body: { originalValue: value },
            domain,
          });
          const pseudonym = isRecord(answer) ? answer['pseudonym'] : undefined;
          const { originalValue = value, pseudonymValue } = isRecord(pseudonym) ? pseudonym : {};
          return typeof originalValue === 'string' && typeof pseudonymValue === 'string'
            ? ([[originalValue, pseudonymValue]] as const)
            : [];
        }),
      ).then((pairs) => pairs.flat()),
  };
}
