//! How configuration files write the values of this crate. Each is one string and is checked while
//! it is read, so an error names its place in the file.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::jose::crypto::{Algorithm, MacAlgorithm};
use crate::token::audience::{Audience, Resource};
use crate::token::issuer::Issuer;
use crate::token::token_type::TokenType;

impl<'de> Deserialize<'de> for Issuer {
    /// A string, or `{ danger_http = "…" }` for an issuer that may use plain `http` on any host.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IssuerVisitor;

        impl<'de> Visitor<'de> for IssuerVisitor {
            type Value = Issuer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an issuer as a string, or a table with `danger_http` alone")
            }

            fn visit_str<E: Error>(self, issuer: &str) -> Result<Issuer, E> {
                Issuer::new(issuer).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Issuer, A::Error> {
                let mut issuer = None;
                while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                    if key != "danger_http" || issuer.is_some() {
                        return Err(A::Error::invalid_value(Unexpected::Str(&key), &self));
                    }
                    let text: String = map.next_value()?;
                    issuer = Some(Issuer::danger_http(text).map_err(A::Error::custom)?);
                }
                issuer.ok_or_else(|| A::Error::missing_field("danger_http"))
            }
        }

        deserializer.deserialize_any(IssuerVisitor)
    }
}

macro_rules! names {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    )+};
}

names!(Audience, Resource);

impl<'de> Deserialize<'de> for TokenType {
    /// The name of a type in RFC 8693 section 3, such as `access_token`, or any URI.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::new(match name.contains(':') {
            true => name,
            false => format!("urn:ietf:params:oauth:token-type:{name}"),
        }))
    }
}

/// Quotes what may be the name of an algorithm. Another text may be a secret in the wrong place.
fn named(name: &str) -> String {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-+_".contains(&b);
    match name.len() <= 16 && name.bytes().all(is_name) {
        true => format!(" {name:?}"),
        false => " (not shown, because it does not look like a name)".to_owned(),
    }
}

macro_rules! algorithms {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<str>::deserialize(deserializer)?;
                Self::from_name(&name).ok_or_else(|| {
                    let known = Self::ALL.map(Self::name).join(", ");
                    let name = named(&name);
                    D::Error::custom(format!("unknown algorithm{name}; known: {known}"))
                })
            }
        }
    )+};
}

algorithms!(Algorithm, MacAlgorithm);
