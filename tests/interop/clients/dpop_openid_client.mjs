// openid-client: DPoP at the testkit, and at a service that obo protects.
import * as client from 'openid-client';

import { TOKEN_EXCHANGE, peer } from './cases.mjs';
import { boundTokens, named } from './dpop_cases.mjs';

peer('openid-client');

await boundTokens(async ({ issuer, clients }, alg) => {
  const auth = client.ClientSecretPost(clients['service-a'].secret);
  const http = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(issuer), 'service-a', undefined, auth, http);
  const keys = await client.randomDPoPKeyPair(alg);
  const DPoP = client.getDPoPHandle(config, keys, named(alg, client.modifyAssertion));
  return {
    exchange: (parameters) => client.genericGrantRequest(config, TOKEN_EXCHANGE, parameters, { DPoP }),
    clientCredentials: (parameters) => client.clientCredentialsGrant(config, parameters, { DPoP }),
    thumbprint: () => DPoP.calculateThumbprint(),
    call: (token, method, url, send) => {
      config[client.customFetch] = send;
      const call = client.fetchProtectedResource(config, token, url, method, null, undefined, { DPoP });
      return call.finally(() => delete config[client.customFetch]);
    },
    callAsBearer: (token, url) => client.fetchProtectedResource(config, token, url, 'GET'),
  };
});
