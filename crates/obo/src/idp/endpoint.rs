//! Requests to an endpoint of an authorization server, the token or the introspection endpoint: who
//! may send one now, retries, deadline, client authentication.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use obo_core::metadata::ServerMetadata;
use obo_core::{ErrorClass, Target, TokenEndpointError, TokenRequest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::admission::{Admission, Asker};
use crate::clock::Clock;
use crate::idp::client_auth::{Attempt, Client, ClientAuth, ProofSigner};
use crate::idp::http::{HttpError, Limits};
use crate::idp::proofs::{DPOP, Nonces};
use crate::idp::server::AuthorizationServer;
use crate::random;

const LIMITS: Limits = Limits {
    body: 256 * 1024,
    deadline: Duration::from_secs(5),
};

/// The longest wait before the first retry; it doubles with the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// The statuses of a URL where the endpoint is not.
const NOWHERE: [StatusCode; 3] = [
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::GONE,
];

/// An endpoint of an authorization server where clients authenticate, and its state.
#[derive(Debug)]
pub(crate) struct Endpoint {
    server: AuthorizationServer,
    admission: Admission,
    nonces: Nonces,
}

/// The client that sends a request, and how.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) client: &'a Client,
    pub(crate) clock: &'a Clock,
    /// The accepted media type.
    pub(crate) accept: &'static str,
    pub(crate) patience: Patience,
    /// Signs the proof of the request, if it has one.
    pub(crate) signer: Option<&'a ProofSigner>,
    /// Whether the connection has a certificate that tokens are bound to, however the client
    /// authenticates.
    pub(crate) has_certificate: bool,
}

/// How long all attempts together may take, and how often a transient failure is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    until: Instant,
    in_all: Duration,
    retries: u32,
}

/// Why there is no usable response.
#[derive(Debug)]
pub(crate) enum AskError {
    /// The server was asked, for its metadata or for the response.
    Asked(TokenEndpointError),
    /// The server was not asked, or the request itself was the reason, so the failure does not
    /// count against the server.
    NotAsked(TokenEndpointError),
}

impl AskError {
    pub(super) fn into_error(self) -> TokenEndpointError {
        match self {
            Self::Asked(error) | Self::NotAsked(error) => error,
        }
    }

    /// The same error, of a request that followed another one to the same server.
    pub(crate) fn after_another(self) -> Self {
        Self::Asked(self.into_error())
    }
}

impl From<TokenEndpointError> for AskError {
    fn from(error: TokenEndpointError) -> Self {
        Self::Asked(error)
    }
}

impl Patience {
    pub(crate) fn new(until: Instant, in_all: Duration, retries: u32) -> Self {
        Self {
            until,
            in_all,
            retries,
        }
    }

    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Returns the output of the future, unless the deadline passes first.
    pub(crate) async fn limit<T>(
        self,
        future: impl Future<Output = T>,
    ) -> Result<T, TokenEndpointError> {
        if self.left().is_zero() {
            return Err(self.over());
        }
        timeout_at(self.until, future)
            .await
            .map_err(|_| self.over())
    }

    fn over(self) -> TokenEndpointError {
        let problem = format!("no response within {:?}", self.in_all);
        TokenEndpointError::new(ErrorClass::Transient, problem)
    }
}

impl Endpoint {
    pub(crate) fn new(server: AuthorizationServer, admission: Admission) -> Self {
        Self {
            server,
            admission,
            nonces: Nonces::new(),
        }
    }

    pub(crate) fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    /// How long the server requested this asker to wait.
    pub(crate) fn pause(&self, asker: Asker) -> Duration {
        self.admission.pauses.remaining(asker)
    }

