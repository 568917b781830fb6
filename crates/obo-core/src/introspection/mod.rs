//! Token introspection (RFC 7662). The response is validated by the rules for a JWT's claims.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

mod issued;
mod own_audience;
mod own_binding;
mod refusal;
mod signed;
mod unread;

use std::fmt;
use std::time::Duration;

use own_binding::check_own_binding;
pub use refusal::introspection_refusal;
pub use signed::SignedIntrospection;

use crate::binding::{Binding, UNBOUND};
use crate::error::TokenError;
use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::jose::crypto::digest;
use crate::secret::redacted;
use crate::time::UnixTime;
use crate::token::bearer::BearerToken;
use crate::validate::caller::Caller;
use crate::validate::claims::Claims;
use crate::validate::policy::Policy;
use crate::wire::json;
use crate::wire::json::{Names, OneOrMany};

/// An introspection response (RFC 7662 section 2.2) that is not validated yet.
///
/// Its members are out of reach until [`Policy::validate`] or [`Policy::confirm`] has checked them.
pub struct IntrospectionResponse {
    size: usize,
    /// The JSON; `None` if the token is not active.
    active: Option<Vec<u8>>,
    requested_at: Option<UnixTime>,
}

/// The members that can reject a token that was verified here: they are about another token or
/// another kind, or bind it to a key.
const CONFIRMING: [&str; 6] = [
    "iss",
    "cnf",
    "token_type",
    "token_use",
    "token_class",
    "typ",
];

/// The members that a response may lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingMembers {
    /// `aud`: the authorization server decides by the requester which resource server a token is
    /// for.
    pub audience: bool,
    /// `exp`: the token then expires this long after the response.
    pub expiry: Option<Duration>,
    /// `sub`: the token is then the client's own, and the client is the subject.
    pub subject: bool,
}

impl IntrospectionResponse {
    /// Reads the JSON of a response. For an inactive token, nothing else is read.
    ///
    /// # Errors
    ///
    /// Fails if it is not a JSON object with a boolean `active`. That is the server's fault and
    /// does not reject the token.
    pub fn parse(json: &[u8]) -> Result<Self, TokenEndpointError> {
        let [active] = json::pick(json, ["active"]).ok_or_else(|| {
            let mark = json::mark(json);
            let problem =
                format!("the response is not a JSON object with a boolean `active`{mark}");
            TokenEndpointError::new(ErrorClass::ResponseUnusable, problem)
        })?;
        let is_active = match active {
            Some("true") => true,
            Some("false") => false,
            Some(_) => {
                let problem = "`active` of the response is not a boolean";
                return Err(TokenEndpointError::unusable(problem));
            }
            None => return Err(refusal::without_activity(json)),
        };
        Ok(Self {
            size: json.len(),
            active: is_active.then(|| json.to_vec()),
            requested_at: None,
        })
    }

    /// Sets when the response was requested, if that was not just now: its age counts from then.
    #[must_use]
    pub fn with_requested_at(mut self, at: UnixTime) -> Self {
        self.requested_at = Some(at);
        self
    }

    /// The length of the JSON in bytes, for bounded caches.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The JSON about an active token.
    pub(crate) fn active_json(&self) -> Option<&[u8]> {
        self.active.as_deref()
    }

    /// Its members, read like the claims of a JWT.
    fn claims(self) -> Result<Claims, TokenError> {
        let claims = Claims::parse_response(self.active()?)?;
        check_kind(claims)
    }

