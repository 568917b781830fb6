//! Reads lists from a claim's JSON text: scope values, roles and groups (RFC 9068 section 2.2.3.1).

use crate::token::scope::Scope;
use crate::wire::json::{elements, member, members, non_empty, text};

/// A scope as an array of single values; `None` if it is not an array, or if an element is not a
/// scope-token.
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

/// Separates two names. A name that contains it is left out, so it cannot pass for two names.
const BETWEEN: char = '\0';

impl Values {
    /// The names in an array of strings and SCIM values, or a single name. Anything else is left
    /// out.
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

    /// Adds a string, or the `value` of a complex value (RFC 7643 section 2.4).
    fn push(&mut self, json: &str) {
        let name = match json.starts_with('{') {
            true => member(json, "value"),
            false => Some(json),
        };
        if let Some(name) = name.and_then(text) {
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

    /// AT-10
    #[test]
    fn strings_and_objects_give_names() {
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

    /// TX-34
    #[test]
    fn scope_array_element_is_one_value() {
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
