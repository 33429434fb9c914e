import { type ExportForm, nextOf, textOf } from './jobs.js';
import { isObject, wordsIn } from './words.js';

/** A configuration that the app lists. */
export interface ListedConfiguration {
  /** Distinguishes it from all others of the list. */
  readonly key: string;
  readonly name: string;
  /** The image that it is in; absent: the container of configurations. */
  readonly collection?: string;
  /** Of this version: what a kick-off names beside it, so that it is the one that was listed. */
  readonly etag?: string;
  readonly collectionDigest?: string;
  readonly digest: string;
  readonly approval: string;
  /** Whether what it exports counts as de-identified by coverage or digest. */
  readonly isDeidentified: boolean;
}

/** What an export without a configuration has: what the default configuration of the app makes, raw data, or nothing. */
export type Unnamed =
  | { readonly exports: 'default'; readonly name: string; readonly collection?: string }
  | { readonly exports: 'raw' | 'nothing' };

/** What is to be chosen from, as far as it was read. */
export interface ConfigurationList {
  /** Absent: the app does not say. */
  readonly unnamed?: Unnamed;
  readonly listed: readonly ListedConfiguration[];
  /** What is not listed, and why. */
  readonly notes: readonly string[];
  /** Where it goes on. */
  readonly cursor?: string;
}

/** A page of the app's list of configurations. What is not as it should be is left out. */
export function readConfigurations(list: Record<string, unknown>): ConfigurationList {
  const entries = Array.isArray(list['configurations']) ? (list['configurations'] as unknown[]) : [];
  const listed = entries.flatMap((entry) => {
    const configuration = isObject(entry) ? readConfiguration(entry) : undefined;
    return configuration === undefined ? [] : [configuration];
  });
  const next = nextOf(list);
  const cursor = next === undefined ? undefined : new URL(next, 'http://host').searchParams.get('cursor');
  const unnamed = readUnnamed(list['unnamed']);
  return {
    listed,
    ...(unnamed === undefined ? {} : { unnamed }),
    notes: wordsIn(list['issue']),
    ...(typeof cursor === 'string' ? { cursor } : {}),
  };
}

function readUnnamed(unnamed: unknown): Unnamed | undefined {
  if (!isObject(unnamed)) return undefined;
  const { exports } = unnamed;
  if (exports === 'raw' || exports === 'nothing') return { exports };
  const name = textOf(unnamed['configuration']);
  if (exports !== 'default' || name === undefined) return undefined;
  const collection = textOf(unnamed['collectionReference']);
  return { exports, name, ...(collection === undefined ? {} : { collection }) };
}

function readConfiguration(entry: Record<string, unknown>): ListedConfiguration | undefined {
  // What a kick-off names goes back as it came.
  const text = (member: string): string | undefined => {
    const value = entry[member];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [name, collection] = [text('configuration'), text('collectionReference')];
  const [etag, collectionDigest] = [text('configurationEtag'), text('collectionDigest')];
  if (name === undefined) return undefined;
  return {
    key: JSON.stringify([name, collection]),
    name,
    ...(collection === undefined ? {} : { collection }),
    ...(etag === undefined ? {} : { etag }),
    ...(collectionDigest === undefined ? {} : { collectionDigest }),
    digest: textOf(entry['configurationDigest']) ?? '',
    approval: textOf(entry['configurationApproval']) ?? '',
    isDeidentified: entry['deidentified'] === true,
  };
}

/** What two pages have, the first one first. */
export function joined(first: ConfigurationList, second: ConfigurationList): ConfigurationList {
  const known = new Set(first.listed.map(({ key }) => key));
  return {
    listed: [...first.listed, ...second.listed.filter(({ key }) => !known.has(key))],
    ...(second.unnamed === undefined ? {} : { unnamed: second.unnamed }),
    notes: [...new Set([...first.notes, ...second.notes])],
    ...(second.cursor === undefined ? {} : { cursor: second.cursor }),
  };
}

/** A form that names a listed configuration, in the version that is listed. */
export function withConfiguration(
  form: ExportForm,
  { name, etag = '', collection = '', collectionDigest }: ListedConfiguration,
): ExportForm {
  const image = collection.replace(/:[^:/]*$/, '');
  return {
    ...form,
    configuration: name,
    etag,
    collection:
      collection === '' || collectionDigest === undefined ? collection : `${image}@${collectionDigest}`,
  };
}
