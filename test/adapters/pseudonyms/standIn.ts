import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { madePseudonym } from '../../deid/shared.js';

/** What a stand-in does wrong with a request; the next one is served as it should be, but for what stays. */
export interface Fault {
  status?: number;
  headers?: Record<string, string>;
  /** Milliseconds until it answers. */
  delay?: number;
  /** In the place of JSON. */
  text?: string;
  cuts?: true;
  /** What becomes of its answer. */
  change?: (pairs: Pair[]) => Pair[];
}

type Pair = [value: string, pseudonym: string];

/** A request as a service got it. */
export interface Seen {
  path: string;
  body: unknown;
  values: string[];
  authorization: string | undefined;
  contentType: string | undefined;
}

interface Parameter {
  name: string;
  valueString?: string;
  valueCode?: string;
  valueIdentifier?: { system: string; value: string };
}

/** The services gPAS, Vfps and entici, as their documentation has them, with faults on demand. */
export class StandIn {
  readonly seen: Seen[] = [];
  /** For the next requests, in their order. */
  faults: Fault[] = [];
  /** For every request that has no fault of its own. */
  always: Fault = {};
  /** The header that requests need. */
  authorization: string | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = decodeURIComponent(request.url ?? '');
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const { authorization, 'content-type': contentType } = request.headers;
    const { values, made } = answerTo(path, body);
    this.seen.push({ path, body, values, authorization, contentType });
    const fault = this.faults.shift() ?? this.always;
    if (fault.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delay));
    if (fault.cuts === true) return void request.socket.destroy();
    const isDenied = this.authorization !== undefined && authorization !== this.authorization;
    const status = isDenied ? 401 : (fault.status ?? 200);
    response.writeHead(status, { 'content-type': contentType, ...fault.headers });
    const isServed = status === 200 || status === 201;
    // What a service says of an error may hold the value.
    response.end(fault.text ?? JSON.stringify(isServed ? made(fault.change) : { error: values, body }));
  }
}

function answerTo(path: string, body: Record<string, unknown>) {
  const parameters = (body['parameter'] ?? []) as Parameter[];
  const [, namespace] = /^\/v1\/namespaces\/(.*)\/pseudonyms$/s.exec(path) ?? [];
  if (namespace !== undefined) {
    const value = body['originalValue'] as string;
    return answer({ domain: namespace }, [value], ([pair]) =>
      pair === undefined ? {} : { pseudonym: { namespace, originalValue: pair[0], pseudonymValue: pair[1] } },
    );
  }
  const one = (name: string): Parameter | undefined =>
    parameters.find((parameter) => parameter.name === name);
  if (path === '/$pseudonymize') {
    const { system = '', value = '' } = one('identifier')?.valueIdentifier ?? {};
    const entici = {
      resourceType: one('resourceType')?.valueCode ?? '',
      project: one('project')?.valueString,
    };
    return answer({ domain: system, entici }, [value], (pairs) => ({
      resourceType: 'Parameters',
      parameter: pairs.map(([, pseudonym]) => ({
        name: 'pseudonym',
        valueIdentifier: { use: 'secondary', system, value: pseudonym },
      })),
    }));
  }
  const originals = parameters
    .filter(({ name }) => name === 'original')
    .map(({ valueString = '' }) => valueString);
  const domain = one('target')?.valueString ?? '';
  const isOld = path === '/$pseudonymize-allow-create';
  const typed = (value: string): object =>
    isOld ? { valueString: value } : { valueIdentifier: { system: 'https://ths-greifswald.de/gpas', value } };
  return answer({ domain }, originals, (pairs) => ({
    resourceType: 'Parameters',
    parameter: pairs.map(([original, pseudonym]) => ({
      name: 'pseudonym',
      part: [
        { name: 'original', ...typed(original) },
        { name: 'target', ...typed(domain) },
        { name: 'pseudonym', ...typed(pseudonym) },
      ],
    })),
  }));
}

function answer(
  domain: Parameters<typeof madePseudonym>[0],
  values: string[],
  written: (pairs: Pair[]) => object,
): { values: string[]; made: (change?: Fault['change']) => object } {
  return {
    values,
    made: (change = (pairs) => pairs) =>
      written(change(values.map((value): Pair => [value, madePseudonym(domain, value)]))),
  };
}
