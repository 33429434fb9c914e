import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { type Element, serialize, type Resource } from './element.js';
import { converterTo } from './versions.js';

const BUFFERED_CHARACTERS = 512 * 1024;

/** Writes resources to one NDJSON file per type, as many as come, in the memory of a few. */
export class SampleWriter {
  /** Resources written, by type. */
  readonly counts = new Map<string, number>();
  readonly #files = new Map<string, { descriptor: number; text: string }>();
  /** Resources written in all. */
  count = 0;
  bytes = 0;

  readonly #convert: (resource: Element) => Element;

  constructor(
    readonly directory: string,
    version: FhirVersion,
  ) {
    this.#convert = converterTo(version);
    mkdirSync(directory, { recursive: true });
  }

  write(resource: Resource, lastUpdated: string): void {
    const { resourceType, id, ...rest } = resource;
    const meta = {
      versionId: '1',
      lastUpdated,
      source: `http://hospital.example.org/interfaces/${id.slice(0, 8)}`,
    };
    const file = this.#file(resourceType);
    file.text += `${serialize(this.#convert({ resourceType, id, meta, ...rest }))}\n`;
    if (file.text.length >= BUFFERED_CHARACTERS) this.#flush(file);
    this.count++;
    this.counts.set(resourceType, (this.counts.get(resourceType) ?? 0) + 1);
  }

  close(): void {
    for (const file of this.#files.values()) {
      this.#flush(file);
      closeSync(file.descriptor);
    }
  }

  #file(type: string): { descriptor: number; text: string } {
    const known = this.#files.get(type);
    if (known) return known;
    const file = { descriptor: openSync(join(this.directory, `${type}.ndjson`), 'w'), text: '' };
    this.#files.set(type, file);
    return file;
  }

  #flush(file: { descriptor: number; text: string }): void {
    const bytes = Buffer.from(file.text);
    for (let at = 0; at < bytes.length;) at += writeSync(file.descriptor, bytes, at);
    this.bytes += bytes.length;
    file.text = '';
  }
}
