import type { ConfigurationOfJob } from '../job.js';

/** What a container holds, as its metadata tell: whoever gives a container away gives everything that is in it. */
export type ContainerStamp =
  | { content: 'raw' }
  | { content: 'deidentified'; configurationDigest: string; keys: 'random' | 'given' }
  /** More than one kind of data, or files of unknown origin: so for good. */
  | { content: 'mixed' };

const CONTENT = 'fhirexportcontent';
const CONFIGURATION = 'fhirexportconfiguration';
const KEYS = 'fhirexportkeys';

/** The stamp of a container that takes the files of a job. */
export function stampOf(
  configuration: ConfigurationOfJob | undefined,
  hasRandomKeys: boolean,
): ContainerStamp {
  return configuration?.approval === undefined
    ? { content: 'raw' }
    : {
        content: 'deidentified',
        configurationDigest: configuration.digest,
        keys: hasRandomKeys ? 'random' : 'given',
      };
}

/** A stamp as metadata, whose names are those of C# identifiers. */
export function toMetadata(stamp: ContainerStamp): Record<string, string> {
  return stamp.content === 'deidentified'
    ? { [CONTENT]: stamp.content, [CONFIGURATION]: stamp.configurationDigest, [KEYS]: stamp.keys }
    : { [CONTENT]: stamp.content };
}

/** The metadata of a container without a stamp. */
export function withoutStamp(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).filter(([name]) => ![CONTENT, CONFIGURATION, KEYS].includes(name.toLowerCase())),
  );
}

/** The stamp in a container's metadata; one that cannot be read counts as `mixed`. */
export function readStamp(metadata: Readonly<Record<string, string>>): ContainerStamp | undefined {
  const known = new Map(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
  const content = known.get(CONTENT);
  if (content === undefined) return undefined;
  if (content === 'raw') return { content };
  const configurationDigest = known.get(CONFIGURATION);
  const keys = known.get(KEYS);
  return content === 'deidentified' &&
    configurationDigest !== undefined &&
    (keys === 'random' || keys === 'given')
    ? { content, configurationDigest, keys }
    : { content: 'mixed' };
}

/** Why files of the one stamp may not lie beside those of the other, in words for the caller; `undefined`: they may. */
export function stampConflict(found: ContainerStamp, wanted: ContainerStamp): string | undefined {
  if (found.content === 'mixed') return 'it holds data of several kinds, or files of unknown origin';
  if (found.content === 'raw') {
    return wanted.content === 'raw' ? undefined : 'it holds raw exports, with identities';
  }
  if (wanted.content === 'raw') return 'it holds de-identified exports, and this one would have identities';
  if (wanted.content === 'deidentified' && wanted.configurationDigest === found.configurationDigest) {
    return undefined;
  }
  return `it holds exports that were de-identified by another configuration (${found.configurationDigest})`;
}
