use std::borrow::Cow;

use crate::token::issuer::Issuer;
use crate::validate::claims::Claims;

/// A condition on a token's claims, for a [`Profile`](crate::Profile). A claim that is not a string
/// matches no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimMatcher(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Is(&'static str, Cow<'static, str>),
    StartsWith(&'static str, &'static str),
    EndsWith(&'static str, &'static str),
    Present(&'static str),
    Absent(&'static str),
    InIssuer(&'static str),
    SubjectIsClient,
}

impl ClaimMatcher {
    /// `sub` is the client's identifier (RFC 9068 section 2.2), or `client:` and the identifier, as
    /// some servers write it. The profile says which claim has the client.
    pub const SUBJECT_IS_CLIENT: Self = Self(Kind::SubjectIsClient);

    /// The claim is exactly this string.
    pub fn is(claim: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Is(claim, value.into()))
    }

    /// The claim is a string that starts with `prefix`.
    pub const fn starts_with(claim: &'static str, prefix: &'static str) -> Self {
        Self(Kind::StartsWith(claim, prefix))
    }

    /// The claim is a string that ends with `suffix`.
    pub const fn ends_with(claim: &'static str, suffix: &'static str) -> Self {
        Self(Kind::EndsWith(claim, suffix))
    }

    /// The claim is present and not null.
    pub const fn present(claim: &'static str) -> Self {
        Self(Kind::Present(claim))
    }

    /// The claim is absent or null.
    pub const fn absent(claim: &'static str) -> Self {
        Self(Kind::Absent(claim))
    }

    /// The claim is a segment of the issuer's path, such as the tenant in the issuer of a
    /// multi-tenant server.
    pub const fn in_issuer(claim: &'static str) -> Self {
        Self(Kind::InIssuer(claim))
    }

    /// The claim that it reads.
    pub(crate) fn claim(&self) -> &'static str {
        match self.0 {
            Kind::Is(claim, _)
            | Kind::StartsWith(claim, _)
            | Kind::EndsWith(claim, _)
            | Kind::Present(claim)
            | Kind::Absent(claim)
            | Kind::InIssuer(claim) => claim,
            Kind::SubjectIsClient => "sub",
        }
    }

    /// Whether a server may send this claim for every token, so that it does not describe this one
    /// (RFC 7662 section 2.2).
    pub(crate) fn is_in_each_response(&self, claims: &Claims) -> bool {
        claims.of_response && matches!(self.0, Kind::Present("client_id" | "username"))
    }

    pub(crate) fn holds(&self, claims: &Claims, client: Option<&str>, issuer: &Issuer) -> bool {
        let text = |claim| claims.text(claim);
        match &self.0 {
            Kind::Is(claim, value) => text(claim).is_some_and(|text| text == *value),
            Kind::StartsWith(claim, prefix) => {
                text(claim).is_some_and(|text| text.starts_with(prefix))
            }
            Kind::EndsWith(claim, suffix) => text(claim).is_some_and(|text| text.ends_with(suffix)),
            Kind::Present(claim) => claims.has(claim),
            Kind::Absent(claim) => !claims.has(claim),
            Kind::InIssuer(claim) => {
                // Scheme, an empty part and the authority come before the path.
                let mut path = issuer.as_str().split('/').skip(3);
                text(claim).is_some_and(|text| !text.is_empty() && path.any(|part| part == text))
            }
            Kind::SubjectIsClient => {
                let sub = claims.sub();
                let after_kind = || sub.and_then(|sub| sub.strip_prefix("client:"));
                client.is_some() && (client == sub || client == after_kind())
            }
        }
    }
}
