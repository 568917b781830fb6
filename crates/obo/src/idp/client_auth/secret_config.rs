//! A secret as a configuration file spells it: itself, or where it is.

use std::path::PathBuf;
use std::{env, fmt};

use obo_core::{ConfigError, Secret};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A text, or where one is.
pub(super) enum SecretConfig {
    Text(Secret),
    File(PathBuf),
    Env(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    file: Option<PathBuf>,
    env: Option<String>,
}

/// What a variable of the environment holds.
pub(super) fn variable(name: &str) -> Result<Secret, ConfigError> {
    env::var(name).map(Secret::new).map_err(|_| {
        // What is no usual name may be the secret itself.
        let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let problem = match name.bytes().all(is_name) {
            true => format!("the environment variable {name:?} is not set, or is no text"),
            false => "the environment variable of that name is not set, or is no text".to_owned(),
        };
        ConfigError::new("env", problem)
    })
}

impl<'de> Deserialize<'de> for SecretConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrPlace;

        impl<'de> Visitor<'de> for TextOrPlace {
            type Value = SecretConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a table with `file` or `env`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SecretConfig, E> {
                Ok(SecretConfig::Text(Secret::new(text)))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<SecretConfig, E> {
                Ok(SecretConfig::Text(Secret::new(text)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretConfig, A::Error> {
                let place = Place::deserialize(MapAccessDeserializer::new(map))?;
                match (place.file, place.env) {
                    (Some(file), None) => Ok(SecretConfig::File(file)),
                    (None, Some(env)) => Ok(SecretConfig::Env(env)),
                    _ => Err(A::Error::custom("give either `file` or `env`")),
                }
            }
        }

        deserializer.deserialize_any(TextOrPlace)
    }
}
