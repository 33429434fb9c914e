import type { Manifest } from '../../cli/export/exportClient.js';
import { Client } from 'fhir-kit-client';
import smart from 'fhirclient';

/** `''` is the whole source. */
export type Level = '' | 'Patient' | `Group/${string}`;

/** What a client got. */
export interface Exported {
  manifest: Manifest;
  /** Texts of the files, in the order of the manifest. */
  files: string[];
}

/** A FHIR client that npm has, and how it exports, in what its own interface offers. */
interface ClientUnderTest {
  name: string;
  /** The first major version of Node that it can be loaded in. */
  needsNode?: number;
  run: (baseUrl: string, token: string, level: Level) => Promise<Exported>;
}

const wait = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1000));

async function downloadAll(
  manifest: Manifest,
  download: (url: string) => Promise<string>,
): Promise<Exported> {
  const files: string[] = [];
  for (const { url } of [...manifest.output, ...manifest.error]) files.push(await download(url));
  return { manifest, files };
}

export const CLIENTS: readonly ClientUnderTest[] = [
  {
    name: 'fhirclient 2.6.3',
    async run(serverUrl, token, level) {
      // Outside of a browser it takes request, response and session of a web framework; an export needs none of them.
      const api = smart(
        ...([{ url: '/', headers: {}, socket: {}, session: {} }, {}] as unknown as Parameters<typeof smart>),
      );
      const client = api.client({ serverUrl, tokenResponse: { access_token: token } });
      const started = await client.request<{ response: Response }>({
        url: level === '' ? '$export' : `${level}/$export`,
        headers: { prefer: 'respond-async' },
        includeResponse: true,
      });
      const statusUrl = started.response.headers.get('content-location') ?? '';
      for (;;) {
        const { response, body } = await client.request<{ response: Response; body: Manifest }>({
          url: statusUrl,
          includeResponse: true,
        });
        if (response.status === 200) {
          return downloadAll(body, async (url) => (await client.request<Response>(url)).text());
        }
        await wait(Number(response.headers.get('retry-after')));
      }
    },
  },
  {
    name: 'fhir-kit-client 2.0.3',
    async run(baseUrl, token, level) {
      const client = new Client({ baseUrl });
      client.bearerToken = token;
      const [resourceType, id] = level.split('/');
      const started = await client.operation({
        name: 'export',
        method: 'GET',
        ...(resourceType === '' ? {} : { resourceType }),
        ...(id === undefined ? {} : { id }),
        options: { headers: { prefer: 'respond-async' } },
      });
      const statusUrl = Client.httpFor(started).response?.headers.get('content-location') ?? '';
      for (;;) {
        const answer = await client.request(statusUrl);
        const { response } = Client.httpFor(answer);
        if (response?.status === 200) {
          // It parses what it reads as one JSON text, so files are downloaded without it.
          return downloadAll(answer as unknown as Manifest, async (url) => {
            const file = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
            return file.text();
          });
        }
        await wait(Number(response?.headers.get('retry-after')));
      }
    },
  },
  {
    name: '@medplum/core 5.2.13',
    needsNode: 22,
    async run(baseUrl, token, level) {
      const { MedplumClient } = await import('@medplum/core');
      const client = new MedplumClient({
        baseUrl: baseUrl.replace(/fhir$/, ''),
        fhirUrlPath: 'fhir',
        fetch,
        accessToken: token,
      });
      const manifest = await client.bulkExport(level, undefined, undefined, {
        pollStatusOnAccepted: true,
        // It waits as long as this says, not as long as Retry-After.
        pollStatusPeriod: 1000,
      });
      return downloadAll(manifest as unknown as Manifest, async (url) => (await client.download(url)).text());
    },
  },
];
