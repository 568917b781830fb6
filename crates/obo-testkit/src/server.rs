use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::client::TestClient;
use crate::fault::{Endpoint, Fault, Faults};
use crate::listener::Listener;
use crate::recorded::Recorded;
use crate::router::router;
use crate::state::State;
use crate::token_builder::TokenBuilder;

/// A running authorization server on a loopback port. It stops when the last clone is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use obo_testkit::TestIdp;
///
/// let idp = TestIdp::start().await;
/// let token = idp.user("alice").audience("service-a").scope("orders:read").mint();
/// assert_eq!(token.split('.').count(), 3);
/// # }
/// ```
#[derive(Clone)]
pub struct TestIdp {
    state: Arc<State>,
    listener: Arc<Listener>,
}

/// Addresses, start and stop, settings.
impl TestIdp {
    pub(crate) fn serve(state: Arc<State>, listener: Listener) -> Self {
        listener.start(router(Arc::clone(&state)));
        Self {
            state,
            listener: Arc::new(listener),
        }
    }

    /// The issuer identifier: `http://127.0.0.1:PORT` and the issuer path.
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// The URL of the token endpoint.
    pub fn token_endpoint(&self) -> String {
        self.state.url("/token")
    }

    /// The URL of the introspection endpoint.
    pub fn introspection_endpoint(&self) -> String {
        self.state.url("/introspect")
    }

    /// The URL of the JWK Set.
    pub fn jwks_uri(&self) -> String {
        self.state.url("/jwks")
    }

    /// Stops the server: closes open connections, refuses new ones, keeps the port reserved.
    pub fn stop(&self) {
        self.listener.stop();
    }

    /// Starts a stopped server again on the same port, with the same keys and clients.
    pub async fn resume(&self) {
        self.listener.start(router(Arc::clone(&self.state)));
    }

    /// Moves the server's clock by this many seconds from the wall clock, back if negative.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state.settings.lock().clock_offset = seconds;
    }

    /// Sets the lifetime of tokens from the token endpoint, in seconds. The default is 300.
    pub fn set_token_lifetime(&self, seconds: i64) {
        self.state.settings.lock().lifetime = seconds;
    }

    /// Issues opaque tokens from the token endpoint instead of JWTs.
    pub fn set_issues_opaque(&self, opaque: bool) {
        self.state.settings.lock().issues_opaque = opaque;
    }

    /// Grants the allowed ones of several requested targets instead of refusing the request.
    ///
    /// RFC 8693 §2.1.1 leaves the choice to the server; the default is to refuse.
    pub fn set_narrows_targets(&self, narrows: bool) {
        self.state.settings.lock().narrows_targets = narrows;
    }
}

/// Tokens and clients.
impl TestIdp {
    /// Builds an access token for a user, issued to the client `test-app`.
    pub fn user(&self, sub: &str) -> TokenBuilder {
        TokenBuilder::access_token(Arc::clone(&self.state), sub, "test-app")
    }

    /// Builds an access token of a service's own: `sub` equals `client_id`.
    pub fn service(&self, client_id: &str) -> TokenBuilder {
        TokenBuilder::access_token(Arc::clone(&self.state), client_id, client_id)
    }

    /// Builds an ID token (OpenID Connect), which resource servers must reject.
    pub fn id_token(&self, sub: &str, client_id: &str) -> TokenBuilder {
        TokenBuilder::id_token(Arc::clone(&self.state), sub, client_id)
    }

    /// Revokes a JWT or an opaque token: it becomes inactive, and cannot be exchanged.
    pub fn revoke(&self, token: &str) {
        self.state.tokens.lock().revoked.insert(token.to_owned());
    }

    /// Registers a confidential client, or returns the one that is registered by this name.
    pub fn client(&self, client_id: &str) -> TestClient {
        TestClient::register(Arc::clone(&self.state), client_id)
    }
}

/// Keys.
impl TestIdp {
    /// Generates a new key, publishes it, signs with it from now on, and returns its `kid`.
    ///
    /// Its algorithm is the default one. Old keys stay published.
    pub fn rotate(&self) -> String {
        self.state.keys.lock().add(self.state.signing).kid
    }

    /// The `kid` of new tokens.
    pub fn kid(&self) -> String {
        self.state.keys.lock().current(self.state.signing).kid
    }

    /// Removes a key from the published set. The server still accepts subject tokens of that key.
    pub fn withdraw(&self, kid: &str) {
        self.state.keys.lock().withdraw(|known| known == Some(kid));
    }

    /// Empties the published set.
    pub fn withdraw_all(&self) {
        self.state.keys.lock().withdraw(|_| true);
    }

    /// Publishes one more entry, valid or not.
    pub fn publish_extra_jwk(&self, jwk: Value) {
        self.state.keys.lock().extra.push(jwk);
    }

    /// Serves this text instead of the JWK Set; `None` serves the JWK Set again.
    pub fn replace_jwks(&self, body: Option<String>) {
        self.state.keys.lock().replacement = body;
    }
}

/// Faults.
impl TestIdp {
    /// Sets a fault on an endpoint until [`heal`](Self::heal). Several faults add up.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.lock().standing.push((endpoint, fault));
    }

    /// Sets a fault on an endpoint for one request. Each request uses up one such fault.
    ///
    /// Standing faults do not apply to that request.
    pub fn fault_once(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.lock().once.push_back((endpoint, fault));
    }

    /// Sets a fault on every endpoint until [`heal`](Self::heal).
    pub fn misbehave(&self, fault: Fault) {
        for endpoint in [
            Endpoint::Token,
            Endpoint::Introspection,
            Endpoint::Jwks,
            Endpoint::Discovery,
        ] {
            self.fault(endpoint, fault.clone());
        }
    }

    /// Removes all faults; hanging requests continue.
    pub fn heal(&self) {
        *self.state.faults.lock() = Faults::default();
        self.state.healed.send_replace(());
    }
}

/// Recorded requests.
impl TestIdp {
    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().clone()
    }

    /// How many requests the token endpoint received.
    pub fn token_requests(&self) -> usize {
        self.received(Endpoint::Token)
    }

    /// How many requests the introspection endpoint received.
    pub fn introspection_requests(&self) -> usize {
        self.received(Endpoint::Introspection)
    }

    /// How many requests the JWK Set received.
    pub fn jwks_requests(&self) -> usize {
        self.received(Endpoint::Jwks)
    }

    /// How many requests the two metadata documents received.
    pub fn discovery_requests(&self) -> usize {
        self.received(Endpoint::Discovery)
    }

    /// Waits until an endpoint has received this many requests since the start, finished or not.
    ///
    /// For tests of what happens while a request hangs, without a sleep.
    pub async fn wait_for_requests(&self, endpoint: Endpoint, count: usize) {
        let mut arrived = self.state.arrived.subscribe();
        while self.received(endpoint) < count {
            arrived.changed().await.expect("a sender in the state");
        }
    }

    fn received(&self, endpoint: Endpoint) -> usize {
        let requests = self.state.requests.lock();
        let served = requests.iter().filter_map(|request| request.endpoint);
        served.filter(|served| endpoint.covers(*served)).count()
    }
}

impl fmt::Debug for TestIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIdp")
            .field("issuer", &self.state.issuer)
            .finish_non_exhaustive()
    }
}
