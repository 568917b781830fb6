//! A part of a file before its type is known.

use std::fmt;
use std::fmt::Write as _;

use obo::{ConfigError, Secret};
use serde::de::value::Error as Stopped;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

/// Any value of a file. It may hold secrets: `Debug` shows nothing, and the value is wiped when it
/// is dropped.
///
/// Read a file as `Settings` first. Errors then name the path of the mistake and do not quote the
/// value:
///
/// ```
/// use obo_config::{Config, Settings};
///
/// let file: Settings = toml::from_str(r#"
///     [resource_server]
///     audiences = ["service-a"]
///     issuers = [{ issuer = "https://idp.example.com", leeway = "soon" }]
/// "#)?;
/// let error = file.read::<Config>().unwrap_err();
/// assert_eq!(error.field(), "resource_server.issuers[0].leeway");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    value: Value,
    /// The fields that [`take`](Self::take) has read.
    taken: Vec<&'static str>,
    /// The fields that [`with`](Self::with) has added.
    given: Vec<&'static str>,
}

impl Settings {
    /// Reads the value as a type of your own.
    ///
    /// # Errors
    ///
    /// Fails if the value does not have the shape of `T`. The field is the path within this value.
    /// Messages that serde writes do not quote values.
    pub fn read<T: DeserializeOwned>(mut self) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(self.value.take()).map_err(|error| {
            let (path, message) = (shown(error.path()), error.inner().to_string());
            match error.path().iter().count() {
                0 => unquoted(&message).at(""),
                1 if message.starts_with(UNKNOWN_FIELD) => self.unknown(&message).at(path),
                // The path has the field already.
                _ => unquoted(without_field(&message)).at(path),
            }
        })
    }

    /// Reads the members that the struct `T` has fields for, and leaves the others. So one table
    /// can be read as several types: read the last one with [`read`](Self::read), which rejects the
    /// members that no type has.
    ///
    /// # Errors
    ///
    /// Fails like [`read`](Self::read).
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, ConfigError> {
        let mut taken = Map::new();
        if let Value::Object(members) = &mut self.value {
            for field in fields::<T>() {
                taken.extend(members.remove_entry(*field));
            }
        }
        self.taken.extend(fields::<T>());
        Self::of(taken).read()
    }

    /// Adds a member to a table.
    ///
    /// # Errors
    ///
    /// Fails if the table has the member already, or this is not a table.
    pub fn with(mut self, name: &'static str, text: &str) -> Result<Self, ConfigError> {
        let Value::Object(members) = &mut self.value else {
            return Err(ConfigError::new("", "is not a table"));
        };
        match members.insert(name.to_owned(), text.into()) {
            None => {
                self.given.push(name);
                Ok(self)
            }
            Some(_) => Err(ConfigError::new("", "unknown field").within(name)),
        }
    }

    /// Returns the name of the first member in which two tables differ.
    pub fn differs_in(&self, other: &Self) -> Option<String> {
        let (Value::Object(own), Value::Object(others)) = (&self.value, &other.value) else {
            return (self.value != other.value).then(String::new);
        };
        let mut names = own.keys().chain(others.keys());
        let name = names.find(|name| own.get(*name) != others.get(*name));
        name.cloned()
    }

    fn of(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            taken: Vec::new(),
            given: Vec::new(),
        }
    }

    /// The error of an unknown field. `message` is serde's: it lists the fields of the last type
    /// that was read.
    fn unknown(&self, message: &str) -> ConfigError {
        let mut names = message.split('`').skip(1).step_by(2);
        let unknown = names.next().unwrap_or_default();
        let mut known: Vec<_> = self.taken.to_vec();
        for name in names {
            // Several types may have the same field.
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let known = known.iter().filter(|name| !self.given.contains(name));
        let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
        let unknown = named(unknown, '`');
        let problem = format!(
            "unknown field{unknown}, expected one of {}",
            known.join(", ")
        );
        ConfigError::new("", problem)
    }
}

const UNKNOWN_FIELD: &str = "unknown field ";

/// Quotes a name from a file, with a blank before it, if it looks like a key. Another text may be a
/// secret in a key's place.
pub(crate) fn named(name: &str, quote: char) -> String {
    match is_plain(name) {
        true => format!(" {quote}{name}{quote}"),
        false => " (not shown, because it does not look like a name of a setting)".to_owned(),
    }
}

/// A name that an error may show in a path.
pub(crate) fn step(name: &str) -> &str {
    if is_plain(name) { name } else { "…" }
}

/// Whether a text looks like a key: short words, and hardly a digit.
fn is_plain(name: &str) -> bool {
    let is_known = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let is_short = name.len() <= 32 && name.split(['_', '-']).all(|word| word.len() <= 16);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    !name.is_empty() && is_short && digits <= 4 && name.bytes().all(is_known)
}

