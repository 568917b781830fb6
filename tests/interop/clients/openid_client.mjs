// openid-client: both discovery documents, each authentication method, exchanges and refusals.
import assert from 'node:assert/strict';
import * as client from 'openid-client';

import { ACCESS_TOKEN, TOKEN_EXCHANGE, claims, clientKey, exchange, issuer, peer, test, testkit } from './cases.mjs';

peer('openid-client');
const ODD = 'service:a+%';
const secret = (id) => testkit.clients[id].secret;
const http = { execute: [client.allowInsecureRequests] };
const configured = (id, auth, options = {}) => client.discovery(issuer, id, undefined, auth, { ...http, ...options });

const methods = {
  client_secret_basic: (id) => client.ClientSecretBasic(secret(id)),
  client_secret_post: (id) => client.ClientSecretPost(secret(id)),
  client_secret_jwt: (id) => client.ClientSecretJwt(secret(id)),
  private_key_jwt: async () => client.PrivateKeyJwt(await clientKey()),
};

for (const algorithm of ['oidc', 'oauth2']) {
  await test(`discovery_${algorithm}`, async () => {
    const config = await configured('service-a', undefined, { algorithm });
    assert.equal(config.serverMetadata().issuer, testkit.issuer);
    assert.ok(config.serverMetadata().grant_types_supported.includes(TOKEN_EXCHANGE));
  });
}

for (const [method, auth] of Object.entries(methods)) {
  for (const id of ['service-a', ODD]) {
    const name = id === ODD ? `${method}_of_an_encoded_client` : method;
    await test(`exchange_by_${name}`, async () => {
      const config = await configured(id, await auth(id));
      const response = await client.genericGrantRequest(config, TOKEN_EXCHANGE, exchange(id));
      assert.equal(response.token_type, 'bearer');
      assert.equal(response.issued_token_type, ACCESS_TOKEN);
      assert.equal(typeof response.expires_in, 'number');
      assert.deepEqual(claims(response.access_token).act, { sub: id });
    });
  }
}

await test('client_credentials', async () => {
  const config = await configured('service-a', methods.client_secret_post('service-a'));
  const response = await client.clientCredentialsGrant(config, { audience: 'service-b', scope: 'b:read' });
  assert.equal(claims(response.access_token).sub, 'service-a');
});

await test('less_scope_is_reported', async () => {
  const config = await configured('service-a', methods.client_secret_post('service-a'));
  const response = await client.genericGrantRequest(config, TOKEN_EXCHANGE, exchange('service-a', 'b:read b:write'));
  assert.equal(response.scope, 'b:read');
});

await test('wrong_target_is_refused', async () => {
  const config = await configured('service-a', methods.client_secret_post('service-a'));
  const parameters = { ...exchange('service-a'), audience: 'service-x' };
  await assert.rejects(client.genericGrantRequest(config, TOKEN_EXCHANGE, parameters), {
    name: 'ResponseBodyError', error: 'invalid_target', status: 400,
  });
});

await test('wrong_secret_gets_a_challenge', async () => {
  const config = await configured('service-a', client.ClientSecretBasic('wrong'));
  const refused = client.genericGrantRequest(config, TOKEN_EXCHANGE, exchange('service-a'));
  await assert.rejects(refused, (error) => {
    assert.equal(error.name, 'WWWAuthenticateChallengeError');
    assert.equal(error.status, 401);
    assert.equal(error.cause[0].scheme, 'basic');
    return true;
  });
});
