import type { ConfigurationOfJob, ContainerStamp } from '../records/job.js';

/** What a container's metadata say: what it holds, or will hold. */
export interface ContainerClaim {
  readonly stamp: ContainerStamp | undefined;
  /**
   * Jobs that have the stamp reserved, by the names of their outputs, and until when, in seconds since the epoch. With
   * some, the stamp binds while one of them lasts or the container has files; with none, for good.
   */
  readonly reservations: ReadonlyMap<string, number>;
}

/** All metadata of a container may have 8 KiB. */
export const MAX_RESERVATIONS = 100;

const CONTENT = 'fhirexportcontent';
const CONFIGURATION = 'fhirexportconfiguration';
const KEYS = 'fhirexportkeys';
const DOMAIN_PREFIX = 'fhirexportdomainprefix';
const RESERVED = 'fhirexportreserved';

/**
 * The stamp of a container that takes the files of a job.
 * @param domainPrefix of the pseudonyms that a service makes: with another one they do not fit
 */
export function stampOf(
  configuration: ConfigurationOfJob | undefined,
  hasRandomKeys: boolean,
  domainPrefix?: string,
): ContainerStamp {
  return configuration?.approval === undefined
    ? { content: 'raw' }
    : {
        content: 'deidentified',
        configurationDigest: configuration.digest,
        keys: hasRandomKeys ? 'random' : 'given',
        // A header takes no text of any form.
        ...(domainPrefix !== undefined && { domainPrefix: encodeURIComponent(domainPrefix) }),
      };
}

/** A claim as metadata, whose names are those of C# identifiers. */
export function toMetadata({ stamp, reservations }: ContainerClaim): Record<string, string> {
  if (stamp === undefined) return {};
  return {
    [CONTENT]: stamp.content,
    ...(stamp.content === 'deidentified'
      ? {
          [CONFIGURATION]: stamp.configurationDigest,
          [KEYS]: stamp.keys,
          ...(stamp.domainPrefix !== undefined && { [DOMAIN_PREFIX]: stamp.domainPrefix }),
        }
      : {}),
    ...(reservations.size === 0
      ? {}
      : { [RESERVED]: [...reservations].map(([name, until]) => `${name} ${until}`).join(',') }),
  };
}

/** The metadata of a container without a claim. */
export function withoutClaim(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).filter(
      ([name]) => ![CONTENT, CONFIGURATION, KEYS, DOMAIN_PREFIX, RESERVED].includes(name.toLowerCase()),
    ),
  );
}

/** The claim in a container's metadata; a stamp that cannot be read counts as `mixed`. */
export function readClaim(metadata: Readonly<Record<string, string>>): ContainerClaim {
  const known = new Map(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
  const reservations = [...(known.get(RESERVED) ?? '').matchAll(/([\w-]+) (\d{1,12})(?:,|$)/g)];
  return {
    stamp: readStamp(known),
    reservations: new Map(reservations.map(([, name = '', until]) => [name, Number(until)])),
  };
}

function readStamp(known: ReadonlyMap<string, string>): ContainerStamp | undefined {
  const content = known.get(CONTENT);
  if (content === undefined) return undefined;
  if (content === 'raw') return { content };
  const configurationDigest = known.get(CONFIGURATION);
  const keys = known.get(KEYS);
  const domainPrefix = known.get(DOMAIN_PREFIX);
  return content === 'deidentified' &&
    configurationDigest !== undefined &&
    (keys === 'random' || keys === 'given')
    ? { content, configurationDigest, keys, ...(domainPrefix !== undefined && { domainPrefix }) }
    : { content: 'mixed' };
}

/** Whether files of the one stamp may lie beside those of the other. */
export function stampFits(found: ContainerStamp, wanted: ContainerStamp): boolean {
  if (found.content === 'raw') return wanted.content === 'raw';
  return (
    found.content === 'deidentified' &&
    wanted.content === 'deidentified' &&
    wanted.configurationDigest === found.configurationDigest &&
    wanted.domainPrefix === found.domainPrefix
  );
}
