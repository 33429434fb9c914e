/** Through which proxies requests go out. A URL may hold a password: never logged. */
export interface ProxySettings {
  /** For `https` URLs; `undefined`: the one for `http`. */
  https: string | undefined;
  http: string | undefined;
  /** Hosts that are reached without a proxy, as the variable has them. */
  none: string;
}

/** The variables as every tool on a machine reads them; in small letters they come first. */
const VARIABLES = { https: 'HTTPS_PROXY', http: 'HTTP_PROXY', none: 'NO_PROXY' } as const;

/** Rows of the settings table. */
export const proxyDefinitions = [
  {
    name: VARIABLES.https,
    unit: '',
    default: '',
    bounds: 'http(s) URL',
    meaning:
      'Proxy for requests to the source, its token endpoint and registries; `HTTP_PROXY` where it is not set. Never for this machine itself (`localhost`, `127.0.0.1`). In small letters, too.',
  },
  {
    name: VARIABLES.http,
    unit: '',
    default: '',
    bounds: 'http(s) URL',
    meaning: 'The same for `http` URLs.',
  },
  {
    name: VARIABLES.none,
    unit: '',
    default: '',
    bounds: 'hosts, comma-separated; `*` for all',
    meaning: 'Hosts, with all below them, that are reached without a proxy.',
  },
] as const;

/** Reads the variables; what is wrong with them is added to `problems`, which quote no value. */
export function readProxySettings(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): ProxySettings {
  const text = (name: string): string =>
    (environment[name.toLowerCase()]?.trim() || environment[name]?.trim()) ?? '';
  const url = (name: string): string | undefined => {
    const value = text(name);
    if (value === '') return undefined;
    if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
      problems.push(`${name} must be the http or https URL of a proxy, e.g. http://proxy.example.org:3128`);
      return undefined;
    }
    return value;
  };
  return { https: url(VARIABLES.https), http: url(VARIABLES.http), none: text(VARIABLES.none) };
}
