//! One attempt at an exchange over HTTP: ask in the server's dialect, authenticate, send, judge the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ask::Ask;
use super::breaker::Breaker;
use super::pause::Pause;
use crate::client_auth::{AuthenticatedEndpoint, Reached};
use crate::dialect::{Dialect, Registration, Rfc8693};
use crate::{
    AuthorizationServer, Client, Clock, ErrorClass, IssuedToken, ServerMetadata, Target,
    TokenEndpointError,
};

/// How long an exchange may take, unless set.
const DEADLINE: Duration = Duration::from_secs(10);

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
        let breaker = Breaker::new(server.issuer().clone(), "token");
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
        reached: &Reached,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let issuer = self.server.issuer();
        let by = Registration::new(issuer, self.client.id());
        let dialect = self.dialect_of(ask);
        let form = ask.form(dialect, by)?;
        let endpoint = AuthenticatedEndpoint {
            server: &self.server,
            client: &self.client,
            clock: &self.clock,
            accept: "application/json",
            reached,
        };
        let answer = endpoint.post(form, token_endpoint).await?;
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

fn token_endpoint(
    metadata: &ServerMetadata,
    is_mutual_tls: bool,
) -> Result<&str, TokenEndpointError> {
    let alias = metadata.mtls_token_endpoint.as_deref();
    let url = alias.filter(|_| is_mutual_tls);
    url.or(metadata.token_endpoint.as_deref()).ok_or_else(|| {
        let error = metadata.missing("token_endpoint");
        let problem = format!("the authorization server's {error}");
        // A document that is wrong may be fixed; one without the member is of a server that has none.
        let class = match metadata.is_unusable("token_endpoint") {
            true => ErrorClass::Transient,
            false => ErrorClass::ClientMisconfigured,
        };
        TokenEndpointError::new(class, problem)
    })
}
