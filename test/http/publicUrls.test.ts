import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseUrlOf, requestUrlOf } from '../../functions/http/publicUrls.js';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { randomly } from '../random.js';

const FIRST = 'https://api.example.org/hospital/fhir';
const SECOND = 'https://research.example.org:8443/fhir';
const ASKED = 'http://app.internal:7071/fhir/Group/a%2Fb/$export?_typeFilter=Patient%3Factive%3Dtrue';

const settingsOf = (bases: string) => readSettings({ ...REQUIRED_SETTINGS, PUBLIC_BASE_URL: bases });
const asked = (headers: Record<string, string>, url = ASKED) => ({ url, headers: new Headers(headers) });

describe('the FHIR base in answers', () => {
  it.each<[string, Record<string, string>, string]>([
    ['without a header', {}, FIRST],
    ['by X-Original-Host', { 'x-original-host': 'research.example.org:8443' }, SECOND],
    ['by X-Forwarded-Host', { 'x-forwarded-host': 'research.example.org:8443' }, SECOND],
    ['by a host without its port', { 'x-original-host': 'research.example.org' }, SECOND],
    ['by a host in capital letters', { 'x-original-host': 'Research.Example.ORG:8443' }, SECOND],
    ['by a host with the port of its scheme', { 'x-original-host': 'api.example.org:443' }, FIRST],
    ['by one of several hosts', { 'x-forwarded-host': 'x.example, research.example.org:8443' }, SECOND],
    [
      'by X-Original-Host before X-Forwarded-Host',
      { 'x-original-host': 'api.example.org', 'x-forwarded-host': 'research.example.org:8443' },
      FIRST,
    ],
    [
      'by the other header where one names no base',
      { 'x-original-host': 'app.internal', 'x-forwarded-host': 'research.example.org:8443' },
      SECOND,
    ],
    ['with another port', { 'x-original-host': 'research.example.org:9' }, FIRST],
    ['with a foreign host', { 'x-original-host': 'evil.example', host: 'evil.example' }, FIRST],
    ['with a base in the place of a host', { 'x-original-host': SECOND }, FIRST],
    ['with a user in the host', { 'x-original-host': 'evil@research.example.org:8443' }, FIRST],
    ['with a path in the host', { 'x-original-host': 'research.example.org:8443/evil' }, FIRST],
  ])('%s', (_name, headers, base) => {
    const settings = settingsOf(`${FIRST}/, ${SECOND}`);
    expect(baseUrlOf(asked(headers), settings)).toBe(base);
    expect(requestUrlOf(asked(headers), settings)).toBe(
      `${base}/Group/a%2Fb/$export?_typeFilter=Patient%3Factive%3Dtrue`,
    );
  });

  it('is that of the request where no setting names one, whatever headers say', () => {
    const settings = readSettings(REQUIRED_SETTINGS);
    const request = asked({ 'x-original-host': 'evil.example', 'x-forwarded-host': 'evil.example' });
    expect(baseUrlOf(request, settings)).toBe('http://app.internal:7071/fhir');
    expect(requestUrlOf(request, settings)).toBe(ASKED);
  });

  it('is one of the setting, whatever is sent', () => {
    const settings = settingsOf(`${FIRST},${SECOND}`);
    const hostile = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
      fc.webUrl(),
      fc.constantFrom('research.example.org', 'api.example.org', ',', ' ', '[::1]', '%00'),
    );
    const values = fc.array(hostile, { maxLength: 4 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(values, values, fc.webUrl({ withQueryParameters: true }), (original, forwarded, url) => {
        const headers = { 'x-original-host': original.trim(), 'x-forwarded-host': forwarded.trim() };
        const request = { url, headers: { get: (name: string) => headers[name as keyof typeof headers] } };
        const base = baseUrlOf(request as unknown as ReturnType<typeof asked>, settings);
        expect([FIRST, SECOND]).toContain(base);
        const whole = requestUrlOf(request as unknown as ReturnType<typeof asked>, settings);
        expect([FIRST, SECOND].some((each) => whole.startsWith(each))).toBe(true);
        expect(new URL(whole).host).toBe(new URL(base).host);
      }),
      randomly(100),
    );
  });
});

describe('PUBLIC_BASE_URL', () => {
  it.each([
    ['one base, without a closing slash', `${FIRST}/`, [FIRST]],
    ['several', `${FIRST}, ${SECOND}`, [FIRST, SECOND]],
    ['a base on this machine by http', 'http://localhost:8080/fhir', ['http://localhost:8080/fhir']],
    ['a host alone', 'https://api.example.org', ['https://api.example.org']],
  ])('takes %s', (_name, value, bases) => {
    expect(settingsOf(value).publicBaseUrls).toEqual(bases);
  });

  it.each([
    ['http', 'http://api.example.org/fhir', /PUBLIC_BASE_URL must be https URLs without user/],
    ['a user', 'https://u:hunter2@api.example.org/fhir', /must be https URLs without user/],
    ['a query', 'https://api.example.org/fhir?a=b', /must be https URLs without user, query/],
    ['a fragment', 'https://api.example.org/fhir#', /must be https URLs/],
    ['a host without scheme', 'api.example.org', /must be https URLs/],
    ['one of several that is none', `${FIRST}, x`, /must be https URLs/],
    ['commas alone', ',', /must be https URLs/],
    ['a host twice', `${FIRST},https://API.example.org:443/other/fhir`, /one URL for each host/],
  ])('refuses %s', (_name, value, words) => {
    expect(() => settingsOf(value)).toThrow(words);
    expect(() => settingsOf(value)).not.toThrow(/hunter2/);
  });
});
