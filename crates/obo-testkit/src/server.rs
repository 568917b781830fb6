use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use http::Response;
use serde_json::Value;

use crate::alg::TestAlg;
#[cfg(feature = "tls")]
use crate::certificate::TestCertificate;
use crate::client::TestClient;
use crate::fault::{Endpoint, Fault, Faults};
use crate::key_set::KeySet;
use crate::listener::Listener;
use crate::lock::Lock;
use crate::recorded::Recorded;
use crate::router::router;
use crate::sender;
use crate::state::{Settings, State};
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
    #[cfg(feature = "tls")]
    mutual_tls: Option<Arc<Listener>>,
}

/// Addresses, start and stop, settings.
impl TestIdp {
    /// Starts a server with the defaults: no issuer path, RS256.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Builds a server with other options.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use obo_testkit::{TestAlg, TestIdp};
    ///
    /// let idp = TestIdp::builder().issuer_path("/realms/corp").signing(TestAlg::Es256);
    /// let idp = idp.start().await;
    /// assert!(idp.issuer().ends_with("/realms/corp"));
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
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
        #[cfg(feature = "tls")]
        if let Some(listener) = &self.mutual_tls {
            listener.stop();
        }
    }

    /// Starts a stopped server again on the same port, with the same keys and clients.
    pub async fn resume(&self) {
        self.listener.start(router(Arc::clone(&self.state)));
        #[cfg(feature = "tls")]
        if let Some(listener) = &self.mutual_tls {
            listener.start(router(Arc::clone(&self.state)));
        }
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

    /// Demands a nonce in the proofs of token requests (RFC 9449 §8). The header `DPoP-Nonce` of
    /// each response to a proof has it.
    pub fn set_demands_nonce(&self, demands: bool) {
        self.state.settings.lock().demands_nonce = demands;
    }

    /// Makes a new nonce. The one before is still accepted, older ones are not.
    pub fn rotate_nonce(&self) {
        self.state.nonces.lock().rotate();
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
    ///
    /// Its audience is the client, and it has a `nonce`, as servers send it after a sign-in.
    /// Without it, `.without("nonce")`, no claim marks it as an ID token.
    pub fn id_token(&self, sub: &str, client_id: &str) -> TokenBuilder {
        TokenBuilder::id_token(Arc::clone(&self.state), sub, client_id)
    }

    /// Builds a logout token (OpenID Connect Back-Channel Logout 1.0) for a client: all sessions of
    /// the user end.
    ///
    /// To end one session, add `.session("…")`. Send it with [`send_logout`](Self::send_logout).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let idp = obo_testkit::TestIdp::start().await;
    /// let everywhere = idp.logout_token("alice", "service-a").mint();
    /// let one_session = idp.logout_token("alice", "service-a").session("s-1").mint();
    /// let forged = idp.logout_token("alice", "service-a").claim("nonce", "n").mint();
    /// # assert!(everywhere != one_session && one_session != forged);
    /// # }
    /// ```
    pub fn logout_token(&self, sub: &str, client_id: &str) -> TokenBuilder {
        TokenBuilder::logout_token(Arc::clone(&self.state), sub, client_id)
    }

    /// Builds a security event token (RFC 8417) about a user, whose `sub_id` has the format
    /// `iss_sub`.
    ///
    /// `event` is the name of a CAEP event, such as `session-revoked`, or a complete URI. Send it
    /// with [`send_security_event`](Self::send_security_event).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let idp = obo_testkit::TestIdp::start().await;
    /// let event = idp.security_event("session-revoked", "alice");
    /// let token = event.audience("https://a.example/ssf").mint();
    /// # assert_eq!(token.split('.').count(), 3);
    /// # }
    /// ```
    pub fn security_event(&self, event: &str, sub: &str) -> TokenBuilder {
        TokenBuilder::security_event(Arc::clone(&self.state), event, sub)
    }

    /// Posts a logout token to a `backchannel_logout_uri`, as a form, and returns the response.
    ///
    /// # Panics
    ///
    /// Panics if the URL cannot be reached; see [`try_send_logout`](Self::try_send_logout).
    pub async fn send_logout(&self, url: &str, token: &str) -> Response<String> {
        let sent = sender::send_logout(url, token).await;
        sent.expect("a receiver of logout tokens")
    }

    /// As [`send_logout`](Self::send_logout), for a receiver that may not be there.
    ///
    /// # Errors
    ///
    /// Fails if the URL cannot be reached, and says why.
    pub async fn try_send_logout(
        &self,
        url: &str,
        token: &str,
    ) -> Result<Response<String>, String> {
        sender::send_logout(url, token).await
    }

    /// Pushes a security event token to a receiver (RFC 8935), and returns the response.
    pub async fn send_security_event(&self, url: &str, token: &str) -> Response<String> {
        sender::send_security_event(url, token).await
    }

    /// Revokes a JWT or an opaque token: it becomes inactive, and cannot be exchanged.
    pub fn revoke(&self, token: &str) {
        self.state.revoked.lock().insert(token.to_owned());
    }

    /// Revokes all tokens of a user, also those that are issued later, until
    /// [`restore_user`](Self::restore_user).
    pub fn revoke_user(&self, sub: &str) {
        self.state.revoked_users.lock().insert(sub.to_owned());
    }

    /// Undoes [`revoke_user`](Self::revoke_user).
    pub fn restore_user(&self, sub: &str) {
        self.state.revoked_users.lock().remove(sub);
    }

    /// Registers a confidential client, or returns the one that is registered by this name.
    pub fn client(&self, client_id: &str) -> TestClient {
        TestClient::register(Arc::clone(&self.state), client_id)
    }
}

/// Mutual TLS and certificates.
#[cfg(feature = "tls")]
impl TestIdp {
    /// The URL of the token endpoint with mutual TLS.
    ///
    /// # Panics
    ///
    /// If the server was started without [`Builder::mutual_tls`].
    pub fn mutual_tls_token_endpoint(&self) -> String {
        let url = self.state.mutual_tls_url("/token");
        url.expect("a server with `TestIdp::builder().mutual_tls()`")
    }

    /// Issues a certificate by the server's own authority, for a client or for a service under
    /// test.
    ///
    /// The name is a DNS name, such as `service-a` or `localhost`, an IP address or a URI, such as
    /// a SPIFFE ID.
    ///
    /// # Panics
    ///
    /// If the name cannot be in a certificate.
    pub fn certificate(&self, name: &str) -> TestCertificate {
        self.state.issue_certificate(name)
    }

    /// The authority's own certificate in PEM, which clients and services trust.
    pub fn authority_pem(&self) -> String {
        self.state.authority().pem()
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
    ///
    /// # Panics
    ///
    /// After a minute of real time, also while tokio's clock is paused.
    pub async fn wait_for_requests(&self, endpoint: Endpoint, count: usize) {
        let minute = Duration::from_secs(60);
        self.wait_within(minute, endpoint, count).await;
    }

    async fn wait_within(&self, limit: Duration, endpoint: Endpoint, count: usize) {
        let mut arrived = self.state.arrived.subscribe();
        let (_waits, is_over) = mpsc::channel::<()>();
        let is_late = Arc::new(AtomicBool::new(false));
        let (late, wake) = (Arc::clone(&is_late), self.state.arrived.clone());
        // A timer of tokio would make a paused clock jump.
        thread::spawn(move || {
            if is_over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                late.store(true, Ordering::Release);
                wake.send_replace(());
            }
        });
        loop {
            let received = self.received(endpoint);
            if received >= count {
                return;
            }
            assert!(
                !is_late.load(Ordering::Acquire),
                "expected {count} requests to {endpoint:?}, received {received} within {limit:?}"
            );
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
        f.debug_tuple("TestIdp").field(&self.state.issuer).finish()
    }
}

/// Options of a server that has not started, from [`TestIdp::builder`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    issuer_path: String,
    port: u16,
    signing: TestAlg,
    #[cfg(feature = "tls")]
    has_mutual_tls: bool,
}

impl Builder {
    /// Gives the issuer a path, such as `/realms/corp`. The default is no path.
    ///
    /// # Panics
    ///
    /// If the path is not empty and does not start with a slash, or ends with one.
    pub fn issuer_path(mut self, path: &str) -> Self {
        assert!(
            path.is_empty() || path.starts_with('/') && !path.ends_with('/'),
            "issuer path {path:?} must start with a slash and not end with one"
        );
        path.clone_into(&mut self.issuer_path);
        self
    }

    /// Binds this loopback port, for a server that outlives one test. The default is a free port.
    ///
    /// [`start`](Self::start) panics if the port is taken.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Signs with this algorithm, unless a token is built for another. The default is RS256.
    pub fn signing(mut self, alg: TestAlg) -> Self {
        self.signing = alg;
        self
    }

    /// Starts a second listener with mutual TLS (RFC 8705) for the token endpoint and the
    /// introspection endpoint, which the metadata lists in `mtls_endpoint_aliases`.
    ///
    /// A token that is requested with a certificate is bound to it. Clients may authenticate by
    /// their certificate. The listener's own certificate is for `localhost`, and its clients trust
    /// [`TestIdp::authority_pem`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let idp = obo_testkit::TestIdp::builder().mutual_tls().start().await;
    /// let own = idp.certificate("service-a");
    /// idp.client("service-a").tls_client_auth("service-a").may_exchange_to("service-b");
    /// assert!(idp.mutual_tls_token_endpoint().starts_with("https://localhost:"));
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn mutual_tls(mut self) -> Self {
        self.has_mutual_tls = true;
        self
    }

    /// Binds a loopback port, generates the keys, and returns once the server listens.
    ///
    /// Asynchronous because the server runs on the tokio runtime that awaits it.
    pub async fn start(self) -> TestIdp {
        let listener = Arc::new(Listener::bind(self.port));
        #[cfg(feature = "tls")]
        let mutual_tls = self.has_mutual_tls.then(|| Listener::bind(0));
        let state = Arc::new(State {
            #[cfg(feature = "tls")]
            mutual_tls_origin: mutual_tls
                .as_ref()
                .map(|listener| format!("https://localhost:{}", listener.addr.port())),
            issuer: format!("http://{}{}", listener.addr, self.issuer_path),
            path: self.issuer_path,
            signing: self.signing,
            keys: Lock::new(KeySet::new(self.signing)),
            settings: Lock::new(Settings {
                lifetime: 300,
                ..Settings::default()
            }),
            ..State::default()
        });
        #[cfg(feature = "tls")]
        let mutual_tls = mutual_tls.map(|listener| {
            let certificate = state.issue_certificate("localhost");
            Arc::new(listener.with_tls(crate::mutual_tls::acceptor(&certificate)))
        });
        let idp = TestIdp {
            state,
            listener,
            #[cfg(feature = "tls")]
            mutual_tls,
        };
        idp.resume().await;
        idp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "expected 2 requests to Token, received 1 within 1ms")]
    async fn missing_request_ends_wait() {
        let idp = TestIdp::start().await;
        let mut connection = std::net::TcpStream::connect(idp.listener.addr).unwrap();
        let request = b"POST /token HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
        std::io::Write::write_all(&mut connection, request).unwrap();
        idp.wait_for_requests(Endpoint::Token, 1).await;
        tokio::time::pause();
        let wait = idp.wait_within(Duration::from_millis(1), Endpoint::Token, 2);
        wait.await;
    }
}
