//! One attempt at an exchange over HTTP: ask in the server's dialect, authenticate, send, judge the answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use obo_core::dialect::{Dialect, Registration, Rfc8693};
use obo_core::metadata::ServerMetadata;
use obo_core::{
    BearerToken, Caller, ErrorClass, IntrospectionAnswer, IssuedToken, Issuer, Target,
    TokenEndpointError, TokenRequest, introspection_refusal, is_json,
};

use super::wanted::Wanted;
use crate::clock::Clock;
use crate::idp::admission::Admission;
use crate::idp::client_auth::Client;
use crate::idp::endpoint::{AuthenticatedEndpoint, Reached, introspection_endpoint};
use crate::idp::server::AuthorizationServer;

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
    pub(super) admission: Arc<Admission>,
    /// The issuers besides the server's own whose tokens may be sent to it.
    pub(super) subject_issuers: Vec<Issuer>,
    /// Where tokens are bound to the client's certificate.
    pub(super) certificate: Option<CertificateNow>,
    /// Whether it was seen to grant what its metadata does not list.
    offers_unlisted: Arc<AtomicBool>,
    /// Whether an opaque token is introspected before it is used.
    pub(super) introspects_issued: bool,
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
        let admission = Admission::of_token_endpoint(server.issuer().clone());
        Self {
            server,
            client,
            dialect: Arc::new(Rfc8693::new()),
            clock: Clock::system(),
            deadline: DEADLINE,
            admission: Arc::new(admission),
            subject_issuers: Vec::new(),
            certificate: None,
            offers_unlisted: Arc::default(),
            introspects_issued: false,
        }
    }

    pub(super) fn dialect_of<'a>(&'a self, wanted: &'a Wanted) -> &'a dyn Dialect {
        wanted.dialect.as_deref().unwrap_or(&*self.dialect)
    }

    /// Whether a subject token of this issuer may be sent to the server.
    pub(super) fn takes_subjects_of(&self, issuer: &Issuer) -> bool {
        issuer == self.server.issuer() || self.subject_issuers.contains(issuer)
    }

    /// One attempt.
    pub(super) async fn attempt(
        &self,
        wanted: &Wanted,
        reached: &Reached,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let issuer = self.server.issuer();
        let by = Registration::new(issuer, self.client.id());
        let dialect = self.dialect_of(wanted);
        let form = dialect.request(&wanted.grant, by)?;
        let endpoint = AuthenticatedEndpoint {
            server: &self.server,
            client: &self.client,
            clock: &self.clock,
            accept: "application/json",
            reached,
        };
        let grant = form.pairs().find(|(name, _)| *name == "grant_type");
        let grant = grant.map(|(_, grant)| grant.to_owned());
        let mut unlisted = None;
        let asked = endpoint.post(form, |metadata, is_mutual_tls| {
            unlisted = grant.filter(|grant| metadata.leaves_out_grant(grant));
            token_endpoint(metadata, is_mutual_tls)
        });
        let answer = asked.await?;
        let issued = dialect
            .response(&wanted.grant, &answer, self.clock.now())
            .map_err(|error| {
                let error = error.with_status(answer.status());
                match &unlisted {
                    Some(grant) if self.lacks_grant(&error) => without_grant(error, grant),
                    _ => error,
                }
            })?;
        if unlisted.is_some() {
            self.offers_unlisted.store(true, Ordering::Relaxed);
        }
        let Some(target) = wanted.grant.target() else {
            return Ok(issued);
        };
        check_scope(target, &issued)?;
        match self.introspects_issued && !issued.is_jwt() {
            true => {
                let caller = wanted
                    .grant
                    .subject()
                    .filter(|_| !dialect.has_pairwise_subjects());
                self.introspected(endpoint, issued, target, caller).await
            }
            false => Ok(issued),
        }
    }

    /// The token, if the server says that it is for the target and, with a caller, not of another one.
    async fn introspected(
        &self,
        endpoint: AuthenticatedEndpoint<'_>,
        issued: IssuedToken,
        target: &Target,
        caller: Option<&Caller>,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let token = BearerToken::parse(issued.expose());
        let token = token.map_err(|error| {
            TokenEndpointError::new(ErrorClass::AnswerUnusable, error.to_string())
        })?;
        let form = TokenRequest::introspection(token);
        let answer = endpoint.post(form, introspection_endpoint).await?;
        let now = self.clock.now();
        if answer.status() != StatusCode::OK {
            return Err(introspection_refusal(&answer, now));
        }
        read_json(&answer)
            .and_then(|said| said.confirm_issued(issued, target, caller, now))
            .map_err(|error| error.with_status(answer.status()))
    }

    /// Whether a server may refuse so a grant that it does not offer at all; some have no code for it.
    fn lacks_grant(&self, error: &TokenEndpointError) -> bool {
        let is_of_grant = matches!(
            error.oauth_code(),
            None | Some("unsupported_grant_type" | "unauthorized_client" | "invalid_request")
        );
        let is_denied = error.class() == ErrorClass::TargetDenied;
        error.status() == Some(StatusCode::BAD_REQUEST)
            && is_of_grant
            && !is_denied
            && !self.offers_unlisted.load(Ordering::Relaxed)
    }
}

/// A page or a document of another kind is not a response, whatever it looks like.
fn read_json(answer: &Response<Bytes>) -> Result<IntrospectionAnswer, TokenEndpointError> {
    match is_json(answer.headers()) {
        true => IntrospectionAnswer::parse(answer.body()),
        false => Err(TokenEndpointError::new(
            ErrorClass::AnswerUnusable,
            "the introspection of the issued token: the response is not JSON by its content type; it must be \
             `application/json`",
        )),
    }
}

/// The user can do nothing about it, and a new sign-in would be refused in the same way.
fn without_grant(error: TokenEndpointError, grant: &str) -> TokenEndpointError {
    error.of_setup(&format!(
        "the server's metadata does not list the grant {grant} in `grant_types_supported`: it may \
         not offer {}",
        match grant {
            "urn:ietf:params:oauth:grant-type:token-exchange" => "token exchange",
            _ => "it",
        }
    ))
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
