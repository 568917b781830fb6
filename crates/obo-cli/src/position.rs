//! The place of a mistake in a configuration file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use obo::{ConfigError, Issuer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::output::{Failure, cleaned};

/// The failure of a mistake, with its place. Only the key is shown, because the rest of the line
/// may have a secret.
pub(crate) fn failure(path: &Path, text: &str, error: &ConfigError) -> Failure {
    let problem = format!("{}: {error}", path.display());
    let failure = Failure::wrong(&problem);
    let found = match is_json(path) {
        true => json_place(text, error.field()),
        false => place(text, error.field()),
    };
    let Some(at) = found else {
        return failure;
    };
    let before = text.get(..at.start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = 1 + before.get(start..).unwrap_or_default().chars().count();
    let name = path.display().to_string();
    let shown = text.get(at).unwrap_or_default();
    // Blanks in place of what stands before it, so that the column is right.
    let indent = column - 1;
    let shown = " ".repeat(indent) + shown.lines().next().unwrap_or_default();
    let title = cleaned(&format!("{}: {}", error.field(), error.problem()));
    let drawn = Renderer::styled().render(&[Level::ERROR.primary_title(title).element(
        Snippet::source(&shown)
            .line_start(line)
            .path(&name)
            .annotation(AnnotationKind::Primary.span(indent..shown.len())),
    )]);
    failure.at(format!("{name}:{line}:{column}"), drawn)
}

pub(crate) fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "json")
}

/// The byte of `line 3` or `line 3 column 7`.
fn line_place(text: &str, field: &str) -> Option<usize> {
    let mut words = field.strip_prefix("line ")?.split(" column ");
    let line: usize = words.next()?.parse().ok()?;
    let column: usize = words.next().map_or(Ok(1), str::parse).ok()?;
    let before = text.split_inclusive('\n').take(line.checked_sub(1)?);
    let start: usize = before.map(str::len).sum();
    let rest = text.get(start..)?;
    let length = rest.find('\n').unwrap_or(rest.len());
    let at = start + column.checked_sub(1)?.min(length);
    (start..=at).rev().find(|at| text.is_char_boundary(*at))
}

/// As [`place`], in a JSON file.
fn json_place(text: &str, field: &str) -> Option<Range<usize>> {
    if let Some(at) = line_place(text, field) {
        return Some(at..at);
    }
    let mut found = None;
    let mut value = text;
    for step in field.split('.') {
        let (name, indices) = step.split_once('[').unwrap_or((step, ""));
        let Ok(Members(members)) = serde_json::from_str(value) else {
            return found;
        };
        let Some((key, inner)) = members.into_iter().find(|(key, _)| key == name) else {
            return found;
        };
        let start = match key {
            Cow::Borrowed(key) => offset(text, key)?,
            // A key with escapes: its value has a place.
            Cow::Owned(_) => offset(text, inner.get())?,
        };
        let length = if text.get(start..)?.starts_with(name) {
            name.len()
        } else {
            0
        };
        found = Some(start..start + length);
        value = inner.get();
        for index in indices.split('[').filter(|it| !it.is_empty()) {
            let index: usize = index.trim_end_matches(']').parse().ok()?;
            let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value) else {
                return found;
            };
            let Some(item) = items.get(index) else {
                return found;
            };
            value = item.get();
            // The item may be a secret, so only its place is shown.
            let start = offset(text, value)?;
            found = Some(start..start);
        }
    }
    found
}

/// The members of an object, each with its place.
struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

/// Where a part of a text starts.
fn offset(text: &str, part: &str) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (at <= text.len()).then_some(at)
}

/// The bytes of the key of a field such as `resource_server.issuers[1].leeway`, or of the last one
/// that the file has.
fn place(text: &str, field: &str) -> Option<Range<usize>> {
    if let Some(at) = line_place(text, field) {
        // The text is not TOML, so its keys cannot be separated from its values.
        return Some(at..at);
    }
    let root = DeTable::parse(text).ok()?.into_inner();
    let mut found = None;
    let mut table = Some(&root);
    let mut value: Option<&Spanned<DeValue<'_>>>;
    for step in field.split('.') {
        let (name, indices) = step.split_once('[').unwrap_or((step, ""));
        let (key, next) = table?
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == name)
            .map_or_else(|| (None, None), |(key, value)| (Some(key), Some(value)));
        let (Some(key), Some(next)) = (key, next) else {
            return found;
        };
        found = Some(key.span());
        value = Some(next);
        for index in indices.split('[').filter(|it| !it.is_empty()) {
            let index: usize = index.trim_end_matches(']').parse().ok()?;
            let Some(item) = value.and_then(|it| it.get_ref().as_array()?.get(index)) else {
                return found;
            };
            // A table of an array has the place of its first line. Any other item is a value.
            if item.get_ref().is_table() {
                let span = item.span();
                let end = text.get(span.start..)?.find(['\n', '=']).unwrap_or(0);
                found = Some(span.start..(span.start + end).min(span.end));
            }
            value = Some(item);
        }
        table = value.and_then(|it| it.get_ref().as_table());
        if table.is_none() {
            return found;
        }
    }
    found
}

