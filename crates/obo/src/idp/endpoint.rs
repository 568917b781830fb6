use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use obo_core::metadata::ServerMetadata;
use obo_core::{ErrorClass, TokenEndpointError, TokenRequest};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::echo::without_echo;
use crate::clock::Clock;
use crate::idp::client_auth::{Attempt, Client, ClientAuth};
use crate::idp::http::{HttpError, Limits};
use crate::idp::server::AuthorizationServer;

const LIMITS: Limits = Limits {
    body: 256 * 1024,
    deadline: Duration::from_secs(5),
};

/// What a server answers where the endpoint is not.
const NOWHERE: [StatusCode; 3] = [
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::GONE,
];

/// An endpoint of an authorization server where a client authenticates: that for tokens, or for introspection.
#[derive(Clone, Copy)]
pub(crate) struct AuthenticatedEndpoint<'a> {
    pub(crate) server: &'a AuthorizationServer,
    pub(crate) client: &'a Client,
    pub(crate) clock: &'a Clock,
    /// The media type that is asked for.
    pub(crate) accept: &'static str,
    pub(crate) reached: &'a Reached,
}

/// How far a request came.
#[derive(Debug, Default)]
pub(crate) struct Reached(AtomicBool);

impl Reached {
    /// Whether the authorization server was asked, for its metadata or for what was wanted.
    pub(crate) fn server(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts as not asked: what it answered may be due to what it was asked, and tells nothing of how it fares.
    pub(crate) fn disregard(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl AuthenticatedEndpoint<'_> {
    /// One attempt: finds the place, authenticates, sends. A response that refuses repeats nothing of the request.
    ///
    /// `place` chooses the endpoint of the metadata, of a client that authenticates by its TLS certificate or of another.
    pub(crate) async fn post(
        self,
        mut form: TokenRequest,
        place: impl FnOnce(&ServerMetadata, bool) -> Result<&str, TokenEndpointError>,
    ) -> Result<Response<Bytes>, TokenEndpointError> {
        let metadata = self.server.metadata(self.clock).await.map_err(|error| {
            self.reached.set();
            let retry_after = error.retry_after;
            transient(&error).with_retry_after(retry_after)
        })?;
        let auth = self.client.auth();
        let url = place(&metadata, auth.uses_mutual_tls()).inspect_err(|_| {
            self.server.doubt(&metadata);
        })?;
        let sent = self.send(url, &*auth, &mut form).await;
        let leads_nowhere = match &sent {
            Ok(answer) => NOWHERE.contains(&answer.status()),
            Err(error) => error.class() == ErrorClass::Transient,
        };
        if leads_nowhere {
            self.server.doubt(&metadata);
        }
        sent
    }

    /// The same where the place is given, so that no metadata is needed.
    pub(crate) async fn post_to(
        self,
        url: &str,
        mut form: TokenRequest,
    ) -> Result<Response<Bytes>, TokenEndpointError> {
        let auth = self.client.auth();
        self.send(url, &*auth, &mut form).await
    }

    async fn send(
        self,
        url: &str,
        auth: &dyn ClientAuth,
        form: &mut TokenRequest,
    ) -> Result<Response<Bytes>, TokenEndpointError> {
        let attempt = Attempt {
            client_id: self.client.id(),
            server: self.server.issuer(),
            token_endpoint: url,
            now: self.clock.now(),
        };
        let authenticated = auth.authenticate(form, attempt).await;
        authenticated.map_err(TokenEndpointError::of_this_service)?;
        let mut post = Request::post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, self.accept)
            .body(form.body())
            .map_err(|error| {
                TokenEndpointError::new(ErrorClass::ClientMisconfigured, error.to_string())
            })?;
        if let Some(authorization) = form.authorization() {
            let value: HeaderValue = authorization.clone();
            post.headers_mut().insert(header::AUTHORIZATION, value);
        }
        self.reached.set();
        let sent = self.server.http().send(post, LIMITS).await;
        let answer = sent.map_err(|error| match error {
            HttpError::TooLong(_) => {
                TokenEndpointError::new(ErrorClass::AnswerUnusable, error.to_string())
            }
            HttpError::NoAnswer(_) => transient(&error),
        })?;
        Ok(match is_refusal(&answer) {
            false => answer,
            true => answer.map(|body| without_echo(form, body)),
        })
    }
}

/// Whether errors may be made of the body: some servers refuse with status 200 and an `error`.
fn is_refusal(answer: &Response<Bytes>) -> bool {
    #[derive(Deserialize)]
    struct Told {
        error: Option<IgnoredAny>,
    }
    let told = || serde_json::from_slice(answer.body());
    answer.status() != StatusCode::OK || told().is_ok_and(|told: Told| told.error.is_some())
}

fn transient(error: &dyn ToString) -> TokenEndpointError {
    TokenEndpointError::new(ErrorClass::Transient, error.to_string())
}

pub(crate) fn introspection_endpoint(
    metadata: &ServerMetadata,
    is_mutual_tls: bool,
) -> Result<&str, TokenEndpointError> {
    let alias = metadata.mtls_introspection_endpoint.as_deref();
    let url = alias.filter(|_| is_mutual_tls);
    url.or(metadata.introspection_endpoint.as_deref())
        .ok_or_else(|| {
            let error = metadata.missing("introspection_endpoint");
            let problem = format!("the authorization server's {error}");
            TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem)
        })
}
