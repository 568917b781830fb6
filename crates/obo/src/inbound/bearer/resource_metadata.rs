use std::borrow::Cow;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::inbound::protected_resource::ProtectedResource;

const NAME: &str = "resource_metadata";

/// The parameter that each `Bearer` challenge gets on its way out (RFC 9728 section 5.1), whoever raised it.
///
/// It is added to the finished response, since neither a handler's error nor a tonic status knows of the layer.
#[derive(Clone, Debug)]
pub(super) struct ResourceMetadata(Arc<str>);

impl ResourceMetadata {
    pub(super) fn of(resource: &ProtectedResource) -> Self {
        // A URL in normal form has neither quote nor backslash.
        Self(format!("{NAME}=\"{}\"", resource.url()).into())
    }

    /// Adds the parameter where it is not yet; other schemes and other lines stay as they are (BT-14, BT-16).
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        // To look costs less than an entry, which makes room first.
        if !headers.contains_key(WWW_AUTHENTICATE) {
            return;
        }
        if let http::header::Entry::Occupied(mut lines) = headers.entry(WWW_AUTHENTICATE) {
            for line in lines.iter_mut() {
                let with = line.to_str().ok().and_then(|text| self.within(text));
                if let Some(with) = with.and_then(|text| HeaderValue::try_from(text).ok()) {
                    *line = with;
                }
            }
        }
    }

    /// The line with the parameter first in each `Bearer` challenge that lacks it; `None` when none does.
    fn within(&self, line: &str) -> Option<String> {
        let mut elements: Vec<_> = elements(line).map(Cow::Borrowed).collect();
        let (mut is_named, mut is_changed) = (false, false);
        // From the end, so that the parameters of a challenge are known when its scheme comes.
        for element in elements.iter_mut().rev() {
            let (word, rest) = word(element);
            if rest.starts_with('=') {
                is_named |= word.eq_ignore_ascii_case(NAME);
                continue;
            }
            is_named |= self::word(rest).0.eq_ignore_ascii_case(NAME);
            if word.eq_ignore_ascii_case("Bearer") && !is_named {
                let comma = if rest.is_empty() { "" } else { ", " };
                *element = Cow::Owned(format!("{word} {}{comma}{rest}", self.0));
                is_changed = true;
            }
            is_named = false;
        }
        is_changed.then(|| elements.join(", "))
    }
}

/// What stands between the commas of a line, those within quotes aside: a parameter, or a scheme with its first one
/// (RFC 9110 section 11.6.1).
fn elements(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |c| {
        let is_plain = !std::mem::take(&mut is_escaped);
        match c {
            '\\' if is_plain && is_quoted => is_escaped = true,
            '"' if is_plain => is_quoted = !is_quoted,
            ',' => return !is_quoted,
            _ => {}
        }
        false
    })
    .map(str::trim)
    .filter(|element| !element.is_empty())
}

/// The first word and what follows it.
fn word(element: &str) -> (&str, &str) {
    let end = element.find([' ', '\t', '=']).unwrap_or(element.len());
    let (word, rest) = element.split_at(end);
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pr_04_bt_14_bt_16_each_bearer_challenge_has_it_once_and_no_other_has() {
        let metadata = ResourceMetadata(r#"resource_metadata="U""#.into());
        for (line, expected) in [
            ("Bearer", r#"Bearer resource_metadata="U""#),
            ("bearer", r#"bearer resource_metadata="U""#),
            (
                r#"Bearer error="invalid_token""#,
                r#"Bearer resource_metadata="U", error="invalid_token""#,
            ),
            (
                r#"Bearer  realm = "a, Basic b=\"c" , error=x"#,
                r#"Bearer resource_metadata="U", realm = "a, Basic b=\"c", error=x"#,
            ),
            (
                r#"Basic realm="x", Bearer, Bearer scope="a b""#,
                r#"Basic realm="x", Bearer resource_metadata="U", Bearer resource_metadata="U", scope="a b""#,
            ),
            (
                r#"Bearer realm="resource_metadata=1""#,
                r#"Bearer resource_metadata="U", realm="resource_metadata=1""#,
            ),
            (
                r#"Bearer, DPoP resource_metadata="V""#,
                r#"Bearer resource_metadata="U", DPoP resource_metadata="V""#,
            ),
        ] {
            assert_eq!(metadata.within(line).as_deref(), Some(expected), "{line}");
            assert_eq!(metadata.within(expected), None, "{expected}");
        }
        for other in [
            "",
            "Basic",
            r#"Basic realm="Bearer""#,
            r#"Basic realm="x, Bearer""#,
            r#"BearerX a="b""#,
            r#"DPoP error="x", algs="Bearer""#,
            r#"Bearer resource_metadata="V""#,
            r#"Bearer error="x", Resource_Metadata = "V""#,
        ] {
            assert_eq!(metadata.within(other), None, "{other}");
        }
    }
}