/// The text at a place such as `resource_server.issuers[1].profile`.
pub(crate) fn text_at(text: &str, steps: &[&str], index: usize, name: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let mut table = &root;
    let (last, before) = steps.split_last()?;
    for step in before {
        table = table.get(*step)?.get_ref().as_table()?;
    }
    let list = table.get(*last)?.get_ref();
    let table = match list.as_array() {
        Some(list) => list.get(index)?.get_ref().as_table()?,
        None => list.as_table()?,
    };
    let value = table.get(name)?.get_ref();
    Some(value.as_str().unwrap_or("a table").to_owned())
}

/// The text of a field of the client at an issuer.
pub(crate) fn of_client(text: &str, issuer: &Issuer, name: &str) -> Option<String> {
    let listed = |index: usize, name: &str| text_at(text, &["clients"], index, name);
    let mut indices = (0..).take_while(|index| listed(*index, "issuer").is_some());
    let own = indices.find(|index| listed(*index, "issuer").as_deref() == Some(issuer.as_str()));
    match own {
        Some(index) => listed(index, name),
        None => text_at(text, &["client"], 0, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[a]\nb = 7\n\n[[c.d]]\ne = 1\n\n[[c.d]]\ne = 's3cret'\n";

    #[test]
    fn field_has_its_place() {
        for (field, expected) in [
            ("a.b", "b"),
            ("a.other", "a"),
            ("c.d[1].e", "e"),
            ("c.d[1].other", "[[c.d]]"),
        ] {
            let at = place(FILE, field).unwrap();
            assert_eq!(FILE.get(at), Some(expected), "{field}");
        }
        let line = place(FILE, "line 5").unwrap();
        assert!(FILE[line.start..].starts_with("e = 1") && line.is_empty());
        assert_eq!(place(FILE, "nothing"), None);
    }

    #[test]
    fn json_field_has_its_place() {
        let text = "{\n  \"a\": { \"b\": 7 },\n  \"c\": [\n    { \"d\": 1 }, {\"d\": \"s3cret\"}, \"s3cret\" ]\n}\n";
        let error = |field: &'static str| ConfigError::new(field, "is wrong");
        for (field, expected) in [
            ("a.b", "f.json:2:11"),
            ("a.other", "f.json:2:4"),
            ("c[1].d", "f.json:4:19"),
            ("c[1].other", "f.json:4:17"),
            ("c[2]", "f.json:4:34"),
            ("line 3 column 5", "f.json:3:5"),
            ("line 3 column 500", "f.json:3:9"),
        ] {
            let failure = format!("{:?}", failure(Path::new("f.json"), text, &error(field)));
            assert!(failure.contains(expected), "{field}: {failure}");
            assert!(!failure.contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn value_is_not_shown() {
        let shown = |text: &str, field: &'static str| {
            let error = ConfigError::new(field, "is wrong");
            format!("{:?}", failure(Path::new("f.toml"), text, &error))
        };
        let failure = shown(FILE, "c.d[1].e");
        assert!(failure.contains("f.toml:8:1"), "{failure}");
        assert!(!failure.contains("s3cret"), "{failure}");
        for (text, field) in [
            ("a: s3cret\n", "line 1"),
            ("a \"s3cret\"\n", "line 1"),
            ("a = \"x\n s3cret=\"\n", "line 2"),
            ("s3cret==\n", "line 1"),
            ("{\"a\":\"s3cret\",\"b\":[}", "line 1"),
            ("a = { b = \"s3cret\", c = 1 }\n", "a.c"),
            ("a = [\"s3cret\"]\n", "a[0]"),
        ] {
            let failure = shown(text, field);
            assert!(!failure.contains("s3cret"), "{text}: {failure}");
        }
    }
}
