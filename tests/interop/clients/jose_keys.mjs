// jose: a remote key set, and tokens signed with each algorithm.
import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';

import { peer, test, testkit } from './cases.mjs';

peer('jose');
const metadata = await (await fetch(`${testkit.issuer}/.well-known/openid-configuration`)).json();
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
const verified = (token) =>
  jwtVerify(token, keys, {
    issuer: testkit.issuer,
    audience: 'service-b',
    typ: 'at+jwt',
    requiredClaims: ['sub', 'client_id', 'iat', 'jti', 'exp'],
  });

for (const [name, token] of Object.entries(testkit.minted)) {
  await test(`accepts_${name.replaceAll(' ', '_')}`, async () => {
    const { payload } = await verified(token);
    assert.equal(payload.sub, 'alice');
  });
}
const CLAIM = 'ERR_JWT_CLAIM_VALIDATION_FAILED';
const refusals = {
  expired: { code: 'ERR_JWT_EXPIRED', claim: 'exp' },
  'not valid yet': { code: CLAIM, claim: 'nbf' },
  'of another issuer': { code: CLAIM, claim: 'iss' },
  'for another audience': { code: CLAIM, claim: 'aud' },
  'of an unknown key': { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
  unsigned: { code: 'ERR_JOSE_NOT_SUPPORTED' },
  'without subject': { code: CLAIM, claim: 'sub' },
  'without client': { code: CLAIM, claim: 'client_id' },
  'an ID token': { code: CLAIM, claim: 'typ' },
};
assert.deepEqual(Object.keys(refusals).sort(), Object.keys(testkit.forged).sort());
for (const [name, token] of Object.entries(testkit.forged)) {
  await test(`refuses_${name.replaceAll(' ', '_')}`, () => assert.rejects(verified(token), refusals[name]));
}
