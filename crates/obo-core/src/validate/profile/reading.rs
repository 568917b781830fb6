//! Reads a token's claims as a profile says.

use std::borrow::Cow;

use super::{Listed, ScopeClaim, ScopeForm};
use crate::error::TokenError;
use crate::token::issuer::Issuer;
use crate::token::scope::Scope;
use crate::validate::actor::{Act, CurrentActor};
use crate::validate::caller::PrincipalKind;
use crate::validate::claims::Claims;
use crate::validate::jwt::{Header, TokenTyp};
use crate::validate::profile::Profile;
use crate::validate::values::{self, Values};
use crate::wire::json;

impl Profile {
    pub(crate) fn check_type(&self, header: &Header) -> Result<(), TokenError> {
        if header.typ.is_some_and(|typ| self.types.contains(&typ)) {
            return Ok(());
        }
        Err(TokenError::Type {
            expected: self.type_names(),
            seen: header.seen_typ(),
        })
    }

    /// The accepted types, as text.
    pub(crate) fn type_names(&self) -> &'static str {
        let names = [TokenTyp::AccessToken, TokenTyp::Jwt, TokenTyp::Absent]
            .map(|typ| self.types.contains(&typ));
        match names {
            [true, true, true] => "at+jwt, JWT or none",
            [true, true, false] => "at+jwt or JWT",
            [true, false, true] => "at+jwt or none",
            [true, false, false] => "at+jwt",
            [false, true, true] => "JWT or none",
            [false, true, false] => "JWT",
            [false, false, _] => "none",
        }
    }

    /// Rejects an actor that has only a client, unless the profile allows it.
    pub(crate) fn check_actors(&self, actors: &[Act]) -> Result<(), TokenError> {
        let mut actors = actors.iter();
        match !self.allow_actor_without_subject && actors.any(Act::has_no_subject) {
            true => Err(TokenError::InvalidClaim("act")),
            false => Ok(()),
        }
    }

    /// Whether the client replaces a missing audience.
    pub(crate) fn is_addressed_by_client(&self) -> bool {
        self.allow_client_as_audience
    }

    /// The client as the actor, if the profile says so.
    pub(crate) fn acting_client(
        &self,
        client: Option<&str>,
        issuer: &Issuer,
    ) -> Option<CurrentActor> {
        let client = client.filter(|_| self.allow_client_as_actor)?;
        Some(CurrentActor::client(client, issuer))
    }

    /// The client that requested the token, from the profile's first claim that is present. For an
    /// introspection response also from `client_id` (RFC 7662).
    pub(crate) fn client<'c>(
        &self,
        claims: &'c Claims,
    ) -> Result<Option<Cow<'c, str>>, TokenError> {
        // A profile that reads no client reads it in no response.
        let introspected =
            Some("client_id").filter(|_| claims.of_response && !self.client.is_empty());
        for name in self.client.iter().copied().chain(introspected) {
            if let Some(json) = claims.payload.value(name) {
                let client = json::non_empty(json).ok_or(TokenError::InvalidClaim(name))?;
                return Ok(Some(client));
            }
        }
        match self.client.first() {
            Some(name) if self.require_client => Err(TokenError::MissingClaim(name)),
            _ => Ok(None),
        }
    }

    /// The granted scope, from the profile's first claim that is present, in a form that the
    /// profile allows. For an introspection response also from `scope` (RFC 7662).
    pub(crate) fn scope(&self, claims: &Claims) -> Result<Scope, TokenError> {
        const INTROSPECTED: ScopeClaim = ScopeClaim::text("scope");
        // A profile that reads no scope reads it in no response.
        let introspected =
            Some(&INTROSPECTED).filter(|_| claims.of_response && !self.scope.is_empty());
        let sources = || self.scope.iter().chain(introspected);
        let found =
            sources().find_map(|source| Some((source.claim, claims.payload.value(source.claim)?)));
        let Some((claim, json)) = found else {
            return Ok(Scope::default());
        };
        let forms = sources().filter(|source| source.claim == claim);
        forms
            .filter_map(|source| match source.form {
                _ if self.allow_scope_text_or_array => {
                    let text = json::text(json).and_then(|text| Scope::parse(&text));
                    text.or_else(|| values::scope_array(json))
                }
                ScopeForm::Text => Scope::parse(&json::text(json)?),
                ScopeForm::Array => values::scope_array(json),
            })
            .next()
            .ok_or(TokenError::InvalidClaim(claim))
    }

    /// Checks that this is an access token that has all the profile requires.
    pub(crate) fn check(
        &self,
        claims: &Claims,
        client: Option<&str>,
        issuer: &Issuer,
    ) -> Result<(), TokenError> {
        self.check_kind(claims, client, issuer)?;
        let mut unmet = self.unmet(claims, client, issuer);
        unmet.next().map_or(Ok(()), Err)
    }

    /// Checks that this is an access token.
    pub(crate) fn check_kind(
        &self,
        claims: &Claims,
        client: Option<&str>,
        issuer: &Issuer,
    ) -> Result<(), TokenError> {
        let id_token = claims.id_token.filter(|_| !self.danger_id_token_claims);
        if let Some(reason) = claims.other_kind.or(id_token) {
            return Err(TokenError::NotAnAccessToken(reason));
        }
        if self
            .refused
            .iter()
            .any(|matcher| matcher.holds(claims, client, issuer))
        {
            return Err(TokenError::NotAnAccessToken(
                "the issuer's profile says that such a token has another kind",
            ));
        }
        Ok(())
    }

    /// The required claims that are missing or have another value.
    pub(crate) fn unmet(
        &self,
        claims: &Claims,
        client: Option<&str>,
        issuer: &Issuer,
    ) -> impl Iterator<Item = TokenError> {
        let missing = self.required.iter().filter(|name| !claims.has(name));
        let expected = self.expected.iter();
        let unmatched = expected.filter(move |matcher| !matcher.holds(claims, client, issuer));
        let missing = missing.map(|name| TokenError::MissingClaim(name));
        missing.chain(unmatched.map(|matcher| {
            let claim = matcher.claim();
            match claims.has(claim) {
                true => TokenError::UnexpectedClaim(claim),
                false => TokenError::MissingClaim(claim),
            }
        }))
    }

    pub(crate) fn kind(
        &self,
        claims: &Claims,
        client: Option<&str>,
        issuer: &Issuer,
    ) -> PrincipalKind {
        let mut matchers = self.service.iter();
        let is_service = matchers.any(|matcher| {
            !matcher.is_in_each_response(claims) && matcher.holds(claims, client, issuer)
        });
        if is_service || claims.of_client {
            PrincipalKind::Service
        } else {
            PrincipalKind::User
        }
    }

    /// Roles, groups and entitlements.
    pub(crate) fn lists(&self, claims: &Claims) -> [Values; 3] {
        let entitlements = Listed::At(&["entitlements"]);
        [self.roles, self.groups, entitlements].map(|list| list.read(claims))
    }
}

impl Listed {
    fn read(self, claims: &Claims) -> Values {
        match self {
            Self::At(path) => {
                let (first, rest) = match path {
                    [first, rest @ ..] => (first, rest),
                    [] => return Values::default(),
                };
                let outer = claims.payload.value(first);
                let json = rest
                    .iter()
                    .fold(outer, |json, name| json::member(json?, name));
                json.map(Values::parse).unwrap_or_default()
            }
            Self::KeysOf(name) => claims
                .payload
                .value(name)
                .map(Values::keys)
                .unwrap_or_default(),
        }
    }
}
