use std::borrow::Cow;

use crate::token::issuer::Issuer;
use crate::validate::claims::Claims;

/// Something in a token's claims by which a [`Profile`](crate::Profile) tells tokens apart; a claim that is no text has
/// no text to compare.
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
    /// The subject is the client (RFC 9068 section 2.2), whatever claim the profile reads the client from: its identifier,
    /// or `client:` and its identifier, as some servers write it.
    pub const SUBJECT_IS_CLIENT: Self = Self(Kind::SubjectIsClient);

    /// The claim is exactly this text.
    pub fn is(claim: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Is(claim, value.into()))
    }

    /// The claim is text that starts with `prefix`.
    pub const fn starts_with(claim: &'static str, prefix: &'static str) -> Self {
        Self(Kind::StartsWith(claim, prefix))
    }

    /// The claim is text that ends with `suffix`.
    pub const fn ends_with(claim: &'static str, suffix: &'static str) -> Self {
        Self(Kind::EndsWith(claim, suffix))
    }

    /// There is such a claim, and it is not null.
    pub const fn present(claim: &'static str) -> Self {
        Self(Kind::Present(claim))
    }

    /// There is no such claim, or it is null.
    pub const fn absent(claim: &'static str) -> Self {
        Self(Kind::Absent(claim))
    }

    /// The claim is one segment of the issuer's path: the tenant, where an issuer has its tenant's name in it (EN-06).
    pub const fn in_issuer(claim: &'static str) -> Self {
        Self(Kind::InIssuer(claim))
    }

    /// The claim it looks at.
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

    /// Whether it is about a member that an answer may have of every token (RFC 7662 section 2.2): that it is there says
    /// nothing of this one.
    pub(crate) fn is_told(&self, claims: &Claims) -> bool {
        claims.of_answer && matches!(self.0, Kind::Present("client_id" | "username"))
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
                // Scheme, nothing and authority come before the path.
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