/// The path of a mistake.
fn shown(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        let dot = if text.is_empty() { "" } else { "." };
        // Writing to a string cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(text, "[{index}]"),
            Segment::Map { key } => write!(text, "{dot}{}", step(key)),
            Segment::Enum { variant } => write!(text, "{dot}{}", step(variant)),
            Segment::Unknown => write!(text, "{dot}?"),
        };
    }
    text
}

/// Removes the field from the message of a value that names itself, such as `issuer: is empty`.
fn without_field(message: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match message.split_once(": ") {
        Some((name, problem)) if is_name(name) => problem,
        _ => message,
    }
}

/// Returns the field names that a struct's implementation of [`Deserialize`] asks for.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Fields<'f>(&'f mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = Stopped;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Stopped> {
            *self.0 = fields;
            Err(Stopped::custom("the fields are known"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stopped> {
            Err(Stopped::custom("is not a struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &[&str] = &[];
    // `Fields` always stops with an error.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

impl<'de> Deserialize<'de> for Settings {
    /// Rejects a duplicate member: a map would silently keep the second one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        macro_rules! scalars {
            ($($visit:ident: $type:ty,)*) => {
                $(fn $visit<E: Error>(self, value: $type) -> Result<Settings, E> {
                    Ok(Settings::of(value))
                })*
            };
        }

        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Settings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            scalars! {
                visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str, visit_string: String,
            }

            fn visit_unit<E: Error>(self) -> Result<Settings, E> {
                Ok(Settings::of(()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Settings, A::Error> {
                let mut values = Vec::new();
                while let Some(mut value) = seq.next_element::<Settings>()? {
                    values.push(value.value.take());
                }
                Ok(Settings::of(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
                let mut members = Map::new();
                while let Some((name, mut value)) = map.next_entry::<String, Settings>()? {
                    if members.contains_key(&name) {
                        let name = named(&name, '`');
                        return Err(A::Error::custom(format!("duplicate field{name}")));
                    }
                    members.insert(name, value.value.take());
                }
                Ok(Settings::of(members))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        wipe(self.value.take());
    }
}

fn wipe(value: Value) {
    match value {
        Value::String(text) => drop(Secret::new(text)),
        Value::Array(values) => values.into_iter().for_each(wipe),
        Value::Object(members) => members.into_iter().for_each(|(_, value)| wipe(value)),
        _ => {}
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings([redacted])")
    }
}

/// Removes the quoted value from the message of a file's reader: it may be a secret in the wrong
/// place.
///
/// ```
/// let message = r#"invalid type: string "s3cret", expected a boolean"#;
/// let error = obo_config::unquoted(message).at("signed");
/// assert_eq!(error.to_string(), "signed: invalid type: string, expected a boolean");
/// ```
pub fn unquoted(message: &str) -> ConfigError {
    ConfigError::new("", without_value(message))
}

/// The messages of serde that quote a value.
const QUOTING: [&str; 4] = [
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown variant",
];

fn without_value(message: &str) -> String {
    if let Some(rest) = message.strip_prefix(UNKNOWN_FIELD)
        && let Some((name, known)) = rest.trim_start_matches('`').split_once('`')
    {
        return format!("unknown field{}{known}", named(name, '`'));
    }
    let Some(kind) = QUOTING.iter().find(|kind| message.starts_with(**kind)) else {
        return message.to_owned();
    };
    let (head, quoted) = match message.split_once(['"', '`']) {
        Some((head, rest)) => (head.trim_end(), rest.split(['"', '`']).next()),
        None => (message, None),
    };
    let seen = match (*kind, quoted) {
        // A number or a boolean. `invalid type` has its type before it, which stays.
        (_, Some(value)) if head.len() > kind.len() && is_short_scalar(value) => {
            format!("{head} `{value}`")
        }
        ("unknown variant", Some(value)) if is_misspelled(value, message) => {
            format!("{kind} `{value}`")
        }
        ("invalid type", Some(_)) => head.to_owned(),
        (kind, _) => kind.to_owned(),
    };
    match message.rsplit_once(", expected ") {
        // Readers of the file do not know the names of our types.
        Some((_, expected)) if expected.starts_with("struct ") => {
            format!("{seen}, expected a table")
        }
        Some((_, expected)) => format!("{seen}, expected {expected}"),
        None => seen,
    }
}

/// Whether a value looks like one of the expected words: letters, of which the first is that of a
/// word in the message. Anything else may be a secret in the wrong place.
fn is_misspelled(value: &str, message: &str) -> bool {
    let mut expected = message.split('`').skip(3).step_by(2);
    let has_first = |word: &str| word.chars().next() == value.chars().next();
    is_plain(value) && !value.contains(|c: char| c.is_ascii_digit()) && expected.any(has_first)
}

/// Whether a value is a boolean, or a number that is too short for a secret.
fn is_short_scalar(value: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number = value.trim_start_matches('-');
    matches!(value, "true" | "false") || (number.len() <= 5 && is_number(number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use super::*;

    #[test]
    fn reader_error_hides_value() {
        for (message, expected) in [
            (
                r#"invalid type: string "s3cret", expected a map"#,
                "invalid type: string, expected a map",
            ),
            (
                r#"invalid type: string "a, expected s3cret", expected a map"#,
                "invalid type: string, expected a map",
            ),
            (
                "invalid type: integer `7`, expected a string",
                "invalid type: integer `7`, expected a string",
            ),
            (
                "invalid type: integer `123456`, expected a string",
                "invalid type: integer, expected a string",
            ),
            (
                "invalid type: boolean `true`, expected struct Introspection",
                "invalid type: boolean `true`, expected a table",
            ),
            (
                "unknown variant `acept`, expected `off` or `accept`",
                "unknown variant `acept`, expected `off` or `accept`",
            ),
            (
                "unknown variant `secret`, expected `off` or `accept`",
                "unknown variant, expected `off` or `accept`",
            ),
            (
                "invalid type: map, expected a string",
                "invalid type, expected a string",
            ),
            (
                r#"invalid value: string "s3cret", expected a name"#,
                "invalid value, expected a name",
            ),
            (
                "unknown variant `s3cret`, expected `a` or `b`",
                "unknown variant, expected `a` or `b`",
            ),
            ("unknown variant `s3cret`", "unknown variant"),
            (
                "invalid length 7, expected a pair",
                "invalid length, expected a pair",
            ),
            ("missing field `issuer`", "missing field `issuer`"),
            (
                "unknown field `lifetme`, expected `lifetime`",
                "unknown field `lifetme`, expected `lifetime`",
            ),
            (
                "unknown field `Kx9/s3cret`, expected `lifetime`",
                "unknown field (not shown, because it does not look like a name of a setting), expected `lifetime`",
            ),
        ] {
            let error = unquoted(message).at("field");
            assert_eq!(error.to_string(), format!("field: {expected}"));
        }
    }

    #[test]
    fn table_is_read_as_several_types() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Name {
            first: Option<String>,
            last: Option<String>,
        }

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Age {
            years: u8,
        }

        let of = |text: &str| serde_json::from_str::<Settings>(text);
        let mut person = of(r#"{"first": "Ann", "years": 7}"#).unwrap();
        let name: Name = person.take().unwrap();
        assert_eq!(name.first.as_deref(), Some("Ann"));
        assert_eq!(name.last, None);
        assert_eq!(person.read::<Age>().unwrap(), Age { years: 7 });

        let mut wrong = of(r#"{"first": [7], "years": 7, "more": "s3cret"}"#).unwrap();
        assert_eq!(wrong.take::<Name>().unwrap_err().field(), "first");
        let error = wrong.read::<Age>().unwrap_err();
        assert_eq!(error.field(), "more");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn secret_as_key_is_not_shown() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "it is never read")]
        struct Outer {
            inner: Option<Box<Outer>>,
        }

        for secret in [
            "Kx9/pQ2vT",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "correcthorsebatterystaple",
            "9b2e6c1a-3f7d-4e8b",
        ] {
            let member = format!(r#""{secret}": 1"#);
            for file in [
                format!("{{{member}}}"),
                format!(r#"{{"inner": {{{member}}}}}"#),
            ] {
                let settings: Settings = serde_json::from_str(&file).unwrap();
                let error = settings.read::<Outer>().unwrap_err().to_string();
                assert!(!error.contains(secret), "{error}");
                assert!(error.contains("expected"), "{error}");
            }
            let twice = format!("{{{member}, {member}}}");
            let error = serde_json::from_str::<Settings>(&twice).unwrap_err();
            assert!(!error.to_string().contains(secret), "{error}");
        }
        for key in ["danger_audience_token_endpoint", "rfc8693", "uri", "30"] {
            assert!(is_plain(key), "{key}");
        }
    }

    #[test]
    fn field_of_two_types_appears_once() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "it is never read")]
        struct Pair {
            dialect: Option<u8>,
            issuer: Option<u8>,
        }

        let mut settings: Settings = serde_json::from_str(r#"{"isuer": 1}"#).unwrap();
        settings.take::<Pair>().unwrap();
        let error = settings.read::<Pair>().unwrap_err();
        assert_eq!(
            error.problem(),
            "unknown field `isuer`, expected one of `dialect`, `issuer`"
        );
    }

    #[test]
    fn duplicate_member_is_rejected() {
        let file = r#"{"rules": [{"scopes": ["a"], "scopes": []}]}"#;
        let error = serde_json::from_str::<Settings>(file).unwrap_err();
        assert!(
            error.to_string().contains("duplicate field `scopes`"),
            "{error}"
        );
        let file = r#"{"a": [1, -1, 0.5, true, null, "b"], "c": {"d": "e"}}"#;
        let settings: Settings = serde_json::from_str(file).unwrap();
        let value: Value = settings.read().unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(file).unwrap());
    }

    #[test]
    fn settings_debug_is_redacted() {
        let settings: Settings = serde_json::from_str(r#"{"secret": "s3cret"}"#).unwrap();
        assert_eq!(format!("{settings:?}"), "Settings([redacted])");
    }
}
