import samples from 'console:samples';
import type * as node from '../../../functions/deid/configuration/samples.js';

/*
 * What `functions/deid/configuration/samples.ts` reads from files. Of samples for other FHIR versions than the worker's
 * there is the version alone: a configuration that extends one is refused.
 */

export const SAMPLE_NAMES: typeof node.SAMPLE_NAMES = Object.keys(samples);

export const sampleNamed: typeof node.sampleNamed = (name) =>
  Object.hasOwn(samples, name) ? samples[name] : undefined;
