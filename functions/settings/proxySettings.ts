import { anyText, text, url, type Values } from './setting.js';

const isHttp = ({ protocol }: URL): boolean => /^https?:$/.test(protocol);
const FORM = 'the http or https URL of a proxy, e.g. http://proxy.example.org:3128';
const OPTIONS = { isSmallFirst: true } as const;

/** Through which proxies requests go out: the variables that every tool on a machine reads. */
export const PROXY = {
  https: url(
    'HTTPS_PROXY',
    FORM,
    isHttp,
    OPTIONS,
    'Proxy for requests to the source, its token endpoint and registries; `HTTP_PROXY` where it is not set. Never for this machine itself (`localhost`, `127.0.0.1`). In small letters, too.',
  ),
  http: url('HTTP_PROXY', FORM, isHttp, OPTIONS, 'The same for `http` URLs.'),
  none: text(
    'NO_PROXY',
    'hosts, separated by commas; `*` for all',
    anyText,
    { ...OPTIONS, default: '' },
    'Hosts, with all below them, that are reached without a proxy.',
    'list',
  ),
};

/** A URL may hold a password: never logged. */
export type ProxySettings = Values<typeof PROXY>;
