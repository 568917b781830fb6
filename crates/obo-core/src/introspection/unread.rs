#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::TokenError;
use crate::token::bearer::BearerToken;
use crate::token::issuer::Issuer;
use crate::validate::jwt::UnverifiedJwt;
use crate::validate::kind::{Kind, KindClaim};
use crate::validate::values;
use crate::wire::base64url;
use crate::wire::json::Name;

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
    /// `None` where the segment is no JSON object.
    fn read(segment: &str, issuer: &Issuer) -> Option<Self> {
        let json = base64url::decode(segment)?;
        let mut json = serde_json::Deserializer::from_slice(&json);
        let said = json.deserialize_map(SaidVisitor(issuer)).ok()?;
        json.end().ok().map(|()| said)
    }
}

/// Finds what speaks against the token, also where a member of the same name does not.
struct SaidVisitor<'i>(&'i Issuer);

impl<'de> Visitor<'de> for SaidVisitor<'_> {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
        let mut said = Said::default();
        while let Some(name) = map.next_key_seed(Name)? {
            let refused = match &*name {
                "iss" => {
                    let iss = values::text(map.next_value::<&RawValue>()?.get());
                    said.is_of_another |= iss.as_deref() != Some(self.0.as_str());
                    continue;
                }
                "events" => {
                    map.next_value::<IgnoredAny>()?;
                    Some(TokenError::NotAnAccessToken(
                        "`events` is of an event token",
                    ))
                }
                "cnf" => {
                    map.next_value::<IgnoredAny>()?;
                    Some(TokenError::Binding)
                }
                name => match KindClaim::of(name) {
                    Some(claim) => {
                        let json = map.next_value::<&RawValue>()?.get();
                        if json == "null" && claim.may_be_null() {
                            continue;
                        }
                        let value = values::text(json);
                        // What is not text may mean anything.
                        let kind = value.map_or(Kind::Other, |value| claim.says(&value));
                        match kind {
                            Kind::Access => None,
                            Kind::Bound => Some(TokenError::Binding),
                            Kind::Other => Some(TokenError::NotAnAccessToken(claim.problem())),
                        }
                    }
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        None
                    }
                },
            };
            said.refused = said.refused.or(refused);
        }
        Ok(said)
    }
}
