//! One attempt at an exchange over HTTP: ask in the server's dialect, authenticate, send, judge the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};

use super::ask::Ask;
use super::breaker::Breaker;
use super::echo::without_echo;
use super::pause::Pause;
use crate::client_auth::Attempt;
use crate::dialect::{Dialect, Registration, Rfc8693};
use crate::http::{HttpError, Limits};
use crate::{
    AuthorizationServer, Client, Clock, ErrorClass, IssuedToken, Target, TokenEndpointError,
};

const LIMITS: Limits = Limits {
    body: 256 * 1024,
    deadline: Duration::from_secs(5),
};

/// How long an exchange may take, unless set.
const DEADLINE: Duration = Duration::from_secs(10);

/// How far an exchange came.
#[derive(Default)]
pub(super) struct Reached {
    /// The authorization server was asked, for its metadata or for the token.
    pub(super) server: bool,
}

#[derive(Clone, Debug)]
pub(super) struct TokenEndpoint {
    pub(super) server: AuthorizationServer,
    pub(super) client: Client,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) clock: Clock,
    /// From the look for the endpoint to the judged answer, all attempts together.
    pub(super) deadline: Duration,
    pub(super) pause: Arc<Pause>,
    pub(super) breaker: Arc<Breaker>,
    /// Where tokens are bound to the client's certificate.
    pub(super) certificate: Option<CertificateNow>,
}

/// The thumbprint of the client's certificate at present.
#[derive(Clone)]
pub(super) struct CertificateNow(pub(super) Arc<dyn Fn() -> [u8; 32] + Send + Sync>);

impl fmt::Debug for CertificateNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateNow(..)")
    }
}

impl TokenEndpoint {
    pub(super) fn new(server: AuthorizationServer, client: Client) -> Self {
        let breaker = Breaker::new(server.issuer().clone());
        Self {
            server,
            client,
            dialect: Arc::new(Rfc8693::new()),
            clock: Clock::system(),
            deadline: DEADLINE,
            pause: Arc::default(),
            breaker: Arc::new(breaker),
            certificate: None,
        }
    }

    pub(super) fn dialect_of<'a>(&'a self, ask: &'a Ask) -> &'a dyn Dialect {
        ask.dialect().unwrap_or(&*self.dialect)
    }

    /// One attempt.
    pub(super) async fn attempt(
        &self,
        ask: &Ask,
        reached: &mut Reached,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let transient = |error: &dyn ToString| {
            TokenEndpointError::new(ErrorClass::Transient, error.to_string())
        };
        let issuer = self.server.issuer();
        let by = Registration::new(issuer, self.client.id());
        let dialect = self.dialect_of(ask);
        let mut form = ask.form(dialect, by)?;
        let metadata = self.server.metadata().await.map_err(|error| {
            reached.server = true;
            let retry_after = error.retry_after;
            transient(&error).with_retry_after(retry_after)
        })?;
        let auth = self.client.auth();
        let alias = metadata.mtls_token_endpoint.as_deref();
        let alias = alias.filter(|_| auth.uses_mutual_tls());
        let url = alias.or(metadata.token_endpoint.as_deref());
        let url = url.ok_or_else(|| {
            misconfigured("the authorization server's metadata has no `token_endpoint`")
        })?;
        let attempt = Attempt {
            client_id: self.client.id(),
            server: issuer,
            token_endpoint: url,
            now: self.clock.now(),
        };
        let authenticated = auth.authenticate(&mut form, attempt).await;
        authenticated.map_err(TokenEndpointError::of_this_service)?;

        let mut post = Request::post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form.body())
            .map_err(|error| misconfigured(error.to_string()))?;
        if let Some(authorization) = form.authorization() {
            let value: HeaderValue = authorization.clone();
            post.headers_mut().insert(header::AUTHORIZATION, value);
        }
        reached.server = true;
        let sent = self.server.http().send(post, LIMITS).await;
        let mut answer = sent.map_err(|error| match error {
            HttpError::TooLong(_) => {
                TokenEndpointError::new(ErrorClass::AnswerUnusable, error.to_string())
            }
            HttpError::NoAnswer(_) => transient(&error),
        })?;
        if answer.status() != StatusCode::OK {
            answer = answer.map(|body| without_echo(&form, body));
        }
        let issued = ask.judge(dialect, &answer, self.clock.now())?;
        if let Some(target) = ask.target() {
            check_scope(target, &issued)?;
        }
        Ok(issued)
    }
}

/// To grant a part of the scope is to deny what needs all of it, as `invalid_scope` does (RFC 6749 section 5.2).
fn check_scope(target: &Target, issued: &IssuedToken) -> Result<(), TokenEndpointError> {
    let granted = issued.scope();
    let missing = target.scope().iter().find(|value| !granted.contains(value));
    match missing.filter(|_| target.requires_scope()) {
        None => Ok(()),
        Some(value) => Err(TokenEndpointError::new(
            ErrorClass::TargetDenied,
            format!("the server granted less scope than is required: {value:?} is missing"),
        )),
    }
}

fn misconfigured(problem: impl Into<std::borrow::Cow<'static, str>>) -> TokenEndpointError {
    TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem)
}
