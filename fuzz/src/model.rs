//! The rules for an accepted token, written a second time without the code under test.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::world::{AUDIENCE, ISSUER, LEEWAY};

/// A JSON value in which no member occurs twice, at any depth.
pub(crate) fn unique(json: &[u8]) -> Option<Value> {
    read(text(json)?)
}

/// The members of an object, each as it is written in the document.
///
/// The code under test skips members that it does not use. Such a member may be nested deeper, or
/// may have larger numbers, than `serde_json` can hold.
pub(crate) fn members(json: &[u8]) -> Option<Vec<(String, &str)>> {
    let Members(members) = serde_json::from_str(text(json)?).ok()?;
    let members = members.into_iter().map(|(name, raw)| (name, raw.get()));
    Some(members.collect())
}

fn text(json: &[u8]) -> Option<&str> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    Some(raw.get())
}

/// Panics unless a token with this header and these claims, signed with `alg`, is valid at `now`.
pub(crate) fn assert_acceptable(header: &[u8], claims: &[u8], alg: &str, now: u64) {
    let header = unique(header).expect("the header is JSON and has each member once");
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let same_alg = text("alg") == Some(alg) || alg == "EdDSA" && text("alg") == Some("Ed25519");
    assert!(same_alg, "the algorithm is that of the key");
    for refused in ["crit", "b64", "zip", "enc"] {
        assert!(header.get(refused).is_none(), "{refused}");
    }
    let typ = text("typ")
        .expect("the header has a `typ`")
        .to_ascii_lowercase();
    assert!(matches!(&*typ, "at+jwt" | "application/at+jwt"), "{typ}");
    let claims = unique(claims).expect("the claims are JSON and have each member once");
    assert_claims(&claims, now);
    assert!(
        claims.get("cnf").is_none(),
        "a token with `cnf`, even null, is rejected"
    );
    for required in ["client_id", "iat", "jti", "iss", "aud", "exp"] {
        assert!(
            claims.get(required).is_some_and(|value| !value.is_null()),
            "{required}"
        );
    }
}

/// Panics if one of the present claims must be rejected by a service of [`AUDIENCE`] at `now`.
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
    assert!(claim("cnf").is_none(), "a bound token is rejected");
}

/// Reads value by value. A number beyond the range of a double is valid JSON, but no claim may use
/// it, so it is read as `false`.
fn read(json: &str) -> Option<Value> {
    match json.as_bytes().first()? {
        b'{' => {
            let Members(raw) = serde_json::from_str(json).ok()?;
            let mut members = Map::new();
            for (name, value) in raw {
                let value = read(value.get())?;
                if members.insert(name, value).is_some() {
                    return None;
                }
            }
            Some(members.into())
        }
        b'[' => {
            let raw: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let values = raw.into_iter().map(|value| read(value.get()));
            values.collect::<Option<Vec<_>>>().map(Value::from)
        }
        b'-' | b'0'..=b'9' => Some(serde_json::from_str(json).unwrap_or(Value::Bool(false))),
        _ => serde_json::from_str(json).ok(),
    }
}

/// The members of an object in their order, with duplicates.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
