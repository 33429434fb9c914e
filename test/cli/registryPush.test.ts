import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationImages } from '../../functions/adapters/configurationImages.js';
import { readOciReference } from '../../functions/export/request/ociReference.js';
import { pushArtifact } from '../../cli/config/registryPush.js';
import { TestRegistry } from '../adapters/registry/testRegistry.js';

const USER = { username: 'officer', password: 'password' };
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.stop());
beforeEach(() => registry.reset());

describe('what is pushed can be read, by tag and by digest,', () => {
  it.each([
    ['anonymously', { kind: 'anonymous' }],
    ['with a user and password', { kind: 'basic', ...USER }],
    ['with a token of the registry', { kind: 'bearer', ...USER }],
    ['with an identity', { kind: 'azure', entraToken: 'token' }],
  ] as const)('%s', async (_name, authentication) => {
    registry.authentication = authentication;
    const token = { token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 };
    const images = new ConfigurationImages(
      {
        hosts: new Set([registry.host]),
        repositories: new Set(),
        credentials: new Map('username' in authentication ? [[registry.host, USER]] : []),
        clientId: undefined,
        ca: registry.ca,
      },
      () =>
        authentication.kind === 'azure'
          ? { name: 'the identity', credential: { getToken: async () => token } }
          : undefined,
    );
    const name = `${registry.host}/privacy/team/configs`;
    const read = async (text: string): Promise<unknown> => {
      const parsed = readOciReference(text);
      if ('problem' in parsed) throw new Error(parsed.problem);
      return images.read(parsed.reference, 'safe/a.json');
    };
    const parsed = readOciReference(`${name}:v1`);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const { reference } = parsed;
    const content = Buffer.from('{"fhirPathRules":[]}');
    const digest = await pushArtifact(
      images.repository(reference),
      reference,
      'safe/a.json',
      content,
      'application/json',
    );
    await expect(read(`${name}:v1`)).resolves.toEqual({ text: content.toString(), digest });
    await expect(read(`${name}@${digest}`)).resolves.toEqual({ text: content.toString(), digest });
    expect([...(await (await images.open(reference)).list())]).toEqual([['safe/a.json', content.length]]);
  });
});