    /// Runs attempts as long as their failures may pass and `patience` allows another one. Respects
    /// the pauses of the server.
    pub(crate) async fn call<T, F>(
        &self,
        asker: Asker,
        target: Option<&Target>,
        patience: Patience,
        attempt: impl FnMut() -> F,
    ) -> Result<T, TokenEndpointError>
    where
        F: Future<Output = Result<T, AskError>>,
    {
        let attempts = self.attempts(asker, patience, attempt);
        self.admission.guard(asker, target, attempts).await
    }

    async fn attempts<T, F>(
        &self,
        asker: Asker,
        patience: Patience,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, AskError>
    where
        F: Future<Output = Result<T, AskError>>,
    {
        let mut was_asked = false;
        let mut retry = 0;
        loop {
            let failed = match self.wait_out_pause(asker, patience).await {
                Ok(()) => attempt().await,
                Err(error) => Err(AskError::NotAsked(error)),
            };
            let error = match failed {
                Ok(outcome) => return Ok(outcome),
                Err(AskError::NotAsked(error)) => error,
                Err(AskError::Asked(error)) => {
                    was_asked = true;
                    self.admission.pauses.record(asker, &error);
                    error
                }
            };
            let left = patience.left();
            let may_pass = matches!(error.class(), ErrorClass::Throttled | ErrorClass::Transient);
            // After an attempt that hung for half of the time, another one is not worth it.
            if !may_pass
                || retry == patience.retries
                || left <= patience.in_all / 2
                || self.pause(asker) > left
            {
                return Err(match was_asked {
                    true => AskError::Asked(error),
                    false => AskError::NotAsked(error),
                });
            }
            sleep(backoff(retry)).await;
            retry += 1;
        }
    }

    /// Waits until the server may be asked again; fails at once if that is after the deadline.
    async fn wait_out_pause(
        &self,
        asker: Asker,
        patience: Patience,
    ) -> Result<(), TokenEndpointError> {
        let pause = self.pause(asker);
        if pause > patience.left() {
            return Err(Admission::paused(pause));
        }
        if !pause.is_zero() {
            // Requests that waited for the same moment do not resume together.
            sleep_until((Instant::now() + pause + backoff(0)).min(patience.until)).await;
        }
        Ok(())
    }

    /// One attempt: finds the URL, authenticates, sends. A refusing response repeats nothing of the
    /// request.
    ///
    /// `place` chooses the endpoint from the metadata; its second argument says whether the
    /// connection has a certificate (RFC 8705 section 5).
    pub(crate) async fn post(
        &self,
        sender: Sender<'_>,
        form: TokenRequest,
        place: impl FnOnce(&ServerMetadata, bool) -> Result<&str, TokenEndpointError>,
    ) -> Result<Response<Bytes>, AskError> {
        let metadata = self.server.metadata(sender.clock);
        let metadata = sender.patience.limit(metadata).await;
        let metadata = metadata.map_err(AskError::NotAsked)?.map_err(|error| {
            let retry_after = error.retry_after;
            TokenEndpointError::new(ErrorClass::Transient, error.to_string())
                .with_retry_after(retry_after)
        })?;
        let auth = sender.client.auth();
        let is_mutual_tls = sender.has_certificate || auth.uses_mutual_tls();
        let url = place(&metadata, is_mutual_tls).map_err(|error| {
            self.server.doubt(&metadata);
            AskError::NotAsked(error)
        })?;
        let sent = self.send(sender, url, &*auth, form).await;
        let leads_nowhere = match &sent {
            Ok(response) => NOWHERE.contains(&response.status()),
            Err(AskError::Asked(error) | AskError::NotAsked(error)) => {
                error.class() == ErrorClass::Transient
            }
        };
        if leads_nowhere {
            self.server.doubt(&metadata);
        }
        sent
    }

    /// As [`post`](Self::post), to a given URL, so that no metadata is needed.
    pub(crate) async fn post_to(
        &self,
        sender: Sender<'_>,
        url: &str,
        form: TokenRequest,
    ) -> Result<Response<Bytes>, AskError> {
        let auth = sender.client.auth();
        self.send(sender, url, &*auth, form).await
    }

    async fn send(
        &self,
        sender: Sender<'_>,
        url: &str,
        auth: &dyn ClientAuth,
        mut form: TokenRequest,
    ) -> Result<Response<Bytes>, AskError> {
        let attempt = Attempt {
            client_id: sender.client.id(),
            server: self.server.issuer(),
            token_endpoint: url,
            now: sender.clock.now(),
        };
        let authenticated = sender.patience.limit(auth.authenticate(&mut form, attempt));
        let authenticated = authenticated.await.map_err(AskError::NotAsked)?;
        authenticated.map_err(|error| AskError::NotAsked(error.of_this_service()))?;
        let mut post = Request::post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, sender.accept)
            .body(form.body())
            .map_err(|error| {
                let class = ErrorClass::ClientMisconfigured;
                AskError::NotAsked(TokenEndpointError::new(class, error.to_string()))
            })?;
        post.headers_mut().extend(form.headers().clone());
        if let Some(signer) = sender.signer {
            let now = sender.clock.now();
            let proving = self.nonces.prove(signer, "POST", url, None, now);
            let proving = proving.map_err(AskError::NotAsked)?;
            let proof = proving.before(sender.patience.until).await;
            let proof = proof.map_err(AskError::NotAsked)?;
            post.headers_mut().insert(&DPOP, proof);
        }
        let sent = sender.patience.limit(self.server.http().send(post, LIMITS));
        let response = sent.await?.map_err(|error| {
            let class = match error {
                HttpError::TooLong(_) => ErrorClass::ResponseUnusable,
                HttpError::NoResponse(_) => ErrorClass::Transient,
            };
            TokenEndpointError::new(class, error.to_string())
        })?;
        if sender.signer.is_some() {
            self.nonces.keep(url, response.headers());
        }
        Ok(match is_refusal(&response) {
            false => response,
            true => response.map(|body| form.without_echo(body)),
        })
    }
}

