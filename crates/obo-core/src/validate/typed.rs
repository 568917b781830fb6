//! Reads the claims into a type of the service. A struct gets the members that the payload has
//! found already. Any other type, and each value, is read from the JSON text.

use std::cell::Cell;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Error;

use crate::validate::payload::{Payload, Span};
use crate::wire::json;
use crate::wire::seen::printable;

/// Reads the whole payload like `serde_json::from_str`, or says which claim does not fit.
pub(crate) fn read<C: DeserializeOwned>(payload: &Payload) -> Result<C, String> {
    let at_fault = Cell::new(None);
    let read = C::deserialize(Whole(payload, &at_fault));
    read.map_err(|error| {
        let error = error.to_string();
        let missing = missing_field(&error);
        match (at_fault.get(), missing) {
            (None, Some(missing)) => format!("claim `{missing}` is missing"),
            (None, None) => "the payload does not fit the type".to_owned(),
            (Some(name), missing) => {
                let value = payload.value(payload.at(name)).unwrap_or_default();
                let (name, kind) = (printable(payload.at(name), MAX_NAME), json::kind(value));
                match missing {
                    Some(missing) => format!("`{missing}` is missing in claim `{name}`"),
                    None => format!("claim `{name}` does not fit its field: it is {kind}"),
                }
            }
        }
    })
}

/// The field that an error calls missing. The rest of an error may quote the token, so it is never
/// shown.
fn missing_field(error: &str) -> Option<&str> {
    let rest = error.strip_prefix("missing field `")?;
    rest.split('`').next()
}

/// How many characters of a claim's name are shown.
const MAX_NAME: usize = 64;

/// Forwards the listed methods to `serde_json`, on the JSON text that `$json` returns for `self`.
macro_rules! by_json {
    ($json:expr; $($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Error> {
            let mut json = serde_json::Deserializer::from_str($json(self));
            let value = (&mut json).$method($($argument,)* visitor)?;
            json.end().map(|()| value)
        }
    )*};
    ($json:expr) => {
        by_json! { $json;
            deserialize_any(); deserialize_bool();
            deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
            deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
            deserialize_f32(); deserialize_f64();
            deserialize_char(); deserialize_str(); deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
            deserialize_option(); deserialize_unit(); deserialize_unit_struct(name: &'static str);
            deserialize_newtype_struct(name: &'static str);
            deserialize_seq(); deserialize_tuple(length: usize);
            deserialize_tuple_struct(name: &'static str, length: usize);
            deserialize_map(); deserialize_enum(name: &'static str, variants: &'static [&'static str]);
            deserialize_identifier();
        }
    };
}

/// The payload, and a cell for the name of the claim that does not fit.
struct Whole<'de, 'f>(&'de Payload, &'f Cell<Option<Span>>);

impl<'de> Deserializer<'de> for Whole<'de, '_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Members {
            payload: self.0,
            rest: self.0.members(),
            name: Span::default(),
            value: Span::default(),
            at_fault: self.1,
        })
    }

    by_json!(|whole: Self| whole.0.json());
    by_json!(|whole: Self| whole.0.json(); deserialize_ignored_any(););
}

struct Members<'de, 'f, I> {
    payload: &'de Payload,
    rest: I,
    /// Name and value of the member that was read last.
    name: Span,
    value: Span,
    at_fault: &'f Cell<Option<Span>>,
}

impl<'de, I: Iterator<Item = (Span, Span)>> MapAccess<'de> for Members<'de, '_, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        (self.name, self.value) = (name, value);
        let name = BorrowedStrDeserializer::new(self.payload.at(name));
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let read = seed.deserialize(Value(self.payload, self.value));
        read.inspect_err(|_| self.at_fault.set(Some(self.name)))
    }
}

struct Value<'de>(&'de Payload, Span);

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    /// The value was checked when the payload was read.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    by_json!(|value: Self| value.0.at(value.1));
    by_json! { |value: Self| value.0.at(value.1);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }
}

#[cfg(test)]
mod tests;
