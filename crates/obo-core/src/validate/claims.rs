//! The claims of a token: RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8693 section 4.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

use std::borrow::Cow;

use crate::binding::Confirmation;
use crate::error::TokenError;
use crate::time::UnixTime;
use crate::validate::actor::{Act, read_chain};
use crate::validate::kind::{Kind, KindClaim};
use crate::validate::payload::{Members, Payload, Span};
use crate::wire::json::{self, OneOrMany, Scanner, numeric_date};

/// The claims of a token before a policy has checked them: the registered ones typed, and the place
/// of every claim.
#[derive(Default)]
pub(crate) struct Claims {
    iss: Option<Span>,
    sub: Option<Span>,
    pub(crate) aud: Option<OneOrMany>,
    pub(crate) exp: Option<UnixTime>,
    pub(crate) nbf: Option<UnixTime>,
    pub(crate) iat: Option<UnixTime>,
    jti: Option<Span>,
    acr: Option<Span>,
    pub(crate) auth_time: Option<UnixTime>,
    /// Outermost first.
    pub(crate) actors: Vec<Act>,
    pub(crate) confirmation: Confirmation,
    /// The claim by which most servers mark an ID token.
    pub(crate) id_token: Option<&'static str>,
    /// The claim that marks another kind of JWT.
    pub(crate) other_kind: Option<&'static str>,
    /// A claim names the kind of token.
    names_kind: bool,
    /// They come from an introspection response, with its members (RFC 7662 section 2.2).
    pub(crate) of_response: bool,
    /// When the issuer confirmed that the token is active, if the claims are of a response.
    pub(crate) confirmed_at: Option<UnixTime>,
    /// The client replaces a missing subject: no user is involved.
    pub(crate) of_client: bool,
    /// All claims. Servers differ in scope, client and others; the issuer's profile says where they
    /// are.
    pub(crate) payload: Payload,
}

impl Claims {
    /// Reads a payload once and strictly: no duplicate member at any depth, and the right type for
    /// each known claim.
    pub(crate) fn parse(payload: Vec<u8>) -> Result<Self, TokenError> {
        Self::read(payload, false)
    }

    fn read(payload: Vec<u8>, of_response: bool) -> Result<Self, TokenError> {
        // Checked at once, so the scanner need not check each string.
        let payload = String::from_utf8(payload).map_err(|_| TokenError::Malformed("payload"))?;
        let mut json = Scanner::of(&payload, "payload");
        let mut members = Members::of(&payload);
        let mut claims = Self {
            of_response,
            ..Self::default()
        };
        json.object(|json, name| {
            let value = match &*name {
                // Checked with its own limit of depth.
                "act" => json.value()?,
                _ => json.value_checked_inside()?,
            };
            if !of_response || value != "null" {
                claims.set(json, &name, value, &mut members)?;
            }
            json.check_scalar(value)?;
            members.push(name, value)
        })?;
        json.end()?;
        let duplicate = TokenError::DuplicateMember("payload");
        claims.payload = members.finish(payload).ok_or(duplicate)?;
        if of_response {
            claims.payload.leave_out_null();
        }
        if claims.names_kind {
            claims.read_kind()?;
        }
        Ok(claims)
    }

    /// Reads one member.
    #[inline]
    fn set<'j>(
        &mut self,
        json: &Scanner<'j>,
        name: &str,
        value: &'j str,
        members: &mut Members,
    ) -> Result<(), TokenError> {
        let mut text = || members.place(json.non_empty(value)?);
        match name {
            "iss" => once(&mut self.iss, text(), "iss")?,
            "sub" => once(&mut self.sub, text(), "sub")?,
            "aud" => once(&mut self.aud, OneOrMany::parse(value), "aud")?,
            "exp" => once(&mut self.exp, numeric_date(value), "exp")?,
            "nbf" => once(&mut self.nbf, numeric_date(value), "nbf")?,
            "iat" => once(&mut self.iat, numeric_date(value), "iat")?,
            "jti" => once(&mut self.jti, text(), "jti")?,
            "acr" => once(&mut self.acr, text(), "acr")?,
            "auth_time" => once(&mut self.auth_time, numeric_date(value), "auth_time")?,
            "act" if !self.actors.is_empty() => {
                return Err(TokenError::DuplicateMember("payload"));
            }
            "act" => {
                let mut json = Scanner::of(value, "payload");
                let read = read_chain(&mut json, &mut self.actors, self.of_response);
                read.map_err(|error| match error == json.malformed() {
                    true => TokenError::InvalidClaim("act"),
                    false => error,
                })?;
            }
            "cnf" => self.confirmation.read(value),
            "nonce" => self.id_token = Some("`nonce` is of an ID token"),
            "at_hash" => self.id_token = Some("`at_hash` is of an ID token"),
            "c_hash" => self.id_token = Some("`c_hash` is of an ID token"),
            "s_hash" => self.id_token = Some("`s_hash` is of an ID token"),
            "events" => self.other_kind = Some("`events` is of an event token"),
            "typ" | "token_use" | "token_class" | "token_type" => self.names_kind = true,
            _ => {}
        }
        Ok(())
    }

    /// Reads the claims that name the kind of token.
    fn read_kind(&mut self) -> Result<(), TokenError> {
        for claim in KindClaim::ALL {
            let Some(json) = self.payload.value(claim.name()) else {
                continue;
            };
            let kind = match (claim, json::text(json)) {
                (_, Some(value)) => claim.kind_of(&value),
                (_, None) if json == "null" && claim.may_be_null() => continue,
                (KindClaim::Class, None) => Kind::Other,
                (KindClaim::Typ | KindClaim::Use | KindClaim::Type, None) => {
                    return Err(TokenError::InvalidClaim(claim.name()));
                }
            };
            match kind {
                Kind::Access => {}
                Kind::Bound => self.confirmation.is_dpop = true,
                Kind::Other => self.other_kind = Some(claim.problem()),
            }
        }
        Ok(())
    }

    /// Reads an introspection response as strictly as a token, except that a member that is null
    /// counts as absent. Servers write null for what they do not have; no token has a null there.
    pub(crate) fn parse_response(json: Vec<u8>) -> Result<Self, TokenError> {
        Self::read(json, true)
    }

    pub(crate) fn iss(&self) -> Option<&str> {
        self.iss.map(|iss| self.payload.at(iss))
    }

    pub(crate) fn sub(&self) -> Option<&str> {
        self.sub.map(|sub| self.payload.at(sub))
    }

    /// Uses the client as the missing subject.
    pub(crate) fn set_client_subject(&mut self, client: &str) {
        self.sub = self.payload.append(client);
        self.of_client = true;
    }

    pub(crate) fn jti(&self) -> Option<&str> {
        self.jti.map(|jti| self.payload.at(jti))
    }

    pub(crate) fn acr(&self) -> Option<&str> {
        self.acr.map(|acr| self.payload.at(acr))
    }

    /// The string in a claim; `None` for any other value.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        json::text(self.payload.value(name)?)
    }

    /// Whether the claim is present and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.payload.value(name).is_some_and(|json| json != "null")
    }
}

/// Fills an empty slot. A slot that is full means a duplicate member.
#[inline]
fn once<T>(slot: &mut Option<T>, value: Option<T>, name: &'static str) -> Result<(), TokenError> {
    if slot.is_some() {
        return Err(TokenError::DuplicateMember("payload"));
    }
    // Not `ok_or`, which builds and drops an error for each claim that is right.
    let Some(value) = value else {
        return Err(TokenError::InvalidClaim(name));
    };
    *slot = Some(value);
    Ok(())
}
