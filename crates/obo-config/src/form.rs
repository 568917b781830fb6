//! How files write values.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use obo::{ConfigError, Scope};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::interned::interned;
use crate::settings::named;

/// A string or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form<T> {
    Text(String),
    Table(T),
}

impl<T> Form<T> {
    /// Returns the table. `of_text` makes one of a string.
    pub(crate) fn table(self, of_text: impl FnOnce(String) -> T) -> T {
        match self {
            Self::Text(text) => of_text(text),
            Self::Table(table) => table,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Form<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrTable<T> {
            type Value = Form<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Form<T>, E> {
                Ok(Form::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Form<T>, E> {
                Ok(Form::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Form<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Form::Table)
            }
        }

        deserializer.deserialize_any(TextOrTable(PhantomData))
    }
}

/// A duration with its unit: `"90s"`, `"5m"`, `"24h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub(crate) Duration);

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"90s\" or \"5m\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                humantime::parse_duration(text).map(Span).map_err(|_| {
                    let text = named(text, '"');
                    let problem = format!(
                        "the value{text} is not a duration; write one such as \"90s\" or \"5m\""
                    );
                    E::custom(problem)
                })
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Span, E> {
                Err(without_unit(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Span, E> {
                Err(without_unit(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Span, E> {
                Err(without_unit(number))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

fn without_unit<E: Error>(number: impl fmt::Display) -> E {
    E::custom(format!(
        "\"{number}\" is not a duration, because it has no unit; write one such as \"60s\" or \"5m\""
    ))
}

/// A flag that a file can set but not clear: the named base may have set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(Self),
            false => Err(D::Error::custom(
                "must be `true`; leave the key out otherwise",
            )),
        }
    }
}

/// A name that lives as long as the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) &'static str);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self(interned(name)))
    }
}

/// Declares a table of settings that change a named base. First come the flags, each the method of
/// its name; then the keys with a value, each with its type and a function that applies it.
macro_rules! table_over {
    ($base:ident, $table:ident { $($(#[$attribute:meta])* $flag:ident)* } { $($key:ident: $type:ty => $apply:expr,)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $table {
            base: Option<String>,
            $($(#[$attribute])* $flag: Option<$crate::form::True>,)*
            $($key: Option<$type>,)*
        }

        impl $table {
            /// The table with a base and no changes.
            pub(crate) fn named(base: String) -> Self {
                Self {
                    base: Some(base),
                    ..Self::default()
                }
            }

            /// Applies the settings to the base.
            fn over(self, built: $base) -> $base {
                $(
                    let built = match self.$flag {
                        Some($crate::form::True) => built.$flag(),
                        None => built,
                    };
                )*
                $(let built = $crate::form::set(built, self.$key, $apply);)*
                built
            }
        }
    };
}
pub(crate) use table_over;

/// Scope values, written as a list of strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(pub(crate) Scope);

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scope = Scope::new(Vec::<String>::deserialize(deserializer)?);
        scope.map(Self).map_err(D::Error::custom)
    }
}

/// Applies a setting if the file has it.
pub(crate) fn set<T, V>(built: T, value: Option<V>, apply: impl FnOnce(T, V) -> T) -> T {
    match value {
        Some(value) => apply(built, value),
        None => built,
    }
}

/// Builds each item of a list. An error names the item by `place` and its index.
pub(crate) fn each<T, U>(
    place: &str,
    items: impl IntoIterator<Item = T>,
    mut build: impl FnMut(T) -> Result<U, ConfigError>,
) -> Result<Vec<U>, ConfigError> {
    let items = items.into_iter().enumerate();
    let built =
        items.map(|(i, item)| build(item).map_err(|error| error.within(&format!("{place}[{i}]"))));
    built.collect()
}

/// Applies the settings of a table to a builder: first keys with a value, then flags. Each key is
/// the builder's method of the same name.
macro_rules! apply {
    ($table:ident to $builder:expr; $($key:ident)*; $($flag:ident)*) => {{
        let built = $builder;
        $(let built = match $table.$key {
            Some(value) => built.$key(value.into()),
            None => built,
        };)*
        $(let built = match $table.$flag {
            Some(true) => built.$flag(),
            _ => built,
        };)*
        built
    }};
}
pub(crate) use apply;
