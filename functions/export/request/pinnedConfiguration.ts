import { createHash, createHmac } from 'node:crypto';
import { keyParameters, type KeyParameters } from '../../deid/configuration/keys.js';

/** SHA-256 of a configuration's text, as a registry writes digests. */
export function configurationDigest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/**
 * Says, within one job, whether the pseudonym service is still that of the kick-off. Keyed with the job's secret, as the
 * digest of keys is.
 * @param identity of the service: a secret
 */
export function pseudonymsDigest(identity: string, jobSecret: Uint8Array): string {
  return createHmac('sha256', jobSecret).update(`pseudonyms ${identity}`).digest('hex');
}

/**
 * Says, within one job, whether the keys of a configuration are still those of the kick-off: keys that are only
 * named in it may be rotated while the job runs, and half of its files would not fit the others. Keyed with the
 * job's secret, so that it discloses nothing once that is destroyed.
 */
export function keysDigest(
  { parameters }: { readonly parameters: KeyParameters },
  jobSecret: Uint8Array,
): string {
  return createHmac('sha256', jobSecret)
    .update(JSON.stringify(Object.values(keyParameters(parameters))))
    .digest('hex');
}
