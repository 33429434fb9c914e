import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOciReference, readRegistryHost } from '../../../functions/export/request/ociReference.js';
import { randomly, SEED } from '../../random.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('a reference is read', () => {
  it.each([
    ['contoso.azurecr.io/configs:v1', 'contoso.azurecr.io', 'configs', 'v1'],
    ['Contoso.AzureCR.io/a/b-c/d_e.f:V1.0-x_y', 'contoso.azurecr.io', 'a/b-c/d_e.f', 'V1.0-x_y'],
    [`r.example.org:5000/a/b@${DIGEST}`, 'r.example.org:5000', 'a/b', DIGEST],
    ['r.example.org:443/a:v1', 'r.example.org', 'a', 'v1'],
    ['localhost/a:v1', 'localhost', 'a', 'v1'],
    ['127.0.0.1:5000/a:5', '127.0.0.1:5000', 'a', '5'],
    ['[::1]:5000/a:v1', '[::1]:5000', 'a', 'v1'],
  ])('%s', (text, registry, repository, version) => {
    expect(readOciReference(text)).toEqual({ reference: { text, registry, repository, version } });
  });
});

describe('a reference is refused', () => {
  it.each([
    ['r.example.org/a', /neither tag nor digest.*"latest" is not assumed/],
    ['r.example.org:5000/a', /neither tag nor digest/],
    [`r.example.org/a:v1@${DIGEST}`, /a tag and a digest/],
    ['r.example.org/a@sha256:abc', /no legal digest/],
    [`r.example.org/a@${DIGEST.toUpperCase()}`, /no legal digest/],
    [`r.example.org/a@${DIGEST}@${DIGEST}`, /no legal digest/],
    ['r.example.org/a:', /no legal tag/],
    ['r.example.org/a:.x', /no legal tag/],
    [`r.example.org/a:${'x'.repeat(129)}`, /no legal tag/],
    ['r.example.org/A:v1', /no legal image name/],
    ['r.example.org/a//b:v1', /no legal image name/],
    ['r.example.org/../b:v1', /no legal image name/],
    ['r.example.org/a/%2e%2e:v1', /no legal image name/],
    [`r.example.org/${'a'.repeat(256)}:v1`, /no legal image name/],
    ['r.example.org/:v1', /no legal image name/],
    ['a:v1', /must begin with the host/],
    ['a/b:v1', /must begin with the host/],
    ['https://r.example.org/a:v1', /without https/],
    ['user:password@r.example.org/a:v1', /must begin with the host/],
    ['r.example.org:99999/a:v1', /must begin with the host/],
    ['r.example.org?/a:v1', /must begin with the host/],
    ['r.exämple.org/a:v1', /must begin with the host/],
    ['', /must begin with the host/],
  ])('%s', (text, words) => {
    expect(readOciReference(text)).toEqual({ problem: expect.stringMatching(words) as string });
  });
});

it(`whatever is read leads to its host and stays below its image name (TEST_SEED=${SEED})`, () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '.',
    '..',
    '/',
    ':',
    '@',
    '%2f',
    '?',
    '#',
    '\\',
    '_',
    '-',
    '[',
    ']',
    ' ',
    '\t',
    DIGEST,
    'r.io',
    '5000',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const read = readOciReference(pieces.join(''));
      if ('problem' in read) return;
      const { registry, repository, version } = read.reference;
      const url = new URL(`https://${registry}/v2/${repository}/manifests/${version}`);
      expect(url.host).toBe(registry);
      expect(url.href).toBe(`https://${registry}/v2/${repository}/manifests/${version}`);
    }),
    randomly(20_000),
  );
});

it('hosts are compared in one form', () => {
  const forms = ['R.example.org', 'r.example.org:443', 'r.example.org'];
  expect(new Set(forms.map(readRegistryHost))).toEqual(new Set(['r.example.org']));
  for (const other of [
    'r.example.org.evil.com',
    'evil.com#r.example.org',
    'r.example.org@evil.com',
    'r.example.org/',
  ]) {
    expect(readRegistryHost(other)).not.toBe('r.example.org');
  }
});
