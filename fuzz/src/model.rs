//! What an accepted token must be, written down a second time: slower, and without the code under test.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::world::{AUDIENCE, ISSUER, LEEWAY};

/// A JSON value in which no member occurs twice, at any depth.
pub(crate) fn unique(json: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Unique>(json)
        .ok()
        .map(|unique| unique.0)
}

/// Panics unless this header and these claims, signed by the issuer as `alg`, may be accepted at `now`.
pub(crate) fn assert_acceptable(header: &[u8], claims: &[u8], alg: &str, now: u64) {
    let header = unique(header).expect("a header that is JSON, with each member once");
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let same_alg = text("alg") == Some(alg) || alg == "EdDSA" && text("alg") == Some("Ed25519");
    assert!(same_alg, "the key's algorithm and no other");
    for refused in ["crit", "b64", "zip", "enc"] {
        assert!(header.get(refused).is_none(), "{refused}");
    }
    let typ = text("typ").expect("a type").to_ascii_lowercase();
    assert!(matches!(&*typ, "at+jwt" | "application/at+jwt"), "{typ}");
    let claims = unique(claims).expect("claims that are JSON, with each member once");
    assert_claims(&claims, now);
    assert!(claims.get("cnf").is_none(), "null is no value in a token");
    for required in ["client_id", "iat", "jti", "iss", "aud", "exp"] {
        assert!(
            claims.get(required).is_some_and(|value| !value.is_null()),
            "{required}"
        );
    }
}

/// Panics unless a service of [`AUDIENCE`] may accept a token of these claims, where there are any, at `now`.
pub(crate) fn assert_claims(claims: &Value, now: u64) {
    let claim = |name: &str| claims.get(name).filter(|value| !value.is_null());
    if let Some(iss) = claim("iss") {
        assert_eq!(iss, ISSUER);
    }
    match claim("aud") {
        None => {}
        Some(Value::String(aud)) => assert_eq!(aud, AUDIENCE),
        Some(Value::Array(many)) => {
            assert!(
                many.iter()
                    .all(|aud| aud.as_str().is_some_and(|aud| !aud.is_empty()))
            );
            assert!(many.iter().any(|aud| aud == AUDIENCE));
        }
        Some(other) => panic!("aud is {other}"),
    }
    let sub = claim("sub").and_then(Value::as_str);
    assert!(sub.is_some_and(|sub| !sub.is_empty()), "sub");
    let time = |name: &str| claim(name).map(|value| value.as_f64().expect(name));
    let (now, leeway) = (now as f64, LEEWAY as f64);
    assert!(time("exp").is_none_or(|exp| now < exp + leeway), "exp");
    assert!(time("nbf").is_none_or(|nbf| nbf <= now + leeway), "nbf");
    assert!(time("iat").is_none_or(|iat| iat <= now + leeway), "iat");
    assert!(claim("cnf").is_none(), "nobody checks the binding");
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member occurs twice"));
            }
        }
        Ok(members.into())
    }
}
