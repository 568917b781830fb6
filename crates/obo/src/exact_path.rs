//! Request paths as configuration lists them: compared whole, byte by byte; never as a prefix, never decoded (BT-22).

use std::borrow::Borrow;

use crate::ConfigError;

/// A path such as `/healthz` or `/package.Service/Method` that servers do not read in different ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExactPath(String);

impl ExactPath {
    pub(crate) fn parse(field: &'static str, path: &str) -> Result<Self, ConfigError> {
        if let Some(parameter) = path.split('/').find(|segment| is_parameter(segment)) {
            let problem = format!(
                "{path:?} has the parameter {parameter:?}, and paths here are exact: they are compared whole; list \
                 each path, or check the rule in the handler"
            );
            return Err(ConfigError::new(field, problem));
        }
        let is_written_out = path.bytes().all(|b| b.is_ascii_graphic() && b != b'%')
            && !path.contains(['?', '#', '*', '{', '}']);
        if !is_written_out || !is_unambiguous(path) {
            return Err(ConfigError::new(
                field,
                format!(
                    "{path:?} is no exact path; write `/healthz` or `/package.Service/Method`: from the first slash \
                     on, without pattern, query, escape, empty or dot segment"
                ),
            ));
        }
        Ok(Self(path.to_owned()))
    }
}

impl Borrow<str> for ExactPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ExactPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether routers take the segment for a parameter: `:id` or `{id}`.
fn is_parameter(segment: &str) -> bool {
    segment.starts_with(':') || segment.starts_with('{') && segment.ends_with('}')
}

/// Whether no server behind this one can take the path for another one: it has no empty segment but the last, no dot
/// segment, no path parameter, and no escape of what need not be escaped or separates segments (RFC 3986 section 6.2.2),
/// of a control character, or of an overlong form.
///
/// For whoever decides by the start of a path, such as a gateway that sends on what is below `/orders`: a path that is
/// ambiguous may lead elsewhere. [`RuleTable`](crate::RuleTable) and [`Destinations`](crate::Destinations) ask it
/// themselves.
///
/// ```
/// use obo::is_unambiguous;
///
/// assert!(is_unambiguous("/orders/a%20b"));
/// assert!(!is_unambiguous("/orders/..%2fadmin"));
/// ```
pub fn is_unambiguous(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains("//")
        && !path.contains(['\\', ';'])
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && path.split('%').skip(1).all(is_needed_escape)
}

fn is_needed_escape(rest: &str) -> bool {
    rest.get(..2)
        .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        .is_some_and(|b| !b.is_ascii_alphanumeric() && !b"-._~/\\;%".contains(&b) && may_be_text(b))
}

/// Some servers end a path at a control character, and some read what is too long for UTF-8 as the ASCII it stands for.
fn may_be_text(b: u8) -> bool {
    !b.is_ascii_control() && !matches!(b, 0xc0 | 0xc1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bt_22_a_listed_path_is_written_out() {
        for good in ["/", "/healthz", "/a/", "/p.S/M", "/a-b_c~d/e:f@g"] {
            ExactPath::parse("paths", good).unwrap();
        }
        for bad in [
            "",
            "healthz",
            "*",
            "/a/*",
            "/a/{id}",
            "/a/:id",
            "/:a/b",
            "//a",
            "/a//b",
            "/a/../b",
            "/a/.",
            "/a?b",
            "/a#b",
            "/a b",
            "/a%20b",
            "/%61",
            "/ä",
            "/a;b",
            "/a\\b",
            "https://h/a",
        ] {
            let error = ExactPath::parse("paths", bad).unwrap_err();
            assert_eq!(error.field(), "paths", "{bad}");
        }
    }

    #[test]
    fn parameter_in_path_is_refused_by_name() {
        for (path, parameter) in [
            ("/orders/:id", "\":id\""),
            ("/:tenant/orders", "\":tenant\""),
            ("/orders/{id}/lines", "\"{id}\""),
            ("/orders/{*rest}", "\"{*rest}\""),
        ] {
            let error = ExactPath::parse("paths", path).unwrap_err().to_string();
            assert!(error.contains(parameter), "{error}");
            assert!(error.contains("exact"), "{error}");
        }
        ExactPath::parse("paths", "/v1/orders:cancel").unwrap();
    }

    #[test]
    fn bt_22_what_another_server_may_read_differently_is_ambiguous() {
        for plain in [
            "/",
            "/a/b",
            "/a/b/",
            "/a%20b",
            "/a%C3%a4",
            "/.well-known/x",
            "/a..b",
        ] {
            assert!(is_unambiguous(plain), "{plain}");
        }
        for odd in [
            "",
            "*",
            "a",
            "//a",
            "/a//",
            "/a/./b",
            "/a/..",
            "/../a",
            "/a%2Fb",
            "/a%2fb",
            "/a%5cb",
            "/%2e%2e/a",
            "/%61",
            "/a%252fb",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/a%00",
            "/a%0d%0ab",
            "/a%7F",
            "/a%c0%ae",
            "/a;x/b",
            "/a%3bx",
            "/a\\b",
            "/a%7E",
        ] {
            assert!(!is_unambiguous(odd), "{odd}");
        }
    }
}
