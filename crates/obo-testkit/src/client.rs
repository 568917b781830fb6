use std::fmt;
use std::sync::Arc;

use serde_json::Value;

#[cfg(feature = "tls")]
use crate::certificate::TestCertificate;
use crate::public_key::PublicKey;
use crate::registration::Registration;
use crate::state::State;

/// A registered confidential client, from [`TestIdp::client`](crate::TestIdp::client).
///
/// Each method takes effect at once. A client starts without rights: no secret, no key, no exchange
/// target, no audience.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idp = obo_testkit::TestIdp::start().await;
/// let client = idp.client("service-a").secret("s3cret");
/// client.may_exchange_to("service-b").scope_allowed("service-b", "orders:read");
/// # }
/// ```
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

    /// Accepts this secret instead of an earlier one.
    ///
    /// The methods are `client_secret_basic`, `client_secret_post` and `client_secret_jwt`.
    pub fn secret(self, secret: &str) -> Self {
        self.change(|client| client.secret = Some(secret.to_owned()))
    }

    /// Reads this client's Basic credentials without form-decoding them, as some products do.
    ///
    /// The default is to decode them (RFC 6749 §2.3.1).
    pub fn raw_basic(self) -> Self {
        self.change(|client| client.raw_basic = true)
    }

    /// Adds a key for `private_key_jwt`: SubjectPublicKeyInfo in PEM.
    ///
    /// # Panics
    ///
    /// If the text is not a PEM `PUBLIC KEY`.
    pub fn public_key_pem(self, pem: &str) -> Self {
        let key = PublicKey::from_pem(pem).expect("a PEM block labelled PUBLIC KEY");
        self.change(|client| client.keys.push(key))
    }

    /// Adds a key for `private_key_jwt`: a public JWK.
    ///
    /// # Panics
    ///
    /// If the value is not a public RSA, P-256, P-384 or Ed25519 JWK.
    pub fn jwk(self, jwk: Value) -> Self {
        let key = PublicKey::from_jwk(&jwk).expect("a public RSA, P-256, P-384 or Ed25519 JWK");
        self.change(|client| client.keys.push(key))
    }

    /// Accepts assertions that a platform signs with this key about its workload `sub`.
    ///
    /// Such as the token of a Kubernetes service account, or a JWT-SVID, whose `sub` is a SPIFFE ID
    /// and whose assertion type is `jwt-spiffe`.
    ///
    /// # Panics
    ///
    /// If the value is not a public RSA, P-256, P-384 or Ed25519 JWK.
    pub fn workload(self, sub: &str, jwk: Value) -> Self {
        let key = PublicKey::from_jwk(&jwk).expect("a public RSA, P-256, P-384 or Ed25519 JWK");
        self.change(|client| client.foreign.push((sub.to_owned(), key)))
    }

    /// Authenticates the client by a certificate of the server's authority with this name
    /// (`tls_client_auth`, RFC 8705 §2.1), from
    /// [`TestIdp::certificate`](crate::TestIdp::certificate).
    ///
    /// Such a client calls the endpoints with mutual TLS
    /// ([`Builder::mutual_tls`](crate::Builder::mutual_tls)).
    #[cfg(feature = "tls")]
    pub fn tls_client_auth(self, name: &str) -> Self {
        self.change(|client| client.certificate_name = Some(name.to_owned()))
    }

    /// Authenticates the client by this certificate (`self_signed_tls_client_auth`, RFC 8705 §2.2).
    #[cfg(feature = "tls")]
    pub fn self_signed_tls_client_auth(self, certificate: &TestCertificate) -> Self {
        self.change(|client| client.certificates.extend([certificate.thumbprint()]))
    }

    /// Removes the keys of `private_key_jwt`.
    pub fn without_keys(self) -> Self {
        self.change(|client| client.keys.clear())
    }

    /// Requires this client's own assertions to have the token endpoint's URL as audience.
    ///
    /// Some products do. The default is the issuer alone (draft-ietf-oauth-rfc7523bis).
    pub fn audience_token_endpoint(self) -> Self {
        self.change(|client| client.audience_token_endpoint = true)
    }

    /// Allows exchanges for this target, requested as `audience` or as `resource`.
    pub fn may_exchange_to(self, target: &str) -> Self {
        self.change(|client| client.exchange_targets.extend([target.to_owned()]))
    }

    /// Allows client credentials tokens for this target, requested as `audience` or as `resource`.
    pub fn may_request(self, target: &str) -> Self {
        self.change(|client| client.request_targets.extend([target.to_owned()]))
    }

    /// Lets this client introspect tokens for this audience.
    ///
    /// The default is the tokens that are addressed to the client itself.
    pub fn may_introspect(self, audience: &str) -> Self {
        self.change(|client| client.introspection_targets.extend([audience.to_owned()]))
    }

    /// Issues this client's exchanged tokens without `act`: impersonation (RFC 8693 §1.1).
    pub fn impersonates(self) -> Self {
        self.change(|client| client.impersonates = true)
    }

    /// Allows a scope at a target. From the first call on, other scopes are not granted.
    ///
    /// A scope is granted if it is allowed at every requested target (RFC 8693 §2.1.1).
    pub fn scope_allowed(self, target: &str, scope: &str) -> Self {
        self.change(|client| {
            let scopes = client.scopes.entry(target.to_owned()).or_default();
            scopes.extend([scope.to_owned()]);
        })
    }

    fn change(self, edit: impl FnOnce(&mut Registration)) -> Self {
        let mut clients = self.state.clients.lock();
        edit(clients.entry(self.id.clone()).or_default());
        drop(clients);
        self
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClient").field(&self.id).finish()
    }
}
