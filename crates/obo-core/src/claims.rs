//! The claims that decide: RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8693 section 4.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};

use crate::actor::{Act, ActSeed, MAX_ACTORS};
use crate::json::{Name, NonEmpty, NumericDate, OneOrMany, Trace};
use crate::others::{Members, Others};
use crate::{TokenError, UnixTime, values};

/// The registered claims of one token, typed but not yet judged.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) aud: Option<Vec<String>>,
    pub(crate) exp: Option<UnixTime>,
    pub(crate) nbf: Option<UnixTime>,
    pub(crate) iat: Option<UnixTime>,
    pub(crate) jti: Option<String>,
    pub(crate) acr: Option<String>,
    pub(crate) auth_time: Option<UnixTime>,
    /// Outermost first.
    pub(crate) actors: Vec<Act>,
    pub(crate) bound: bool,
    /// The member that shows that this is an ID token, from most servers.
    pub(crate) id_token: Option<&'static str>,
    /// The member that shows that this is another kind of JWT, whoever sends it.
    pub(crate) other_kind: Option<&'static str>,
    /// What servers differ in, such as scope and client: the issuer's profile says where it is.
    pub(crate) others: Others,
}

impl Claims {
    /// Reads a payload once, strictly: no member twice at any depth, no wrong type where a type is known.
    pub(crate) fn parse(payload: Vec<u8>) -> Result<Self, TokenError> {
        let trace = Trace::default();
        // Checked as a whole, so that the reader need not check string by string.
        let payload = String::from_utf8(payload).map_err(|_| TokenError::Malformed("payload"))?;
        let mut json = serde_json::Deserializer::from_str(&payload);
        let visitor = ClaimsVisitor {
            payload: &payload,
            trace: &trace,
        };
        let (mut claims, members) = (&mut json)
            .deserialize_map(visitor)
            .and_then(|claims| json.end().map(|()| claims))
            .map_err(|_| trace.explain("payload", MAX_ACTORS))?;
        claims.others = members.of(payload);
        for name in ["typ", "token_use"] {
            if let Some(kind) = claims.others.json(name) {
                let kind = values::text(kind).ok_or(TokenError::InvalidClaim(name))?;
                if is_other_kind(&kind) {
                    claims.other_kind = Some("the claim `typ` or `token_use` names another kind");
                }
            }
        }
        Ok(claims)
    }

    /// The text of a claim, where it is text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let own = match name {
            "iss" => &self.iss,
            "sub" => &self.sub,
            "jti" => &self.jti,
            "acr" => &self.acr,
            _ => return values::text(self.others.json(name)?),
        };
        own.as_deref().map(Cow::Borrowed)
    }

    /// Whether there is a claim of this name, and it is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        match name {
            "iss" => self.iss.is_some(),
            "sub" => self.sub.is_some(),
            "aud" => self.aud.is_some(),
            "exp" => self.exp.is_some(),
            "nbf" => self.nbf.is_some(),
            "iat" => self.iat.is_some(),
            "jti" => self.jti.is_some(),
            "acr" => self.acr.is_some(),
            "auth_time" => self.auth_time.is_some(),
            "act" => !self.actors.is_empty(),
            _ => self.others.json(name).is_some_and(|json| json != "null"),
        }
    }
}

struct ClaimsVisitor<'a> {
    payload: &'a str,
    trace: &'a Trace,
}

/// Reads the next value into a slot that must be empty.
macro_rules! once {
    ($self:ident, $map:ident, $slot:expr, $name:literal, $seed:expr) => {{
        if $slot.is_some() {
            return Err($self.trace.duplicate());
        }
        $self.trace.member.set(Some($name));
        $slot = Some($map.next_value_seed($seed)?);
        $self.trace.member.set(None);
    }};
}

impl<'de> Visitor<'de> for ClaimsVisitor<'_> {
    type Value = (Claims, Members);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = Claims::default();
        let mut act: Option<()> = None;
        let mut members = Members::default();
        while let Some(name) = map.next_key_seed(Name)? {
            match &*name {
                "iss" => once!(self, map, claims.iss, "iss", NonEmpty),
                "sub" => once!(self, map, claims.sub, "sub", NonEmpty),
                "aud" => once!(self, map, claims.aud, "aud", OneOrMany),
                "exp" => once!(self, map, claims.exp, "exp", NumericDate),
                "nbf" => once!(self, map, claims.nbf, "nbf", NumericDate),
                "iat" => once!(self, map, claims.iat, "iat", NumericDate),
                "jti" => once!(self, map, claims.jti, "jti", NonEmpty),
                "acr" => once!(self, map, claims.acr, "acr", NonEmpty),
                "auth_time" => once!(self, map, claims.auth_time, "auth_time", NumericDate),
                "act" => once!(
                    self,
                    map,
                    act,
                    "act",
                    ActSeed {
                        chain: &mut claims.actors,
                        trace: self.trace
                    }
                ),
                other => {
                    match other {
                        "cnf" => claims.bound = true,
                        "nonce" => claims.id_token = Some("`nonce` is of an ID token"),
                        "at_hash" => claims.id_token = Some("`at_hash` is of an ID token"),
                        "c_hash" => claims.id_token = Some("`c_hash` is of an ID token"),
                        "s_hash" => claims.id_token = Some("`s_hash` is of an ID token"),
                        "events" => claims.other_kind = Some("`events` is of an event token"),
                        _ => {}
                    }
                    members.read(self.payload, name, &mut map, self.trace)?;
                }
            }
        }
        members.seal(self.payload, self.trace)?;
        Ok((claims, members))
    }
}

/// Some servers sign every kind of token under the header `typ` `JWT` and tell them apart by a claim of that name, or by
/// `token_use`.
fn is_other_kind(kind: &str) -> bool {
    ["ID", "Refresh", "Offline", "Logout"]
        .iter()
        .any(|other| kind.eq_ignore_ascii_case(other))
}
