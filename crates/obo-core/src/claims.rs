//! The claims that decide: RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8693 section 4.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use crate::actor::{Act, ActSeed, MAX_ACTORS};
use crate::json::{Name, Names, NonEmpty, NumericDate, OneOrMany, Skip, Trace};
use crate::{Scope, TokenError, UnixTime};

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
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<Scope>,
    pub(crate) acr: Option<String>,
    pub(crate) auth_time: Option<UnixTime>,
    /// Outermost first.
    pub(crate) actors: Vec<Act>,
    pub(crate) bound: bool,
    /// The member that shows that this is another kind of JWT.
    pub(crate) other_kind: Option<&'static str>,
}

impl Claims {
    /// Reads a payload once, strictly: no member twice at any depth, no wrong type where a type is known.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, TokenError> {
        let trace = Trace::default();
        // Checked as a whole, so that the reader need not check string by string.
        let payload = std::str::from_utf8(payload).map_err(|_| TokenError::Malformed("payload"))?;
        let mut json = serde_json::Deserializer::from_str(payload);
        (&mut json)
            .deserialize_map(ClaimsVisitor { trace: &trace })
            .and_then(|claims| json.end().map(|()| claims))
            .map_err(|_| trace.explain("payload", MAX_ACTORS))
    }
}

struct ClaimsVisitor<'t> {
    trace: &'t Trace,
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
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        let mut typ: Option<String> = None;
        let mut act: Option<()> = None;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Name)? {
            match &*name {
                "iss" => once!(self, map, claims.iss, "iss", NonEmpty),
                "sub" => once!(self, map, claims.sub, "sub", NonEmpty),
                "aud" => once!(self, map, claims.aud, "aud", OneOrMany),
                "exp" => once!(self, map, claims.exp, "exp", NumericDate),
                "nbf" => once!(self, map, claims.nbf, "nbf", NumericDate),
                "iat" => once!(self, map, claims.iat, "iat", NumericDate),
                "jti" => once!(self, map, claims.jti, "jti", NonEmpty),
                "client_id" => once!(self, map, claims.client_id, "client_id", NonEmpty),
                "acr" => once!(self, map, claims.acr, "acr", NonEmpty),
                "auth_time" => once!(self, map, claims.auth_time, "auth_time", NumericDate),
                "scope" => once!(self, map, claims.scope, "scope", ScopeSeed),
                "typ" => once!(self, map, typ, "typ", Text),
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
                        "nonce" => claims.other_kind = Some("`nonce` is of an ID token"),
                        "at_hash" => claims.other_kind = Some("`at_hash` is of an ID token"),
                        "c_hash" => claims.other_kind = Some("`c_hash` is of an ID token"),
                        "s_hash" => claims.other_kind = Some("`s_hash` is of an ID token"),
                        "events" => claims.other_kind = Some("`events` is of an event token"),
                        _ => {}
                    }
                    map.next_value_seed(Skip(self.trace))?;
                    names.push(name);
                }
            }
        }
        names.check(self.trace)?;
        if typ.is_some_and(|typ| is_other_kind(&typ)) {
            claims.other_kind = Some("the claim `typ` names another kind");
        }
        Ok(claims)
    }
}

/// Some servers sign every kind of token under the header `typ` `JWT` and tell them apart by a claim of that name.
fn is_other_kind(typ: &str) -> bool {
    ["ID", "Refresh", "Offline", "Logout"]
        .iter()
        .any(|other| typ.eq_ignore_ascii_case(other))
}

/// One string of values, space-separated (RFC 8693 section 4.2).
struct ScopeSeed;

impl<'de> DeserializeSeed<'de> for ScopeSeed {
    type Value = Scope;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scope, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ScopeSeed {
    type Value = Scope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scope values in one string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scope, E> {
        Scope::parse(text).ok_or_else(|| E::custom("no scope"))
    }
}

/// A string that may be empty.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}
