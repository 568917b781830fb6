//! Misbehaviour on request, one list per endpoint.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

/// An endpoint of the server, as counted and as made to misbehave.
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
    /// Whether `served`, one endpoint of one request, is meant by `self`.
    pub(crate) fn covers(self, served: Self) -> bool {
        self == served
            || self == Self::Discovery
                && matches!(served, Self::OpenIdConfiguration | Self::OAuthMetadata)
    }
}

/// A way to misbehave.
///
/// Faults set on one endpoint add up: [`Delay`](Self::Delay) and [`Hang`](Self::Hang) come before
/// the answer, the first [`Status`](Self::Status), [`RetryAfter`](Self::RetryAfter) or
/// [`Body`](Self::Body) takes its place, [`Merge`](Self::Merge) and
/// [`WrongIssuer`](Self::WrongIssuer) edit it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Waits on tokio's clock before answering.
    Delay(Duration),
    /// Answers with this status and an empty body.
    Status(u16),
    /// Answers 200 with this body, whatever was asked; the content type stays `application/json`.
    Body(String),
    /// Answers with this status and a `Retry-After` header of this value.
    RetryAfter(u16, String),
    /// Names another issuer in the metadata documents.
    WrongIssuer,
    /// Holds the request back until [`heal`](crate::TestIdp::heal), then answers as usual.
    Hang,
    /// Overwrites members of a successful JSON answer; `null` removes the member.
    Merge(Value),
}

#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) standing: Vec<(Endpoint, Fault)>,
    pub(crate) once: VecDeque<(Endpoint, Fault)>,
}

impl Faults {
    /// What the next request to `served` suffers: the oldest one-time fault, or else the standing ones.
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
