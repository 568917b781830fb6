// oidc-provider (npm) with two exchange grants, which the library leaves to its users. Prints one
// line of JSON when it listens, and ends when its standard input ends.
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { Provider, errors } from 'oidc-provider';
import { checkDpopReplay, checkMtlsCert, validateDpop } from 'oidc-provider/lib/helpers/grants.js';

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
/** Where the web application receives logouts. */
let logout = {};
/** How the server treats DPoP proofs: without nonces, unless a test changes it. */
let dPoP = { enabled: true };

/** `off`, `plain`, `offered` (a nonce in each response) or `demanded`. Older nonces become stale. */
function proofs(mode) {
  const withNonces = ['offered', 'demanded'].includes(mode);
  dPoP = {
    enabled: mode !== 'off',
    ...(withNonces && { nonceSecret: crypto.randomBytes(32), requireNonce: () => mode === 'demanded' }),
  };
}

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

function authorizationServer(issuer, { certified = [], ...mTLS } = {}, discovery = {}) {
  const op = new Provider(issuer, {
    jwks: { keys },
    discovery,
    clients: [
      ...clients.map((client) => (client.client_id === 'web-app' ? { ...client, ...logout } : client)),
      ...certified,
    ],
    scopes: ['openid'],
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'private_key_jwt',
      ...(mTLS.enabled ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    extraTokenClaims: (ctx, token) => token.extra,
    // Without the server's dispatcher, which refuses loopback addresses.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // Each client except one may introspect any token.
      introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId !== 'no-exchange' },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP,
      mTLS,
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
    const { sub, resource, scope, sid } = ctx.oidc.params;
    return issue(op, ctx, { sub, target: resource, scope, sid });
  }, ['sub', 'resource', 'scope', 'sid']);

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
  return op;
}

/** The session of a browser in which a user signed in to the web application. */
async function browser(op, sub) {
  const session = new op.Session();
  session.loginAccount({ accountId: sub });
  session.ensureClientContainer('web-app');
  await session.save(600);
  return { cookie: `${op.cookieName('session')}=${session.id}`, sid: session.sidFor('web-app') };
}

/**
 * Another server, with a listener that requests no certificate and one that does, to which the
 * aliases lead. `issued` and `selfSigned` are clients: their certificates have the client's name.
 */
async function mutualTls({ ca, certificate, issued, selfSigned }) {
  const pem = { cert: certificate, key: certificate };
  const [plain, mutual] = [pem, { ...pem, ca, requestCert: true, rejectUnauthorized: false }].map(
    (options) => https.createServer(options).listen(0, '127.0.0.1'),
  );
  await Promise.all([plain, mutual].map((server) => server.listening || once(server, 'listening')));
  const [issuer, alias] = [plain, mutual].map((server) => `https://localhost:${server.address().port}`);
  const certified = [
    ...issued.map((name) => ({ ...bound(name, 'tls_client_auth'), tls_client_auth_san_dns: name })),
    ...selfSigned.map(([name, certificate]) => ({
      ...bound(name, 'self_signed_tls_client_auth'),
      jwks: { keys: [certifiedKey(certificate)] },
    })),
    { ...bound('by-secret', 'client_secret_basic'), client_secret: secrets['service-a'] },
  ];
  const shown = (ctx) => ctx.req.socket.getPeerX509Certificate();
  const features = {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: true,
    tlsClientAuth: true,
    getCertificate: shown,
    certificateAuthorized: (ctx) => ctx.req.socket.authorized,
    certificateSubjectMatches: (ctx, property, expected) => shown(ctx).checkHost(expected) === expected,
  };
  const aliases = { token_endpoint: `${alias}/token`, introspection_endpoint: `${alias}/token/introspection` };
  const op = authorizationServer(issuer, { certified, ...features }, { mtls_endpoint_aliases: aliases });
  for (const server of [plain, mutual]) server.on('request', op.callback());
  return { issuer };
}

/** A client whose tokens are bound to its certificate. */
function bound(client_id, token_endpoint_auth_method) {
  const { client_secret, ...client } = machine(client_id, services);
  return { ...client, token_endpoint_auth_method, tls_client_certificate_bound_access_tokens: true };
}

function certifiedKey(pem) {
  const certificate = new crypto.X509Certificate(pem);
  return {
    ...certificate.publicKey.export({ format: 'jwk' }),
    x5c: [certificate.raw.toString('base64')],
    'x5t#S256': crypto.hash('sha256', certificate.raw, 'base64url'),
  };
}

function known(name) {
  if (!Object.hasOwn(resources, name)) throw new errors.InvalidTarget();
  return resources[name];
}

/** Issues an access token with the server's own code. In an exchange, the token names the actors. */
async function issue(op, ctx, { sub, subject, target, scope, sid }) {
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
  if (sid) token.extra = { sid };
  if (subject) token.extra = { act: { sub: client.clientId, ...(subject.act && { act: subject.act }) } };
  const certificate = checkMtlsCert(op, ctx);
  if (certificate) token.setThumbprint('x5t', certificate);
  const proof = await validateDpop(op, ctx);
  if (proof) {
    await checkDpopReplay(op, ctx, proof, client.clientId);
    token.setThumbprint('jkt', proof.thumbprint);
  }
  ctx.body = {
    access_token: await token.save(),
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
}

/** ServiceB as oauth4webapi protects it: it accepts tokens alone that are bound to a key. */
async function guarded(issuer, { method, url, headers }, response) {
  const request = new Request(new URL(url, issuer), { method, headers });
  const authorizationServer = { issuer, jwks_uri: `${issuer}/jwks` };
  const options = { requireDPoP: true, [oauth.allowInsecureRequests]: true };
  try {
    await oauth.validateJwtAccessToken(authorizationServer, request, 'https://service-b.example/', options);
    response.end();
  } catch (error) {
    console.error(error);
    response.writeHead(401).end();
  }
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  rotate();
  let op = authorizationServer(issuer);
  const controls = {
    '/interop/rotate': (query) => {
      rotate(query.has('withdraw'));
      op = authorizationServer(issuer);
    },
    '/interop/backchannel': (query) => {
      logout = {
        backchannel_logout_uri: query.get('uri'),
        backchannel_logout_session_required: query.has('session'),
      };
      op = authorizationServer(issuer);
    },
    '/interop/proofs': (query) => {
      proofs(query.get('mode'));
      op = authorizationServer(issuer);
    },
    '/interop/mutual-tls': (query, body) => mutualTls(JSON.parse(body)),
    '/interop/browser': (query) => browser(op, query.get('sub')),
  };
  server.on('request', async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    if (pathname.startsWith('/interop/guarded/')) return guarded(issuer, request, response);
    const control = request.method === 'POST' && controls[pathname];
    if (!control) return op.callback()(request, response);
    response.end(JSON.stringify((await control(searchParams, await text(request))) ?? {}));
  });
  const { version } = JSON.parse(fs.readFileSync('node_modules/oidc-provider/package.json'));
  console.log(JSON.stringify({ version, issuer, secrets, client_key: clientKey }));
});
process.stdin.resume().on('end', () => process.exit());
