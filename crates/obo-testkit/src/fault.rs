//! Faults that a test sets on the endpoints.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

/// An endpoint of the server, to count its requests and to set faults on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint.
    Token,
    /// The introspection endpoint.
    Introspection,
    /// The JWK Set.
    Jwks,
    /// Both metadata documents.
    Discovery,
    /// Only `/.well-known/openid-configuration` (OpenID Connect Discovery).
    OpenIdConfiguration,
    /// Only `/.well-known/oauth-authorization-server` (RFC 8414).
    OAuthMetadata,
}

impl Endpoint {
    /// Whether `self` includes `served`, the endpoint of a request.
    pub(crate) fn covers(self, served: Self) -> bool {
        self == served
            || self == Self::Discovery
                && matches!(served, Self::OpenIdConfiguration | Self::OAuthMetadata)
    }
}

/// A way in which an endpoint misbehaves.
///
/// Faults on one endpoint add up: [`Delay`](Self::Delay) and [`Hang`](Self::Hang) come before the
/// response; the first [`Status`](Self::Status), [`RetryAfter`](Self::RetryAfter) or
/// [`Body`](Self::Body) replaces it; [`Merge`](Self::Merge) and [`WrongIssuer`](Self::WrongIssuer)
/// edit it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use obo_testkit::{Endpoint, Fault, TestIdp};
///
/// let idp = TestIdp::start().await;
/// idp.fault(Endpoint::Token, Fault::Status(503));
/// // … your service returns 503 to its callers …
/// idp.heal();
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Waits on tokio's clock before the response.
    Delay(Duration),
    /// Responds with this status and an empty body.
    Status(u16),
    /// Responds 200 with this body; the content type stays `application/json`.
    Body(String),
    /// Responds with this status and a `Retry-After` header of this value.
    RetryAfter(u16, String),
    /// Puts another issuer into the metadata documents.
    WrongIssuer,
    /// Holds the request until [`heal`](crate::TestIdp::heal), then responds as usual.
    Hang,
    /// Ignores the proof of a token request: the token is a plain bearer token.
    IgnoreProof,
    /// Ignores the client's certificate when a token is issued: the token is not bound to it. The
    /// certificate still authenticates the client.
    IgnoreCertificate,
    /// Overwrites members of a successful JSON response; `null` removes the member.
    Merge(Value),
}

#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) standing: Vec<(Endpoint, Fault)>,
    pub(crate) once: VecDeque<(Endpoint, Fault)>,
}

impl Faults {
    /// The faults of the next request to `served`: the oldest one-time fault, or the standing ones.
    pub(crate) fn next(&mut self, served: Endpoint) -> Vec<Fault> {
        let covers = |(endpoint, _): &(Endpoint, Fault)| endpoint.covers(served);
        let once = self.once.iter().position(covers);
        let once = once.and_then(|index| self.once.remove(index));
        let faults: Vec<_> = match &once {
            Some(fault) => vec![fault],
            None => self.standing.iter().filter(|fault| covers(fault)).collect(),
        };
        faults.into_iter().map(|(_, fault)| fault.clone()).collect()
    }
}
