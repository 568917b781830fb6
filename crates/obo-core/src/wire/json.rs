//! Strict reading of JSON objects: each member once, each type as expected, and a record of which member was wrong.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::time::UnixTime;

/// Reads a JSON object, and not the array of values that serde takes for a struct as well.
///
/// The text is UTF-8 to its end, also in members that are not read; otherwise those may hold anything that JSON has.
pub(crate) fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    let text = str::from_utf8(json).ok()?;
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok())?
}

/// What an error adds where a text is not JSON for its first character alone, which no editor shows.
pub(crate) fn mark(json: &[u8]) -> &'static str {
    match has_byte_order_mark(json) {
        true => {
            "; it starts with a byte-order mark, which JSON must not have (RFC 8259 section 8.1)"
        }
        false => "",
    }
}

/// Whether a text starts with a byte-order mark.
pub fn has_byte_order_mark(text: &[u8]) -> bool {
    text.starts_with(b"\xef\xbb\xbf")
}

/// The text of a JSON object in which no member occurs twice, at any depth, and every number and string can be held.
pub(crate) fn strict_object(text: &str) -> Option<&str> {
    let text = text.trim_ascii();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Skip(&Trace::default()).deserialize(&mut json);
    let is_read = text.starts_with('{') && read.is_ok() && json.end().is_ok();
    is_read.then_some(text)
}

/// The same JSON text without the white space between its parts.
pub(crate) fn without_white_space(text: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        match c {
            '"' if !is_escaped => in_string = !in_string,
            ' ' | '\t' | '\n' | '\r' if !in_string => return false,
            _ => {}
        }
        is_escaped = *c == '\\' && !is_escaped;
        true
    };
    text.chars().filter(is_kept).collect()
}

/// The members of a JSON object, of which the last of a name counts. A value that cannot be held, such as a number beyond
/// the range of a double, is null and does not hide the others.
pub(crate) fn members(json: &[u8]) -> Option<Map<String, Value>> {
    let raw: BTreeMap<String, &RawValue> = object(json)?;
    let read = |value: &RawValue| serde_json::from_str(value.get()).unwrap_or_default();
    let members = raw.into_iter().map(|(name, value)| (name, read(value)));
    Some(members.collect())
}

/// Where a strict reader is, so that an error can name the member and say what was wrong.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) member: Cell<Option<&'static str>>,
    duplicate: Cell<bool>,
    too_deep: Cell<bool>,
}

impl Trace {
    pub(crate) fn duplicate<E: Error>(&self) -> E {
        self.duplicate.set(true);
        E::custom("a member occurs twice")
    }

    /// Reads a member into its slot, which must be empty: a member occurs once.
    pub(crate) fn once<T, E: Error>(
        &self,
        slot: &mut Option<T>,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<(), E> {
        if slot.is_some() {
            return Err(self.duplicate());
        }
        *slot = Some(read()?);
        Ok(())
    }

    pub(crate) fn too_deep<E: Error>(&self) -> E {
        self.too_deep.set(true);
        E::custom("nested too deep")
    }

    /// What the failure of a reader over `part` means.
    pub(crate) fn explain(&self, part: &'static str, actor_limit: usize) -> TokenError {
        if self.duplicate.get() {
            TokenError::DuplicateMember(part)
        } else if self.too_deep.get() {
            TokenError::ActorDepth { limit: actor_limit }
        } else if let Some(member) = self.member.get() {
            TokenError::InvalidClaim(member)
        } else {
            TokenError::Malformed(part)
        }
    }
}

/// The names of members that nobody asked for, to find one that occurs twice.
#[derive(Default)]
pub(crate) struct Names<'de>(Vec<Cow<'de, str>>);

/// Room for the members of most objects, so that their names are allocated for once.
const USUAL: usize = 24;

