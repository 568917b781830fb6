// Tokens that are bound to a key (DPoP, RFC 9449): a client gets them from the testkit, and calls a
// service that obo protects.
import assert from 'node:assert/strict';

import { ACCESS_TOKEN, bound, claims, test } from './cases.mjs';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'];

/**
 * Runs all cases with a library. `start(world, alg)` makes a client with a new key. It has
 * `exchange(parameters)`, `clientCredentials(parameters)`, `thumbprint()`,
 * `call(token, method, url, send)` and `callAsBearer(token, url)`. `send` replaces `fetch`.
 */
export async function boundTokens(start) {
  for (const [name, world] of Object.entries(bound)) {
    for (const alg of ALGORITHMS) {
      await test(`dpop_${name}_by_${alg}`, async () => admitted(world, await start(world, alg), name));
    }
    await test(`dpop_${name}_own_token`, async () => {
      const client = await start(world, 'ES256');
      const issued = await client.clientCredentials({ audience: 'service-b' });
      assert.equal(claims(issued.access_token).cnf.jkt, await client.thumbprint());
      const response = await client.call(issued.access_token, 'GET', new URL(world.service), fetch);
      assert.equal((await response.json()).sub, 'service-a');
    });
    for (const [theft, attempt] of Object.entries(thefts)) {
      await test(`dpop_${name}_refuses_${theft}`, async () => attempt(world, await ready(world, start), start));
    }
  }
}

/** A client with a token and the service's nonce, if it demands one. */
async function ready(world, start) {
  const client = await start(world, 'ES256');
  const token = (await client.exchange(exchange(world))).access_token;
  const url = new URL('/orders', world.service);
  await client.call(token, 'GET', url, fetch);
  return { client, token, url };
}

const exchange = ({ clients }) => ({
  subject_token: clients['service-a'].subject_token,
  subject_token_type: ACCESS_TOKEN,
  audience: 'service-b',
});

async function admitted(world, client, name) {
  const issued = await client.exchange(exchange(world));
  assert.equal(issued.token_type, 'dpop');
  assert.equal(claims(issued.access_token).cnf.jkt, await client.thumbprint());
  let sent = 0;
  const counted = (url, options) => {
    sent += 1;
    return fetch(url, options);
  };
  for (const [method, path] of [['GET', '/orders/7?all=1#top'], ['POST', '/a%2Fb/%7Ec'], ['PATCH', '/']]) {
    const response = await client.call(issued.access_token, method, new URL(path, world.service), counted);
    assert.equal(response.status, 200);
    const shown = await response.json();
    assert.deepEqual(shown, { sub: 'alice', actor: 'service-a', jkt: await client.thumbprint() });
  }
  assert.equal(sent, name === 'nonces' ? 4 : 3, 'the first call is repeated with a nonce');
}

/** Expects 401 with this error in a challenge of the scheme, and that `DPoP` is offered. */
async function refused(call, error, scheme = 'dpop') {
  await assert.rejects(call, (refusal) => {
    assert.equal(refusal.status, 401);
    const challenges = Object.fromEntries(refusal.cause.map(({ scheme, parameters }) => [scheme, parameters]));
    assert.equal(challenges[scheme].error, error);
    assert.ok(challenges.dpop.algs.split(' ').includes('ES256'));
    return true;
  });
}

const thefts = {
  another_method: (world, { client, token, url }) => {
    const send = (url, options) => fetch(url, { ...options, method: 'DELETE' });
    return refused(client.call(token, 'GET', url, send), 'invalid_dpop_proof');
  },
  another_url: (world, { client, token, url }) => {
    const send = (url, options) => fetch(new URL('/invoices', url), options);
    return refused(client.call(token, 'GET', url, send), 'invalid_dpop_proof');
  },
  a_replay: async (world, { client, token, url }) => {
    const twice = async (url, options) => {
      assert.equal((await fetch(url, options)).status, 200);
      return fetch(url, options);
    };
    await refused(client.call(token, 'GET', url, twice), 'invalid_dpop_proof');
  },
  two_proofs: async (world, { client, token, url }) => {
    const send = async (url, options) => {
      const proof = options.headers.dpop;
      return fetch(url, { ...options, headers: { ...options.headers, dpop: `${proof}, ${proof}` } });
    };
    await refused(client.call(token, 'GET', url, send), 'invalid_dpop_proof');
  },
  another_key: async (world, { token, url }, start) => {
    const thief = await ready(world, start);
    await refused(thief.client.call(token, 'GET', url, fetch), 'invalid_token');
  },
  a_bearer_token: (world, { client, token, url }) =>
    refused(client.callAsBearer(token, url), 'invalid_token', 'bearer'),
};

/** Both libraries name an algorithm of RFC 9864 `Ed25519`, whose older name is `EdDSA`. */
export const named = (alg, modifyAssertion) => ({
  [modifyAssertion]: (header) => {
    if (header.alg === 'Ed25519') header.alg = alg;
  },
});
