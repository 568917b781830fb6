// Prints results in the format of Rust's test programs, and reads the line of the testkit.
import fs from 'node:fs';

export const testkit = JSON.parse(process.env.OBO_INTEROP_TESTKIT);
/** Servers and services that bind tokens to keys. */
export const bound = JSON.parse(process.env.OBO_INTEROP_BOUND);
export const issuer = new URL(testkit.issuer);
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export function peer(name) {
  const { version } = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`));
  console.log(`peer ${name} ${version}`);
}

export async function test(name, run) {
  try {
    await run();
    console.log(`test ${name} ... ok`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`test ${name} ... FAILED`);
    console.error(name, error);
  }
}

export function exchange(client, scope = 'b:read') {
  return {
    subject_token: testkit.clients[client].subject_token,
    subject_token_type: ACCESS_TOKEN,
    audience: 'service-b',
    scope,
  };
}

export function clientKey() {
  const { alg, use, kid, ...jwk } = testkit.client_key;
  return crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    .then((key) => ({ key, kid }));
}

/** The claims of a token, not validated. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}