impl<'de> Names<'de> {
    pub(crate) fn push(&mut self, name: Cow<'de, str>) {
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        }
        self.0.push(name);
    }

    pub(crate) fn check<E: Error>(mut self, trace: &Trace) -> Result<(), E> {
        self.0.sort_unstable();
        if self.0.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(trace.duplicate());
        }
        Ok(())
    }
}

/// A member's name, borrowed where the text allows it.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Walks over a value without keeping it; an object with a member twice is an error at any depth (JW-12).
pub(crate) struct Skip<'t>(pub(crate) &'t Trace);

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Skip(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Name)? {
            names.push(name);
            map.next_value_seed(Skip(self.0))?;
        }
        names.check(self.0)
    }
}

/// A value that may be null where that means absent.
#[derive(Clone, Copy)]
pub(crate) struct Nullable<S> {
    pub(crate) seed: S,
    pub(crate) may_be_null: bool,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        match self.may_be_null {
            true => Ok(None),
            false => Err(E::custom("null")),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.seed.deserialize(deserializer).map(Some)
    }
}

/// A string that is not empty (JW-30).
#[derive(Clone, Copy)]
pub(crate) struct NonEmpty;

impl<'de> DeserializeSeed<'de> for NonEmpty {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NonEmpty {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string that is not empty")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        if text.is_empty() {
            return Err(E::custom("empty"));
        }
        Ok(text.to_owned())
    }
}

/// One non-empty string, or an array of them (RFC 7519 section 4.1.3).
pub(crate) enum OneOrMany {
    One(String),
    /// In one text, so that many short ones take little more room than they took in the JSON.
    Many {
        text: String,
        ends: Vec<u32>,
    },
}

impl OneOrMany {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (text, ends, one) = match self {
            Self::One(one) => ("", [].as_slice(), Some(one.as_str())),
            Self::Many { text, ends } => (text.as_str(), ends.as_slice(), None),
        };
        let mut start = 0;
        let many = ends.iter().map(move |end| {
            let name = text.get(start..*end as usize);
            start = *end as usize;
            name.unwrap_or_default()
        });
        one.into_iter().chain(many)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
        NonEmpty.visit_str(text).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        while let Some(one) = seq.next_element_seed(NonEmpty)? {
            text.push_str(&one);
            ends.push(u32::try_from(text.len()).map_err(A::Error::custom)?);
        }
        text.shrink_to_fit();
        ends.shrink_to_fit();
        Ok(OneOrMany::Many { text, ends })
    }
}

/// A NumericDate: a number of seconds, not negative, at most 2^53 (RFC 7519 section 2, JW-28).
pub(crate) struct NumericDate;

const MAX_SECONDS: u64 = 1 << 53;

impl<'de> DeserializeSeed<'de> for NumericDate {
    type Value = UnixTime;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<UnixTime, D::Error> {
        // Not a visitor of our own: `serde_json/arbitrary_precision`, which any crate of the build may turn on, gives
        // fractions to `serde_json::Number` alone.
        let number = serde_json::Number::deserialize(deserializer)?;
        let time = match (number.as_u64(), number.as_f64()) {
            (Some(seconds), _) if seconds <= MAX_SECONDS => Some(UnixTime::from_secs(seconds)),
            (None, Some(seconds)) if (0.0..=MAX_SECONDS as f64).contains(&seconds) => {
                Duration::try_from_secs_f64(seconds)
                    .ok()
                    .map(UnixTime::from_duration)
            }
            _ => None,
        };
        time.ok_or_else(|| D::Error::custom("out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_names_take_little_more_room_than_their_json() {
        let names = vec!["a"; 1_000];
        let json = serde_json::to_string(&names).unwrap();
        let read: OneOrMany = serde_json::from_str(&json).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), names);
        let OneOrMany::Many { text, ends } = read else {
            panic!("it was an array");
        };
        let room = text.capacity() + ends.capacity() * size_of::<u32>();
        assert!(room < json.len() * 3 / 2, "{room}");
    }
}