    /// The members of `CONFIRMING`, read in the same way. No member may occur twice.
    fn confirming_claims(self) -> Result<Claims, TokenError> {
        let json = self.active()?;
        let json = str::from_utf8(&json).map_err(|_| TokenError::Malformed("payload"))?;
        let (mut names, mut kept) = (Names::default(), Vec::new());
        let read = json::members(json, |name, value| {
            names.push(name.to_owned().into());
            if CONFIRMING.contains(&name) {
                kept.push(format!(r#""{name}":{value}"#));
            }
        });
        read.ok_or(TokenError::Malformed("payload"))?;
        names.check("payload")?;
        let claims = Claims::parse_response(format!("{{{}}}", kept.join(",")).into_bytes())?;
        check_kind(claims)
    }

    fn active(self) -> Result<Vec<u8>, TokenError> {
        self.active.ok_or(TokenError::Inactive)
    }
}

/// A refresh token can be active too, and the server may ignore the hint (RFC 7662 section 2.1).
fn check_kind(claims: Claims) -> Result<Claims, TokenError> {
    match claims.other_kind {
        Some(reason) => Err(TokenError::NotAnAccessToken(reason)),
        None => Ok(claims),
    }
}

impl Policy {
    /// Validates a token by the introspection response of its issuer.
    ///
    /// The rules are those for the claims of a JWT, with three exceptions: `iss` may be missing,
    /// scope and client may be in the members of RFC 7662 section 2.2, and `missing` lists further
    /// members that may be missing. If the token is a JWT, its own `aud` must not be only others,
    /// as in [`check_own_audience`](Self::check_own_audience), and its own `cnf` must not name a
    /// binding that the response lacks.
    ///
    /// Make sure that the response comes from the issuer and is about this token.
    ///
    /// # Errors
    ///
    /// [`TokenError::Inactive`], or the first rule that the response breaks.
    pub fn validate(
        &self,
        token: BearerToken<'_>,
        response: IntrospectionResponse,
        missing: MissingMembers,
        now: UnixTime,
    ) -> Result<Caller, TokenError> {
        let requested_at = response.requested_at.unwrap_or(now).min(now);
        let mut claims = response.claims()?;
        self.check_own_audience(token)?;
        check_own_binding(token, claims.confirmation.binding())?;
        claims.confirmed_at = Some(requested_at);
        if claims.has("iss") {
            self.check_issuer(&claims)?;
        }
        if claims.aud.is_none() && missing.audience && !self.profile.is_addressed_by_client() {
            // The server decides which service it is for.
            let audience = self.audience().map(|audience| audience.as_str().to_owned());
            claims.aud = audience.map(OneOrMany::One);
        }
        if let (None, Some(lifetime)) = (claims.exp, missing.expiry) {
            claims.exp = Some(requested_at.saturating_add(lifetime));
        }
        if claims.sub().is_none() && missing.subject {
            // A user or an actor means that the token is not the client's own.
            if !claims.actors.is_empty() || claims.has("username") {
                return Err(TokenError::MissingClaim("sub"));
            }
            let client = self.profile.client(&claims)?.map(String::from);
            if let Some(client) = client {
                claims.set_client_subject(&client);
            }
        }
        self.validate_claims(token.expose(), claims, now)
    }

    /// Checks that the issuer still accepts a token that was verified here, that is, has not
    /// revoked it.
    ///
    /// The claims of the token count. Of the response, only members are read that can reject it:
    /// `active`, `iss`, `cnf`, `token_type`, `token_use`, `token_class`, `typ`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Inactive`]; or the response is about another issuer's token, another kind or a
    /// bound token, or has a duplicate member.
    pub fn confirm(&self, response: IntrospectionResponse) -> Result<(), TokenError> {
        self.confirm_binding(response, &UNBOUND)
    }

    /// As [`confirm`](Self::confirm), for a token that may be bound: the response must not name
    /// another binding than the token itself.
    ///
    /// # Errors
    ///
    /// Fails like [`confirm`](Self::confirm).
    pub fn confirm_caller(
        &self,
        response: IntrospectionResponse,
        caller: &Caller,
    ) -> Result<(), TokenError> {
        self.confirm_binding(response, caller.binding())
    }

    fn confirm_binding(
        &self,
        response: IntrospectionResponse,
        binding: &Binding,
    ) -> Result<(), TokenError> {
        let claims = response.confirming_claims()?;
        if claims.has("iss") {
            self.check_issuer(&claims)?;
        }
        claims.confirmation.check_within(binding)
    }
}

impl fmt::Debug for IntrospectionResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.active.is_some();
        write!(f, "IntrospectionResponse(active: {active}, [redacted])")
    }
}

/// SHA-256 of a token. It identifies a token that is not validated, without storing its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of the whole token.
    pub fn of(token: BearerToken<'_>) -> Self {
        Self(digest(token.expose().as_bytes()))
    }
}

redacted!(TokenDigest);
