// oauth4webapi: the strictest client for tokens of RFC 9068 and responses of the token endpoint.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';

import { TOKEN_EXCHANGE, clientKey, exchange, issuer, peer, test, testkit } from './cases.mjs';

peer('oauth4webapi');
const http = { [oauth.allowInsecureRequests]: true };
const discovered = async (algorithm) =>
  oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...http, algorithm }));
const server = await discovered('oidc');
const client = { client_id: 'service-a' };
const presented = (token) => new Request('https://service-b.example/', { headers: { authorization: `Bearer ${token}` } });
const validated = (token) => oauth.validateJwtAccessToken(server, presented(token), 'service-b', http);

await test('both_documents_agree', async () => {
  assert.deepEqual(await discovered('oauth2'), server);
});

await test('exchange', async () => {
  const auth = oauth.PrivateKeyJwt(await clientKey());
  const response = await oauth.genericTokenEndpointRequest(server, client, auth, TOKEN_EXCHANGE, exchange('service-a'), http);
  const issued = await oauth.processGenericTokenEndpointResponse(server, client, response);
  const claims = await validated(issued.access_token);
  assert.equal(claims.sub, 'alice');
  assert.deepEqual(claims.act, { sub: 'service-a' });
});

await test('client_credentials', async () => {
  const auth = oauth.ClientSecretBasic(testkit.clients['service-a'].secret);
  const request = async (parameters) => {
    const response = await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, http);
    return oauth.processClientCredentialsResponse(server, client, response);
  };
  const issued = await request({ audience: 'service-b' });
  assert.equal((await validated(issued.access_token)).sub, 'service-a');
  await assert.rejects(request({ resource: 'no absolute URI' }), { error: 'invalid_target', status: 400 });
});

const refusal = (error) => ['OperationProcessingError', 'UnsupportedOperationError'].includes(error.name);
for (const [name, token] of Object.entries(testkit.minted)) {
  await test(`accepts_${name.replaceAll(' ', '_')}`, () => validated(token));
}
for (const [name, token] of Object.entries(testkit.forged)) {
  await test(`refuses_${name.replaceAll(' ', '_')}`, () => assert.rejects(validated(token), refusal));
}
