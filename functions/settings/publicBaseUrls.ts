import { isPrivateUrl } from './clientAuthentication.js';
import { itemsOf, Problem, type Setting, text } from './setting.js';

/** `[base]` as clients know it, by host: a gateway may pass requests of several hosts on. */
export const publicBaseUrls: Setting<readonly string[] | undefined> = text(
  'PUBLIC_BASE_URL',
  'https URLs without user, query and fragment, separated by commas, e.g. https://api.example.org/hospital/fhir',
  readBaseUrls,
  {},
  'FHIR base URL as clients know it, where a gateway is in front of the app; every URL in an answer begins with it. Where clients know it by several hosts, one URL for each: the first is used unless `X-Original-Host` or `X-Forwarded-Host` names the host of another. See [Behind a gateway](operations.md#behind-a-gateway). Unless set: the host of the request.',
  'list',
);

function readBaseUrls(found: string): readonly string[] | Problem | undefined {
  const items = itemsOf(found);
  if (items.length === 0 || !items.every(isBase)) return undefined;
  const urls = items.map((item) => new URL(item));
  if (new Set(urls.map(({ host }) => host)).size < urls.length)
    return new Problem('names a host twice: a request shows only its host, so give one URL for each host');
  return urls.map(({ href }) => href.replace(/\/+$/, ''));
}

function isBase(item: string): boolean {
  if (!URL.canParse(item) || /[?#]/.test(item)) return false;
  const url = new URL(item);
  return isPrivateUrl(url) && `${url.username}${url.password}` === '';
}
