use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LANGUAGE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use obo_core::event::EventError;
use obo_core::{Audience, ConfigError, Policy, TokenError};
use serde_json::json;
use tower_service::Service;

use super::ResponseFuture;
use super::failure::{Failure, empty};
use super::receiver::{Receiver, body};
use crate::box_error::BoxError;
use crate::fleet::Fleet;
use crate::inbound::resource_server::ResourceServer;
use crate::observe;

const KIND: &str = "security_event";

/// A service that receives security event tokens by push (RFC 8935), and revokes the tokens of the
/// user or the session at all replicas.
///
/// It is the receiver of a Shared Signals stream with the events of CAEP and RISC.
///
/// | response | when |
/// | --- | --- |
/// | 202 | the tokens are revoked, or were by the same message before, or no event revokes tokens |
/// | 400 with a JSON `err` and `description` | the token is not valid |
/// | 405, 408, 413, 415 | the request is not a POST of a small `application/secevent+jwt` |
/// | 503 with `Retry-After` | the keys or the store are not available: send it again |
///
/// [`Policy::verify_security_event`] has the rules for the token, the subject and the events. The
/// [module page](super) has the steps.
///
/// ```
/// use axum::Router;
/// use obo::ResourceServer;
/// use obo::fleet::Fleet;
/// use obo::logout::SecurityEvents;
///
/// let fleet = Fleet::builder().build()?;
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com")
///     .fleet(fleet.clone())
///     .build()?;
/// let events = SecurityEvents::new(&server, &fleet, "https://a.example.com/ssf")?;
/// // After `router.layer(…)`, so it needs no bearer token.
/// let app: Router = Router::new().route_service("/ssf", events);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SecurityEvents {
    receiver: Receiver,
}

impl SecurityEvents {
    /// Receives security event tokens of the issuers that `server` trusts, for `audience`.
    ///
    /// # Errors
    ///
    /// Fails if the audience is malformed.
    pub fn new<A>(server: &ResourceServer, fleet: &Fleet, audience: A) -> Result<Self, ConfigError>
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        let receiver = Receiver::new(server, fleet, audience)?;
        Ok(Self { receiver })
    }
}

impl<B> Service<Request<B>> for SecurityEvents
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let receiver = self.receiver.clone();
        ResponseFuture::new(async move {
            match receive(&receiver, request).await {
                Ok(()) => empty(StatusCode::ACCEPTED),
                Err(failure) => {
                    failure.record(KIND);
                    let document = || {
                        let description = failure.description();
                        json!({ "err": code(&failure), "description": description })
                    };
                    let mut response = failure.response(document);
                    if response.status() == StatusCode::BAD_REQUEST {
                        let headers = response.headers_mut();
                        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
                    }
                    response
                }
            }
        })
    }
}

async fn receive<B>(receiver: &Receiver, request: Request<B>) -> Result<(), Failure>
where
    B: Body<Error: Into<BoxError>>,
{
    let token = body(request, "application/secevent+jwt").await?;
    let text = str::from_utf8(&token).map_err(|_| Failure::Request("the body is not a JWT"))?;
    let verified = receiver.verify(text, Policy::verify_security_event).await?;
    let Some(logout) = verified else {
        observe::logout_ignored(KIND);
        return Ok(());
    };
    let issuer = logout.issuer.clone();
    // A sender repeats a message whose response was lost.
    let is_first = receiver.revoke(logout).await?;
    observe::logout_received(KIND, &issuer, is_first);
    Ok(())
}

/// The error code (RFC 8935 section 2.4).
fn code(failure: &Failure) -> &'static str {
    let Failure::Token(error) = failure else {
        return "invalid_request";
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "each other error is about the form"
    )]
    match error {
        EventError::Audience { .. } | EventError::Missing("aud") => "invalid_audience",
        EventError::Missing("iss") | EventError::Token(TokenError::UnknownIssuer { .. }) => {
            "invalid_issuer"
        }
        EventError::Token(
            TokenError::Algorithm | TokenError::UnknownKey | TokenError::AmbiguousKey,
        ) => "invalid_key",
        EventError::Token(TokenError::Signature) => "authentication_failed",
        EventError::ForeignSubject { .. } => "access_denied",
        _ => "invalid_request",
    }
}
