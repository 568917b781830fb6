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
    /// Checks a token that cannot be read as a JWT, for example because of an unknown algorithm,
    /// before it is introspected at `issuer` (RFC 7662).
    ///
    /// It must not name another issuer, by an `iss` in the payload or in the header (RFC 7519
    /// section 5.3): tokens of other issuers are not sent to `issuer`. And it must not name another
    /// kind, as in [`check_bearer`](Self::check_bearer).
    ///
    /// # Errors
    ///
    /// Returns `unread`, the reason why it cannot be read, if it names another issuer; otherwise
    /// [`TokenError::NotAnAccessToken`] or [`TokenError::Binding`].
    pub fn check_unread(
        token: BearerToken<'_>,
        issuer: &Issuer,
        unread: TokenError,
    ) -> Result<(), TokenError> {
        let mut refused = None;
        for segment in token.expose().split('.').take(2) {
            let Some(found) = Found::read(segment, issuer) else {
                continue;
            };
            if found.is_of_another {
                return Err(unread);
            }
            refused = refused.or(found.refused);
        }
        refused.map_or(Ok(()), Err)
    }
}

/// What one segment says.
#[derive(Default)]
struct Found {
    is_of_another: bool,
    refused: Option<TokenError>,
}

impl Found {
    /// Finds the members that reject the token, even if another member of the same name does not.
    /// `None` if the segment is not a JSON object.
    fn read(segment: &str, issuer: &Issuer) -> Option<Self> {
        let json = base64url::decode(segment)?;
        let mut found = Self::default();
        json::members(&String::from_utf8_lossy(&json), |name, value| match name {
            "iss" => found.is_of_another |= json::text(value).as_deref() != Some(issuer.as_str()),
            name => found.refused = found.refused.take().or_else(|| against(name, value)),
        })?;
        Some(found)
    }
}

/// Why a member rejects a token.
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
    // A value that is not a string may mean anything.
    match json::text(value).map_or(Kind::Other, |value| claim.kind_of(&value)) {
        Kind::Access => None,
        Kind::Bound => Some(TokenError::Binding),
        Kind::Other => Some(TokenError::NotAnAccessToken(claim.problem())),
    }
}
