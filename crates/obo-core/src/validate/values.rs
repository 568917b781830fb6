//! Readers of one claim's JSON text: a string, an array, and the lists of RFC 9068 section 2.2.3.1.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::token::scope::Scope;
use crate::wire::json::Name;

/// A JSON string; `None` for any other value.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inner.as_bytes()).is_some() {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A JSON string that is not empty.
pub(crate) fn non_empty(json: &str) -> Option<Cow<'_, str>> {
    text(json).filter(|text| !text.is_empty())
}

/// Hands over the elements of a JSON array; `None` for any other value.
fn elements<'j>(json: &'j str, each: impl FnMut(&'j str)) -> Option<()> {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&'de str)> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element::<&RawValue>()? {
                (self.0)(element.get());
            }
            Ok(())
        }
    }

    serde_json::Deserializer::from_str(json)
        .deserialize_seq(Elements(each))
        .ok()
}

/// The texts that are not empty in a JSON string or an array; what is neither has none.
pub(crate) fn texts(json: &str) -> Vec<Cow<'_, str>> {
    let mut texts = Vec::new();
    if elements(json, |element| texts.extend(non_empty(element))).is_none() {
        texts.extend(non_empty(json));
    }
    texts
}

/// Hands over the members of a JSON object; `None` for any other value.
pub(crate) fn members<'j>(json: &'j str, each: impl FnMut(&str, &'j str)) -> Option<()> {
    struct Members<F>(F);

    impl<'de, F: FnMut(&str, &'de str)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key_seed(Name)? {
                (self.0)(&name, map.next_value::<&RawValue>()?.get());
            }
            Ok(())
        }
    }

    serde_json::Deserializer::from_str(json)
        .deserialize_map(Members(each))
        .ok()
}

/// The value of a member of a JSON object.
pub(crate) fn member<'j>(json: &'j str, name: &str) -> Option<&'j str> {
    let mut found = None;
    members(json, |own, value| {
        if own == name {
            found = Some(value);
        }
    })?;
    found
}

/// A scope as an array of single values; `None` when it is none, or an element is not one scope-token.
pub(crate) fn scope_array(json: &str) -> Option<Scope> {
    let mut joined = Some(String::with_capacity(json.len()));
    elements(json, |element| {
        let value = non_empty(element).filter(|value| !value.contains(' '));
        match (&mut joined, value) {
            (Some(joined), Some(value)) => {
                joined.push_str(&value);
                joined.push(' ');
            }
            _ => joined = None,
        }
    })?;
    Scope::parse(&joined?)
}

/// Names of roles, groups or entitlements, in one string.
#[derive(Default)]
pub(crate) struct Values(String);

/// Parts two names. A name that has it itself is left out, so that it can not pass for two.
const BETWEEN: char = '\0';

/// A complex value of RFC 7643 section 2.4, of which `value` is the significant one.
#[derive(Deserialize)]
struct Complex<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
}

impl Values {
    /// The names in an array of strings and SCIM values, or a single one of them; what is neither is left out.
    pub(crate) fn parse(json: &str) -> Self {
        let mut names = Self(String::with_capacity(json.len()));
        if elements(json, |element| names.push(element)).is_none() {
            names.0.clear();
            names.push(json);
        }
        names
    }

    /// The names of an object's members.
    pub(crate) fn keys(json: &str) -> Self {
        let mut names = Self::default();
        let read = members(json, |name, _| names.add(name));
        read.map(|()| names).unwrap_or_default()
    }

    fn push(&mut self, json: &str) {
        let name = if json.starts_with('{') {
            serde_json::from_str(json)
                .ok()
                .map(|complex: Complex<'_>| complex.value)
        } else {
            text(json)
        };
        if let Some(name) = name {
            self.add(&name);
        }
    }

    fn add(&mut self, name: &str) {
        if !name.is_empty() && !name.contains(BETWEEN) {
            if !self.0.is_empty() {
                self.0.push(BETWEEN);
            }
            self.0.push_str(name);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(BETWEEN).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(json: &str) -> Vec<String> {
        Values::parse(json).iter().map(str::to_owned).collect()
    }

    #[test]
    fn at_10_strings_and_objects_give_their_names_and_the_rest_is_left_out() {
        assert_eq!(
            names(r#"["a",{"value":"b","display":"B"},"\u0063"]"#),
            ["a", "b", "c"]
        );
        assert_eq!(names(r#""one""#), ["one"]);
        assert_eq!(names(r#"{"value":"one"}"#), ["one"]);
        for none in [
            "null",
            "1",
            "[]",
            r#"[1,null,[],{},{"value":7},{"display":"x"},""]"#,
            "{}",
        ] {
            assert!(names(none).is_empty(), "{none}");
        }
        assert_eq!(names(r#"["a\u0000root","b"]"#), ["b"]);
    }

    #[test]
    fn tx_34_an_element_of_a_scope_array_is_one_value() {
        assert_eq!(scope_array(r#"["b","a"]"#), Scope::parse("a b"));
        assert_eq!(scope_array("[]"), Scope::parse(""));
        for bad in [
            r#"["a b"]"#,
            r#"[""]"#,
            "[1]",
            r#"[["a"]]"#,
            r#"["a",null]"#,
            r#""a""#,
            "{}",
            "null",
        ] {
            assert_eq!(scope_array(bad), None, "{bad}");
        }
    }
}
