// oauth4webapi: DPoP at the testkit, and at a service that obo protects.
import * as oauth from 'oauth4webapi';

import { TOKEN_EXCHANGE, peer } from './cases.mjs';
import { boundTokens, named } from './dpop_cases.mjs';

peer('oauth4webapi');
const http = { [oauth.allowInsecureRequests]: true };

/** The library leaves the second attempt to its user. */
async function withNonce(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return attempt();
  }
}

await boundTokens(async ({ issuer, clients }, alg) => {
  const server = await oauth.processDiscoveryResponse(
    new URL(issuer),
    await oauth.discoveryRequest(new URL(issuer), http),
  );
  const client = { client_id: 'service-a' };
  const auth = oauth.ClientSecretPost(clients['service-a'].secret);
  const keys = await oauth.generateKeyPair(alg);
  const DPoP = oauth.DPoP(client, keys, named(alg, oauth.modifyAssertion));
  const options = { ...http, DPoP };
  return {
    exchange: (parameters) => withNonce(async () => {
      const response = await oauth.genericTokenEndpointRequest(server, client, auth, TOKEN_EXCHANGE, parameters, options);
      return oauth.processGenericTokenEndpointResponse(server, client, response);
    }),
    clientCredentials: (parameters) => withNonce(async () => {
      const response = await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, options);
      return oauth.processClientCredentialsResponse(server, client, response);
    }),
    thumbprint: () => DPoP.calculateThumbprint(),
    call: (token, method, url, send) => withNonce(() => oauth.protectedResourceRequest(
      token, method, url, undefined, null, { ...options, [oauth.customFetch]: send },
    )),
    callAsBearer: (token, url) => oauth.protectedResourceRequest(token, 'GET', url, undefined, null, http),
  };
});
