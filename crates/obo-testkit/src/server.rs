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

/// A running authorization server on a loopback port; stops when the last clone is dropped.
#[derive(Clone)]
pub struct TestIdp {
    state: Arc<State>,
    listener: Arc<Listener>,
}

/// Starting, stopping, and where things are.
impl TestIdp {
    pub(crate) fn serve(state: Arc<State>, listener: Listener) -> Self {
        listener.start(router(Arc::clone(&state)));
        Self {
            state,
            listener: Arc::new(listener),
        }
    }

    /// The issuer identifier, `http://127.0.0.1:PORT` and the issuer path.
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

    /// Takes the server down: open connections are closed, new ones refused, the port stays reserved.
    pub fn stop(&self) {
        self.listener.stop();
    }

    /// Brings the server back on the same port, with the same keys and clients.
    pub async fn resume(&self) {
        self.listener.start(router(Arc::clone(&self.state)));
    }

    /// Adds seconds to the wall clock that the server reads; negative ones set it back.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state.settings.lock().clock_offset = seconds;
    }

    /// Sets how long tokens from the token endpoint live, in seconds; the default is 300.
    pub fn set_token_lifetime(&self, seconds: i64) {
        self.state.settings.lock().lifetime = seconds;
    }

    /// Issues opaque tokens from the token endpoint, instead of JWTs.
    pub fn set_issues_opaque(&self, opaque: bool) {
        self.state.settings.lock().issues_opaque = opaque;
    }

    /// Grants the allowed ones of several requested targets, instead of refusing them all.
    ///
    /// RFC 8693 §2.1.1 leaves the choice to the server; the default is to refuse.
    pub fn set_narrows_targets(&self, narrows: bool) {
        self.state.settings.lock().narrows_targets = narrows;
    }
}

/// Tokens and clients.
impl TestIdp {
    /// An access token for a user, requested by the client `test-app`.
    pub fn user(&self, sub: &str) -> TokenBuilder {
        TokenBuilder::access_token(Arc::clone(&self.state), sub, "test-app")
    }

    /// An access token a service got for itself: `sub` equals `client_id`.
    pub fn service(&self, client_id: &str) -> TokenBuilder {
        TokenBuilder::access_token(Arc::clone(&self.state), client_id, client_id)
    }

    /// An ID token of OpenID Connect, signed with the same key: no resource server may accept it.
    pub fn id_token(&self, sub: &str, client_id: &str) -> TokenBuilder {
        TokenBuilder::id_token(Arc::clone(&self.state), sub, client_id)
    }

    /// Revokes a token, a JWT or an opaque one: it is inactive to the introspection endpoint, and cannot be exchanged.
    pub fn revoke(&self, token: &str) {
        self.state.tokens.lock().revoked.insert(token.to_owned());
    }

    /// Registers a confidential client, or returns to one registered before.
    pub fn client(&self, client_id: &str) -> TestClient {
        TestClient::register(Arc::clone(&self.state), client_id)
    }
}

/// Keys.
impl TestIdp {
    /// Makes and publishes a new key of the default algorithm and signs with it from now on; its `kid`.
    ///
    /// Old keys stay published.
    pub fn rotate(&self) -> String {
        self.state.keys.lock().add(self.state.signing).kid
    }

    /// The `kid` that tokens carry now.
    pub fn kid(&self) -> String {
        self.state.keys.lock().current(self.state.signing).kid
    }

    /// Takes a key out of the published set; the server still accepts subject tokens it signed.
    pub fn withdraw(&self, kid: &str) {
        self.state.keys.lock().withdraw(|known| known == Some(kid));
    }

    /// Empties the published set.
    pub fn withdraw_all(&self) {
        self.state.keys.lock().withdraw(|_| true);
    }

    /// Publishes one more entry, however odd.
    pub fn publish_extra_jwk(&self, jwk: Value) {
        self.state.keys.lock().extra.push(jwk);
    }

    /// Serves this text instead of the JWK Set; `None` ends the lie.
    pub fn replace_jwks(&self, body: Option<String>) {
        self.state.keys.lock().replacement = body;
    }
}

/// Misbehaviour.
impl TestIdp {
    /// Makes an endpoint misbehave until [`heal`](Self::heal); several faults add up.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.lock().standing.push((endpoint, fault));
    }

    /// Makes an endpoint misbehave for one request; several such faults are used up one per request.
    ///
    /// The request that meets one does not meet the standing faults.
    pub fn fault_once(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.lock().once.push_back((endpoint, fault));
    }

    /// Makes every endpoint misbehave until [`heal`](Self::heal).
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

    /// Ends all faults and lets hanging requests go on.
    pub fn heal(&self) {
        *self.state.faults.lock() = Faults::default();
        self.state.healed.send_replace(());
    }
}

/// What was asked.
impl TestIdp {
    /// Every request so far, in order of arrival.
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

    /// Returns once an endpoint has received this many requests since the start, answered or not.
    ///
    /// For tests of what happens while a request hangs; no need to sleep.
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
