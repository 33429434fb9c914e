/** An image or artifact in a registry: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md */
export interface OciReference {
  /** As it was given. */
  text: string;
  /** Host in lower case, with its port where that is not 443. */
  registry: string;
  /** Name of the image in the registry, of one or more segments. */
  repository: string;
  /** What is asked for: a tag or a digest. */
  version: string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REPOSITORY =
  /^(?=.{1,255}$)[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;
const EXAMPLE = 'such as contoso.azurecr.io/anonymization/configurations:2026-01';

/** Whether a text is a digest as registries write them; only SHA-256 is taken. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** `host` or `host:port` in the one form in which registries are compared; `undefined` where it is neither. */
export function readRegistryHost(text: string): string | undefined {
  if (!HOST.test(text) || !URL.canParse(`https://${text}`)) return undefined;
  // The URL's host is in lower case and without the port 443.
  return new URL(`https://${text}`).host;
}

/** Whether a text is the name of an image within a registry. */
export function isRepository(text: string): boolean {
  return REPOSITORY.test(text);
}

/** Whether a text is a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * Reads `registry/image:tag` or `registry/image@sha256:…`. There is no default registry and no default tag:
 * what a job used has to be known.
 */
export function readOciReference(text: string): { reference: OciReference } | { problem: string } {
  if (/^\w+:\/\//.test(text)) {
    return { problem: 'must begin with the host of the registry, without https:// or the like' };
  }
  const slash = text.indexOf('/');
  const registry = slash < 0 ? undefined : readRegistryHost(text.slice(0, slash));
  // As the clients of registries distinguish a host from the first segment of a name.
  if (registry === undefined || !/[.:]|^localhost$/i.test(text.slice(0, slash))) {
    return { problem: `must begin with the host of the registry, ${EXAMPLE}` };
  }
  const rest = text.slice(slash + 1);
  const [name = '', digest, ...more] = rest.split('@');
  const colon = name.lastIndexOf(':');
  const repository = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  if (!REPOSITORY.test(repository)) {
    return {
      problem: `has no legal image name: lowercase letters, digits and . _ - in segments, ${EXAMPLE}`,
    };
  }
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) {
    return { problem: 'has no legal digest: @sha256: and 64 lowercase hexadecimal digits' };
  }
  if (tag !== undefined && digest !== undefined) {
    return { problem: 'has a tag and a digest: give one of them; the digest is the one that cannot change' };
  }
  if (tag !== undefined && !isTag(tag)) {
    return { problem: 'has no legal tag: letters, digits and . _ -, at most 128' };
  }
  const version = digest ?? tag;
  if (version === undefined) {
    return {
      problem:
        'has neither tag nor digest. "latest" is not assumed: add the tag you mean (:tag), or the digest (@sha256:…)',
    };
  }
  return { reference: { text, registry, repository, version } };
}
