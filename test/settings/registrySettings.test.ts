import { describe, expect, it } from 'vitest';
import { isTrusted } from '../../functions/settings/registrySettings.js';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';

function read(more: Record<string, string>): ReturnType<typeof readSettings>['registries'] {
  return readSettings({ ...REQUIRED_SETTINGS, ...more }).registries;
}

describe('the settings of registries', () => {
  it('allow none unless set', () => {
    expect(read({})).toEqual({
      hosts: new Set(),
      repositories: new Set(),
      credentials: new Map(),
      clientId: undefined,
      ca: undefined,
    });
  });

  it('take hosts in one form', () => {
    const { hosts } = read({ ANONYMIZATION_REGISTRIES: ' Contoso.azurecr.io, r.example.org:5000,,' });
    expect([...hosts]).toEqual(['contoso.azurecr.io', 'r.example.org:5000']);
  });

  it('take repositories, beside which nothing else of their registry is read', () => {
    const registries = read({
      ANONYMIZATION_REGISTRIES:
        'Contoso.azurecr.io/anonymization/approved, contoso.azurecr.io, r.example.org',
    });
    expect([...registries.hosts]).toEqual(['contoso.azurecr.io', 'r.example.org']);
    expect(
      [
        { registry: 'contoso.azurecr.io', repository: 'anonymization/approved' },
        { registry: 'contoso.azurecr.io', repository: 'anonymization/approved/more' },
        { registry: 'contoso.azurecr.io', repository: 'anonymization' },
        { registry: 'r.example.org', repository: 'anything' },
        { registry: 'other.example.org', repository: 'anonymization/approved' },
      ].map((image) => isTrusted(registries, image)),
    ).toEqual([true, false, false, true, false]);
  });

  it('take what docker login writes', () => {
    const auths = {
      'r.example.org:5000': { auth: Buffer.from('reader:pass:word').toString('base64') },
      'https://other.example.org/v1/': { username: 'a', password: 'b' },
      'in-a-store.example.org': {},
    };
    const { credentials } = read({
      ANONYMIZATION_REGISTRY_CREDENTIALS: JSON.stringify({ auths, credsStore: 'desktop' }),
    });
    expect([...credentials]).toEqual([
      ['r.example.org:5000', { username: 'reader', password: 'pass:word' }],
      ['other.example.org', { username: 'a', password: 'b' }],
    ]);
  });

  it.each([
    ['ANONYMIZATION_REGISTRIES', 'https://hunter2.example.org'],
    ['ANONYMIZATION_REGISTRIES', 'hunter2.example.org/image:tag'],
    ['ANONYMIZATION_REGISTRIES', 'hunter2.example.org/'],
    ['ANONYMIZATION_REGISTRIES', 'hunter2.example.org/Upper'],
    ['ANONYMIZATION_REGISTRIES', 'hunter2.example.org *'],
    ['ANONYMIZATION_REGISTRY_CREDENTIALS', 'hunter2'],
    ['ANONYMIZATION_REGISTRY_CREDENTIALS', '{"hunter2":1}'],
    ['ANONYMIZATION_REGISTRY_CREDENTIALS', '{"auths":{"a b":{"auth":"hunter2"}}}'],
    ['ANONYMIZATION_REGISTRY_CLIENT_ID', 'hunter2 and more'],
    ['ANONYMIZATION_REGISTRY_CA', '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----'],
    ['ANONYMIZATION_REGISTRY_CA', 'hunter2'],
  ])('name %s where it is wrong, and never quote its value', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(name);
    expect(() => read({ [name]: value })).not.toThrow(/hunter2/);
  });
});