/// A random part of the longest wait, so that requests that failed together do not retry together.
fn backoff(retry: u32) -> Duration {
    (FIRST_BACKOFF * 2_u32.pow(retry)).mul_f64(random::fraction())
}

/// Whether errors may quote the body: some servers refuse with status 200 and an `error`.
fn is_refusal(response: &Response<Bytes>) -> bool {
    #[derive(Deserialize)]
    struct Body {
        error: Option<IgnoredAny>,
    }
    let body = || serde_json::from_slice(response.body());
    response.status() != StatusCode::OK || body().is_ok_and(|body: Body| body.error.is_some())
}

/// The URL of an endpoint, or why it is missing.
type Url<'m> = Result<&'m str, TokenEndpointError>;

pub(crate) fn token_endpoint(metadata: &ServerMetadata, is_mutual_tls: bool) -> Url<'_> {
    let alias = metadata.mtls_token_endpoint.as_deref();
    let url = alias.filter(|_| is_mutual_tls);
    let url = url.or(metadata.token_endpoint.as_deref());
    url.ok_or_else(|| missing(metadata, "token_endpoint"))
}

pub(crate) fn introspection_endpoint(metadata: &ServerMetadata, is_mutual_tls: bool) -> Url<'_> {
    let alias = metadata.mtls_introspection_endpoint.as_deref();
    let url = alias.filter(|_| is_mutual_tls);
    let url = url.or(metadata.introspection_endpoint.as_deref());
    url.ok_or_else(|| missing(metadata, "introspection_endpoint"))
}

fn missing(metadata: &ServerMetadata, name: &'static str) -> TokenEndpointError {
    // A wrong document may be fixed; a server without the member has no such endpoint.
    let class = match metadata.is_unusable(name) {
        true => ErrorClass::Transient,
        false => ErrorClass::ClientMisconfigured,
    };
    let problem = format!("the authorization server's {}", metadata.missing(name));
    TokenEndpointError::new(class, problem)
}
