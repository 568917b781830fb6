use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::public_key::PublicKey;
use crate::registration::Registration;
use crate::state::State;

/// A registered confidential client; each method takes effect at once.
///
/// Nothing is allowed that was not said: no exchange target, no audience, no way to authenticate.
#[derive(Clone)]
pub struct TestClient {
    state: Arc<State>,
    id: String,
}

impl TestClient {
    pub(crate) fn register(state: Arc<State>, id: &str) -> Self {
        let client = Self {
            state,
            id: id.to_owned(),
        };
        client.change(|client| client.id = id.to_owned())
    }

    /// The client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Accepts this secret, by `client_secret_basic`, `client_secret_post` and `client_secret_jwt`, in place of an earlier
    /// one.
    pub fn secret(self, secret: &str) -> Self {
        self.change(|client| client.secret = Some(secret.to_owned()))
    }

    /// Reads this client's Basic credentials without form-decoding them, as some products do.
    ///
    /// The default is what RFC 6749 §2.3.1 asks for.
    pub fn raw_basic(self) -> Self {
        self.change(|client| client.raw_basic = true)
    }

    /// Adds a key for `private_key_jwt`: SubjectPublicKeyInfo in PEM.
    ///
    /// # Panics
    ///
    /// When the text is not a PEM `PUBLIC KEY`.
    pub fn public_key_pem(self, pem: &str) -> Self {
        let key = PublicKey::from_pem(pem).expect("a PEM block labelled PUBLIC KEY");
        self.change(|client| client.keys.push(key))
    }

    /// Adds a key for `private_key_jwt`: a public JWK.
    ///
    /// # Panics
    ///
    /// When the value is not a public RSA, P-256, P-384 or Ed25519 JWK.
    pub fn jwk(self, jwk: Value) -> Self {
        let key = PublicKey::from_jwk(&jwk).expect("a public RSA, P-256, P-384 or Ed25519 JWK");
        self.change(|client| client.keys.push(key))
    }

    /// Accepts assertions that a platform signs with this key about its workload `sub`: the token of a Kubernetes service
    /// account, or a JWT-SVID, whose `sub` is a SPIFFE ID and whose type is `jwt-spiffe`.
    ///
    /// # Panics
    ///
    /// When the value is not a public RSA, P-256, P-384 or Ed25519 JWK.
    pub fn workload(self, sub: &str, jwk: Value) -> Self {
        let key = PublicKey::from_jwk(&jwk).expect("a public RSA, P-256, P-384 or Ed25519 JWK");
        self.change(|client| client.foreign.push((sub.to_owned(), key)))
    }

    /// Forgets the keys of `private_key_jwt`.
    pub fn without_keys(self) -> Self {
        self.change(|client| client.keys.clear())
    }

    /// Wants this client's own assertions to be addressed to the token endpoint's URL, as some products do.
    ///
    /// The default is the issuer and nothing else, what draft-ietf-oauth-rfc7523bis asks for.
    pub fn audience_token_endpoint(self) -> Self {
        self.change(|client| client.audience_token_endpoint = true)
    }

    /// Allows exchanges for this target, be it asked for as `audience` or as `resource`.
    pub fn may_exchange_to(self, target: &str) -> Self {
        self.change(|client| client.exchange_targets.extend([target.to_owned()]))
    }

    /// Allows client credentials tokens for this target, be it asked for as `audience` or as `resource`.
    pub fn may_request(self, target: &str) -> Self {
        self.change(|client| client.request_targets.extend([target.to_owned()]))
    }

    /// Tells this client of tokens for this audience; without it, only of those that are addressed to the client itself.
    pub fn may_introspect(self, audience: &str) -> Self {
        self.change(|client| client.introspection_targets.extend([audience.to_owned()]))
    }

    /// Turns this client's exchanges into impersonation: the issued token has no `act` (RFC 8693 §1.1).
    pub fn impersonates(self) -> Self {
        self.change(|client| client.impersonates = true)
    }

    /// Allows a scope at a target, and from then on none that is not allowed like this.
    ///
    /// A scope is granted only when it is allowed at every requested target (RFC 8693 §2.1.1).
    pub fn scope_allowed(self, target: &str, scope: &str) -> Self {
        self.change(|client| {
            let scopes = client.scopes.entry(target.to_owned()).or_default();
            scopes.extend([scope.to_owned()]);
        })
    }

    fn change(self, edit: impl FnOnce(&mut Registration)) -> Self {
        edit(
            self.state
                .clients
                .lock()
                .entry(self.id.clone())
                .or_default(),
        );
        self
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
