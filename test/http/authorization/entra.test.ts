import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { Permission } from '../../../functions/http/authorization/authorize.js';
import type { Caller } from '../../../functions/http/authorization/caller.js';
import { entra } from '../../../functions/http/authorization/entra.js';
import { RequestError } from '../../../functions/http/respond.js';

const TENANT = '11111111-2222-3333-4444-555555555555';
const OTHER_TENANT = '99999999-2222-3333-4444-555555555555';
const TENANT_CLAIM = 'http://schemas.microsoft.com/identity/claims/tenantid';
const OBJECT_CLAIM = 'http://schemas.microsoft.com/identity/claims/objectidentifier';
const ROLE_CLAIM = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role';

type Claims = Array<[type: string, value: string]>;

function header(claims: Claims, more: object = {}): string {
  const principal = {
    auth_typ: 'aad',
    claims: claims.map(([typ, val]) => ({ typ, val })),
    name_typ: 'name',
    role_typ: 'roles',
    ...more,
  };
  return Buffer.from(JSON.stringify(principal)).toString('base64');
}

function ask(principal: string | undefined, asked?: Permission): Promise<Caller> {
  return entra(TENANT)(
    new HttpRequest({
      method: 'GET',
      url: 'https://export.example.org/fhir/$export',
      headers: principal === undefined ? {} : { 'x-ms-client-principal': principal },
    }),
    asked,
  );
}

const reader: Claims = [
  ['tid', TENANT],
  ['oid', 'aaaa'],
  ['roles', 'Export.Read'],
];

describe('a principal of App Service authentication', () => {
  it('with the app role may export, and raw only with the role for that', async () => {
    expect(await ask(header(reader))).toMatchObject({
      kind: 'known',
      permissions: { types: 'all', raw: false },
    });
    expect(await ask(header([...reader, ['roles', 'Export.Raw']]))).toMatchObject({
      permissions: { raw: true },
    });
  });

  it.each<[roles: string[], Permission, isPermitted: boolean]>([
    [['Export.Read'], 'export', true],
    [['Export.Read'], 'deIdentify', false],
    [['Export.Raw'], 'deIdentify', false],
    [['Export.Read', 'Export.Raw'], 'deIdentify', false],
    [['DeIdentify'], 'deIdentify', true],
    [['DeIdentify'], 'export', false],
    [['DeIdentify', 'Export.Raw'], 'export', false],
    [['Export.Read', 'DeIdentify'], 'deIdentify', true],
    [['Export.Read', 'DeIdentify'], 'export', true],
    [['deidentify'], 'deIdentify', false],
    [[], 'deIdentify', false],
  ])('with the app roles %j: the permission %s is given: %s', async (roles, asked, isPermitted) => {
    const principal = header([
      ...reader.slice(0, 2),
      ...roles.map((role): Claims[number] => ['roles', role]),
    ]);
    const answer = await ask(principal, asked).catch((error: unknown) => error);
    expect(answer).toMatchObject(isPermitted ? { kind: 'known' } : { status: 403 });
  });

  it('is the same by the short names of its claims and by the mapped ones', async () => {
    const mapped = await ask(
      header([
        [TENANT_CLAIM, TENANT],
        [OBJECT_CLAIM, 'AAAA'],
        [ROLE_CLAIM, 'Export.Read'],
      ]),
    );
    expect(mapped).toEqual(await ask(header(reader)));
  });

  it('is distinguished by tenant and object id, whatever it is called', async () => {
    const other = await ask(
      header([
        ['tid', TENANT],
        ['oid', 'bbbb'],
        ['roles', 'Export.Read'],
        ['name', 'aaaa'],
      ]),
    );
    expect(other).not.toMatchObject({ owner: ownerOf(await ask(header(reader))) });
  });

  it.each<[string, string | undefined, number, RegExp]>([
    ['that is missing', undefined, 401, /Sign in/],
    ['of another tenant', header([['tid', OTHER_TENANT], ...reader.slice(1)]), 401, /another tenant/],
    ['of two tenants', header([['tid', OTHER_TENANT], ...reader]), 401, /one tenant/],
    ['of two objects', header([['oid', 'bbbb'], ...reader]), 401, /one object/],
    [
      'of an empty object',
      header([
        ['tid', TENANT],
        ['oid', ' '],
        ['roles', 'Export.Read'],
      ]),
      401,
      /one object/,
    ],
    [
      'of no principal',
      header([
        ['tid', TENANT],
        ['roles', 'Export.Read'],
      ]),
      401,
      /one object/,
    ],
    [
      'of another identity provider',
      header(reader, { auth_typ: 'google' }),
      401,
      /another identity provider/,
    ],
    ['without the role', header(reader.slice(0, 2)), 403, /Export\.Read/],
    [
      'with the raw role alone',
      header([...reader.slice(0, 2), ['roles', 'Export.Raw']]),
      403,
      /Export\.Read/,
    ],
    [
      'with the role under another claim',
      header([...reader.slice(0, 2), ['role', 'Export.Read']]),
      403,
      /Export\.Read/,
    ],
    ['that is no Base64', 'no base64!', 401, /cannot be read/],
    ['that is no JSON', Buffer.from('{').toString('base64'), 401, /cannot be read/],
    ['that came twice', `${header(reader)}, ${header(reader)}`, 401, /cannot be read/],
    ['with claims that are none', Buffer.from('{"claims":[1]}').toString('base64'), 401, /cannot be read/],
  ])('%s is refused', async (_name, principal, status, words) => {
    const refused: unknown = await ask(principal).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RequestError);
    if (!(refused instanceof RequestError)) return;
    expect(refused.status).toBe(status);
    expect(refused.issues[0]?.diagnostics).toMatch(words);
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});

function ownerOf(caller: Caller): string {
  return caller.kind === 'known' ? caller.owner : '';
}
