#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

use crate::error::TokenError;
use crate::token::bearer::BearerToken;
use crate::token::issuer::Issuer;
use crate::validate::jwt::UnverifiedJwt;
use crate::validate::kind::{Kind, KindClaim};
use crate::wire::{base64url, json};

impl UnverifiedJwt<'_> {
    /// Checks what can be made out of a token that cannot be read as a JWT, be it that its algorithm is not known here, or
    /// that a claim is odd, before `issuer` is asked about it (RFC 7662).
    ///
    /// It may be of no other issuer, by an `iss` in the payload or in the header (RFC 7519 section 5.3): the tokens of
    /// others are none of its business (IN-08). And it must not say itself that it is none to be taken from its bearer, as
    /// for [`check_bearer`](Self::check_bearer).
    ///
    /// # Errors
    ///
    /// `unread`, which is why it cannot be read, where it names another issuer; [`TokenError::NotAnAccessToken`] or
    /// [`TokenError::Binding`].
    pub fn check_unread(
        token: BearerToken<'_>,
        issuer: &Issuer,
        unread: TokenError,
    ) -> Result<(), TokenError> {
        let mut refused = None;
        for segment in token.expose().split('.').take(2) {
            let Some(said) = Said::read(segment, issuer) else {
                continue;
            };
            if said.is_of_another {
                return Err(unread);
            }
            refused = refused.or(said.refused);
        }
        refused.map_or(Ok(()), Err)
    }
}

/// What one segment says.
#[derive(Default)]
struct Said {
    is_of_another: bool,
    refused: Option<TokenError>,
}

impl Said {
    /// Finds what speaks against the token, also where a member of the same name does not; `None` where the segment is no
    /// JSON object.
    fn read(segment: &str, issuer: &Issuer) -> Option<Self> {
        let json = base64url::decode(segment)?;
        let mut said = Self::default();
        json::members(&String::from_utf8_lossy(&json), |name, value| match name {
            "iss" => said.is_of_another |= json::text(value).as_deref() != Some(issuer.as_str()),
            name => said.refused = said.refused.take().or_else(|| against(name, value)),
        })?;
        Some(said)
    }
}

/// What a member says against a token.
fn against(name: &str, value: &str) -> Option<TokenError> {
    if name == "events" {
        let reason = "`events` is of an event token";
        return Some(TokenError::NotAnAccessToken(reason));
    }
    if name == "cnf" {
        return Some(TokenError::Binding);
    }
    let claim = KindClaim::of(name)?;
    if value == "null" && claim.may_be_null() {
        return None;
    }
    // What is not text may mean anything.
    match json::text(value).map_or(Kind::Other, |value| claim.says(&value)) {
        Kind::Access => None,
        Kind::Bound => Some(TokenError::Binding),
        Kind::Other => Some(TokenError::NotAnAccessToken(claim.problem())),
    }
}
