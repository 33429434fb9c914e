import type { Authorize, Permission } from './authorize.js';
import { notBelieved, notPermitted, unauthenticated } from './bearer.js';
import { ownerOf } from './caller.js';
import { isRecord } from '../../common/isRecord.js';

/** App roles, as the app registration has to define them. */
export const EXPORT_READ = 'Export.Read';
const EXPORT_RAW = 'Export.Raw';
/** The role that each permission takes. */
const ROLES: Readonly<Record<Permission, string>> = { export: EXPORT_READ, deIdentify: 'DeIdentify' };

/** Types that a claim goes by: its own name, and the one that the platform maps it to. */
const CLAIMS = {
  tenant: ['tid', 'http://schemas.microsoft.com/identity/claims/tenantid'],
  object: ['oid', 'http://schemas.microsoft.com/identity/claims/objectidentifier'],
  role: ['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'],
} as const;
const MAX_HEADER_CHARACTERS = 65_536;

interface Principal {
  provider: unknown;
  claims: Array<{ type: string; value: string }>;
}

/**
 * Believes the principal that App Service authentication puts into `X-MS-CLIENT-PRINCIPAL`. The settings make sure
 * that the platform's authentication is on: only then is it the platform alone that writes this header.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
 */
export function entra(tenantId: string): Authorize {
  return async (request, asked = 'export') => {
    const header = request.headers.get('x-ms-client-principal');
    if (header === null || header === '') {
      throw unauthenticated('Sign in with Entra ID: send a token for this app as Authorization: Bearer ….');
    }
    const principal = readPrincipal(header);
    if (principal === undefined) {
      throw notBelieved('The principal that came with the request cannot be read.');
    }
    if (principal.provider !== 'aad') {
      throw notBelieved('The token is of another identity provider than Entra ID, which alone is accepted.');
    }
    const values = (claim: keyof typeof CLAIMS): string[] =>
      principal.claims
        .filter(({ type }) => (CLAIMS[claim] as readonly string[]).includes(type))
        .map((claimed) => claimed.value);
    const [tenants, objects] = [unique(values('tenant')), unique(values('object'))];
    const object = objects[0];
    if (tenants.length !== 1 || objects.length !== 1 || object === undefined || object === '') {
      throw notBelieved('The token does not name one tenant and one object id (the claims tid and oid).');
    }
    if (tenants[0] !== tenantId) {
      throw notBelieved('The token is of another tenant than the one that may call here.');
    }
    const roles = values('role');
    if (!roles.includes(ROLES[asked])) {
      throw notPermitted(
        `The app role ${ROLES[asked]} is missing. Have it assigned to you in the enterprise application of this app.`,
      );
    }
    return {
      kind: 'known',
      owner: ownerOf('entra', tenantId, object),
      permissions: { types: 'all', raw: roles.includes(EXPORT_RAW) },
      rawPermission: `the app role ${EXPORT_RAW}`,
    };
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values.map((value) => value.trim().toLowerCase()))];
}

function readPrincipal(header: string): Principal | undefined {
  // Two headers arrive as one with a comma, which is no Base64.
  if (header.length > MAX_HEADER_CHARACTERS || !/^[A-Za-z0-9+/]+={0,2}$/.test(header)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || !Array.isArray(parsed['claims'])) return undefined;
  const claims: Principal['claims'] = [];
  for (const claim of parsed['claims'] as unknown[]) {
    if (!isRecord(claim) || typeof claim['typ'] !== 'string' || typeof claim['val'] !== 'string') {
      return undefined;
    }
    claims.push({ type: claim['typ'], value: claim['val'] });
  }
  return { provider: parsed['auth_typ'], claims };
}
