import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceOptions } from '../../../local/source/settings.js';
import { startSource, type RunningSource } from '../../../local/source/source.js';

/** A resource's JSON text; `rest` is put behind its `meta`. */
export function resource(type: string, id: string, lastUpdated?: string, rest = ''): string {
  const meta = lastUpdated === undefined ? '' : `,"meta":{"lastUpdated":"${lastUpdated}"}`;
  return `{"resourceType":"${type}","id":"${id}"${meta}${rest}}`;
}

/** Serves files of these texts while `run` runs. */
export async function serving<T>(
  files: Record<string, readonly string[] | string>,
  options: Partial<SourceOptions>,
  run: (source: RunningSource) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'source-'));
  for (const [type, lines] of Object.entries(files)) {
    const text = typeof lines === 'string' ? lines : lines.map((line) => `${line}\n`).join('');
    writeFileSync(join(directory, `${type}.ndjson`), text);
  }
  try {
    const source = await startSource({ directory, ...options });
    try {
      return await run(source);
    } finally {
      await source.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Bundle {
  resourceType: string;
  total?: number;
  link: { relation: string; url: string }[];
  entry?: { fullUrl?: string; resource: { resourceType: string; id: string }; search: { mode: string } }[];
  issue?: { code: string; diagnostics: string }[];
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** The body, if it is JSON. */
  body: Bundle;
}

export async function ask(url: string, init?: RequestInit): Promise<Reply> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(text) };
}

function parse(text: string): Bundle {
  const none = { resourceType: '', link: [] };
  return text.startsWith('{') && text.endsWith('}') ? Object.assign(none, JSON.parse(text)) : none;
}

export function link(reply: Reply, relation: string): string | undefined {
  return reply.body.link.find((other) => other.relation === relation)?.url;
}

export function ids(reply: Reply): string[] {
  return (reply.body.entry ?? []).map((entry) => entry.resource.id);
}

/** Follows the next links; `between` is called before each of them is. */
export async function allIds(url: string, between?: (page: number) => void): Promise<string[]> {
  const found: string[] = [];
  let next: string | undefined = url;
  for (let page = 1; next !== undefined; page++) {
    const reply: Reply = await ask(next);
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
    found.push(...ids(reply));
    next = link(reply, 'next');
    if (next !== undefined) between?.(page);
  }
  return found;
}
