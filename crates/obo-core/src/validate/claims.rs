//! The claims that decide: RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8693 section 4.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::TokenError;
use crate::time::UnixTime;
use crate::validate::actor::{Act, ActSeed, MAX_ACTORS};
use crate::validate::kind::{Kind, KindClaim};
use crate::validate::payload::{Members, Payload, Span};
use crate::validate::values;
use crate::wire::json::{Name, NumericDate, OneOrMany, Trace};

/// The claims of one token: the registered ones typed but not yet judged, and where each of them all is.
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
    pub(crate) bound: bool,
    /// The member that shows that this is an ID token, from most servers.
    pub(crate) id_token: Option<&'static str>,
    /// The member that shows that this is another kind of JWT, whoever sends it.
    pub(crate) other_kind: Option<&'static str>,
    /// There is a claim that names a kind.
    says_kind: bool,
    /// They were told by the issuer, and have the members of RFC 7662 section 2.2 beside those of the token.
    pub(crate) of_answer: bool,
    /// Nobody but the client is in them: its identifier was taken for the subject.
    pub(crate) of_client: bool,
    /// What servers differ in is here, such as scope and client: the issuer's profile says where.
    pub(crate) payload: Payload,
}

impl Claims {
    /// Reads a payload once, strictly: no member twice at any depth, no wrong type where a type is known.
    pub(crate) fn parse(payload: Vec<u8>) -> Result<Self, TokenError> {
        Self::read(payload, false)
    }

    fn read(payload: Vec<u8>, of_answer: bool) -> Result<Self, TokenError> {
        let trace = Trace::default();
        // Checked as a whole, so that the reader need not check string by string.
        let payload = String::from_utf8(payload).map_err(|_| TokenError::Malformed("payload"))?;
        let mut json = serde_json::Deserializer::from_str(&payload);
        let mut members = Members::of(&payload);
        let visitor = ClaimsVisitor {
            members: &mut members,
            trace: &trace,
            of_answer,
        };
        let mut claims = (&mut json)
            .deserialize_map(visitor)
            .and_then(|claims| json.end().map(|()| claims))
            .map_err(|_| trace.explain("payload", MAX_ACTORS))?;
        let found = members.found();
        let duplicate = TokenError::DuplicateMember("payload");
        claims.payload = found.of(payload).ok_or(duplicate)?;
        if of_answer {
            claims.of_answer = true;
            claims.payload.leave_out_null();
        }
        if claims.says_kind {
            claims.read_kind()?;
        }
        Ok(claims)
    }

    /// Reads what the claims say of the kind of token.
    fn read_kind(&mut self) -> Result<(), TokenError> {
        for claim in KindClaim::ALL {
            let Some(json) = self.payload.value(claim.name()) else {
                continue;
            };
            let said = match (claim, values::text(json)) {
                (_, Some(value)) => claim.says(&value),
                (_, None) if json == "null" && claim.may_be_null() => continue,
                (KindClaim::Class, None) => Kind::Other,
                (KindClaim::Typ | KindClaim::Use | KindClaim::Type, None) => {
                    return Err(TokenError::InvalidClaim(claim.name()));
                }
            };
            match said {
                Kind::Access => {}
                Kind::Bound => self.bound = true,
                Kind::Other => self.other_kind = Some(claim.problem()),
            }
        }
        Ok(())
    }

    /// Reads what an issuer says of a token, as strictly, except that a member that is null is absent: servers write so what
    /// they do not have, whereas nothing puts a null into a token.
    pub(crate) fn parse_answer(json: Vec<u8>) -> Result<Self, TokenError> {
        Self::read(json, true)
    }

    pub(crate) fn iss(&self) -> Option<&str> {
        self.iss.map(|iss| self.payload.at(iss))
    }

    pub(crate) fn sub(&self) -> Option<&str> {
        self.sub.map(|sub| self.payload.at(sub))
    }

    /// Takes the client for the subject that is not there.
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

    /// The text of a claim, where it is text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        values::text(self.payload.value(name)?)
    }

    /// Whether there is a claim of this name, and it is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.payload.value(name).is_some_and(|json| json != "null")
    }
}

struct ClaimsVisitor<'a, 'de> {
    members: &'a mut Members<'de>,
    trace: &'a Trace,
    of_answer: bool,
}

impl<'de> Visitor<'de> for ClaimsVisitor<'_, 'de> {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = Claims::default();
        let mut act = None;
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value::<&RawValue>()?.get();
            if self.of_answer && value == "null" {
                self.members.push(name, value)?;
                continue;
            }
            match &*name {
                "iss" => self.text(&mut claims.iss, "iss", value)?,
                "sub" => self.text(&mut claims.sub, "sub", value)?,
                "aud" => self.once(&mut claims.aud, "aud", value, PhantomData)?,
                "exp" => self.once(&mut claims.exp, "exp", value, NumericDate)?,
                "nbf" => self.once(&mut claims.nbf, "nbf", value, NumericDate)?,
                "iat" => self.once(&mut claims.iat, "iat", value, NumericDate)?,
                "jti" => self.text(&mut claims.jti, "jti", value)?,
                "acr" => self.text(&mut claims.acr, "acr", value)?,
                "auth_time" => {
                    self.once(&mut claims.auth_time, "auth_time", value, NumericDate)?;
                }
                "act" => {
                    let seed = ActSeed {
                        chain: &mut claims.actors,
                        trace: self.trace,
                        may_be_null: self.of_answer,
                    };
                    self.once(&mut act, "act", value, seed)?;
                }
                other => {
                    match other {
                        "cnf" => claims.bound = true,
                        "nonce" => claims.id_token = Some("`nonce` is of an ID token"),
                        "at_hash" => claims.id_token = Some("`at_hash` is of an ID token"),
                        "c_hash" => claims.id_token = Some("`c_hash` is of an ID token"),
                        "s_hash" => claims.id_token = Some("`s_hash` is of an ID token"),
                        "events" => claims.other_kind = Some("`events` is of an event token"),
                        "typ" | "token_use" | "token_class" | "token_type" => {
                            claims.says_kind = true;
                        }
                        _ => {}
                    }
                    self.members.check(value, self.trace)?;
                }
            }
            self.members.push(name, value)?;
        }
        Ok(claims)
    }
}

impl<'de> ClaimsVisitor<'_, 'de> {
    /// Reads a value into a slot that must be empty.
    fn once<S: DeserializeSeed<'de>, E: Error>(
        &self,
        slot: &mut Option<S::Value>,
        name: &'static str,
        value: &'de str,
        seed: S,
    ) -> Result<(), E> {
        self.trace.once(slot, || {
            self.trace.member.set(Some(name));
            let mut json = serde_json::Deserializer::from_str(value);
            let value = seed.deserialize(&mut json).map_err(E::custom)?;
            self.trace.member.set(None);
            Ok(value)
        })
    }

    /// Reads a text that is not empty, as [`once`](Self::once).
    fn text<E: Error>(
        &mut self,
        slot: &mut Option<Span>,
        name: &'static str,
        value: &'de str,
    ) -> Result<(), E> {
        self.trace.once(slot, || {
            self.trace.member.set(Some(name));
            let text = values::non_empty(value).ok_or_else(|| E::custom("no text"))?;
            self.trace.member.set(None);
            self.members.place(text)
        })
    }
}
