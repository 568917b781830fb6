// oidc-provider (npm) with two exchange grants, which the library leaves to its users. Prints one
// line of JSON when it listens, and ends when its standard input ends.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Provider, errors } from 'oidc-provider';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
/** A grant that replaces a user's login in a browser. The server's own code makes the token. */
const SIGN_IN = 'urn:obo:interop:sign-in';

const secrets = {
  'web-app': 'web-app-secret-0123456789abcdef',
  'service-a': 'service-a-secret-0123456789abcdef',
  // Requires encoding in Basic authentication.
  'service:a+%': 'a secret: 100% + more/&=?',
  'no-exchange': 'no-exchange-secret-0123456789abcdef',
};
const jwk = (type, options, rest) => ({
  ...crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  ...rest,
});
const publicHalf = ({ kty, crv, x, y, n, e, kid, alg, use }) => ({ kty, crv, x, y, n, e, kid, alg, use });
const clientKey = jwk('ec', { namedCurve: 'P-256' }, { kid: 'client-1', alg: 'ES256' });

const resources = {
  'https://service-a.example/': { scope: 'a:read a:write', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } },
  'https://service-b.example/': { scope: 'b:read b:write', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } },
  'https://service-c.example/': { scope: 'c:read', accessTokenTTL: 300, jwt: { sign: { alg: 'PS256' } } },
  'https://opaque.example/': { scope: 'opaque:read', accessTokenTTL: 300, accessTokenFormat: 'opaque' },
};
for (const [name, resource] of Object.entries(resources)) {
  resource.audience = name;
  resource.accessTokenFormat ??= 'jwt';
}

const machine = (client_id, grant_types) => ({
  client_id, client_secret: secrets[client_id], grant_types, redirect_uris: [], response_types: [],
});
const services = ['client_credentials', TOKEN_EXCHANGE, JWT_BEARER];
const clients = [
  machine('web-app', [SIGN_IN]),
  machine('service-a', services),
  machine('service:a+%', services),
  machine('no-exchange', ['client_credentials']),
  {
    ...machine('service-b', services),
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [publicHalf(clientKey)] },
  },
];

let generation = 0;
let keys = [];

/** Adds new keys in front of the old ones, and removes the old ones if `withdraw` is set. */
function rotate(withdraw) {
  generation += 1;
  const rsa = { modulusLength: 2048 };
  keys = [
    jwk('rsa', rsa, { kid: `rs.${generation}`, alg: 'RS256' }),
    jwk('rsa', rsa, { kid: `ps.${generation}`, alg: 'PS256' }),
    jwk('ec', { namedCurve: 'P-256' }, { kid: `es.${generation}`, alg: 'ES256' }),
    ...(withdraw ? [] : keys),
  ];
}

function authorizationServer(issuer) {
  const op = new Provider(issuer, {
    jwks: { keys },
    clients,
    scopes: ['openid'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES256'] },
    findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    extraTokenClaims: (ctx, token) => token.extra,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // Each client except one may introspect any token.
      introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId !== 'no-exchange' },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, name) => known(name),
      },
    },
  });
  const local = createLocalJWKSet({ keys: keys.map(publicHalf) });
  const targets = ['resource', 'audience'];
  const requested = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'];

  op.registerGrantType(SIGN_IN, (ctx) => {
    const { sub, resource, scope } = ctx.oidc.params;
    return issue(op, ctx, { sub, target: resource, scope });
  }, ['sub', 'resource', 'scope']);

  op.registerGrantType(TOKEN_EXCHANGE, async (ctx) => {
    const { subject_token, subject_token_type, scope, audience, resource } = ctx.oidc.params;
    if (!subject_token || ![ACCESS_TOKEN, JWT].includes(subject_token_type)) {
      throw new errors.InvalidRequest('subject_token or subject_token_type');
    }
    const subject = await verified(subject_token);
    const target = [audience, resource].flat().filter(Boolean);
    if (target.length !== 1) throw new errors.InvalidTarget();
    await issue(op, ctx, { ...subject, target: target[0], scope });
    ctx.body.issued_token_type = ACCESS_TOKEN;
  }, [...requested, ...targets, 'scope'], []);

  // As in Microsoft's servers: the scope <resource>/.default names the target, and the response has
  // no issued_token_type.
  op.registerGrantType(JWT_BEARER, async (ctx) => {
    const { assertion, requested_token_use, scope } = ctx.oidc.params;
    if (!assertion || requested_token_use !== 'on_behalf_of') {
      throw new errors.InvalidRequest('assertion or requested_token_use');
    }
    const target = scope?.split(' ').find((name) => name.endsWith('/.default'))?.slice(0, -'.default'.length);
    await issue(op, ctx, { ...(await verified(assertion)), target });
  }, ['assertion', 'requested_token_use', 'scope']);

  async function verified(token) {
    try {
      const { payload } = await jwtVerify(token, local, { issuer, typ: 'at+jwt' });
      return { sub: payload.sub, subject: payload };
    } catch (error) {
      throw new errors.InvalidGrant(`subject token: ${error.code}`);
    }
  }
  return op.callback();
}

function known(name) {
  if (!Object.hasOwn(resources, name)) throw new errors.InvalidTarget();
  return resources[name];
}

/** Issues an access token with the server's own code. In an exchange, the token names the actors. */
async function issue(op, ctx, { sub, subject, target, scope }) {
  const { client } = ctx.oidc;
  const resource = known(target);
  const all = resource.scope.split(' ');
  const granted = scope ? scope.split(' ').filter((name) => all.includes(name)) : all;
  if (granted.length === 0) throw new errors.InvalidScope('none of the scopes belongs to the target', scope);
  const token = new op.AccessToken({
    accountId: sub,
    client,
    scope: granted.join(' '),
    gty: 'interop',
    expiresIn: resource.accessTokenTTL,
  });
  token.resourceServer = new op.ResourceServer(target, resource);
  if (subject) token.extra = { act: { sub: client.clientId, ...(subject.act && { act: subject.act }) } };
  ctx.body = {
    access_token: await token.save(),
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  rotate();
  let serve = authorizationServer(issuer);
  server.on('request', (request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    if (request.method !== 'POST' || pathname !== '/interop/rotate') return serve(request, response);
    rotate(searchParams.has('withdraw'));
    serve = authorizationServer(issuer);
    response.end('{}');
  });
  const { version } = JSON.parse(fs.readFileSync('node_modules/oidc-provider/package.json'));
  console.log(JSON.stringify({ version, issuer, secrets, client_key: clientKey }));
});
process.stdin.resume().on('end', () => process.exit());
