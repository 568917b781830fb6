//! Request paths and tables of paths. Paths are compared as they were sent, never decoded.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not admit a request"
)]

mod pattern;
mod table;
#[cfg(test)]
mod table_tests;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

pub use pattern::PathPattern;
pub use table::{PathMatch, PathTable};

/// Whether all servers read the path alike.
///
/// Such a path has no empty segment except the last, no dot segment, no path parameter, and no
/// escape of a character that needs none or that separates segments (RFC 3986 section 6.2.2).
/// Escapes must decode to UTF-8 without control characters: some servers decode an overlong form to
/// ASCII.
///
/// Call it before you match the prefix of a path, for example in a gateway that forwards all paths
/// below `/orders`: an ambiguous path may lead elsewhere. [`PathTable`],
/// [`RuleTable`](crate::RuleTable) and [`Destinations`](crate::Destinations) check it themselves.
///
/// ```
/// use obo::path::is_unambiguous;
///
/// assert!(is_unambiguous("/orders/a%20b"));
/// assert!(!is_unambiguous("/orders/..%2fadmin"));
/// ```
pub fn is_unambiguous(path: &str) -> bool {
    let is_odd = |b: u8| b == b';' || b == b'\\' || b.is_ascii_control();
    let pairs = || path.bytes().zip(path.bytes().skip(1));
    if !path.starts_with('/')
        || path.bytes().fold(false, |odd, b| odd | is_odd(b))
        || pairs().fold(false, |odd, pair| odd | (pair == (b'/', b'/')))
    {
        return false;
    }
    let has_dots = pairs().fold(false, |dots, pair| dots | (pair == (b'/', b'.')));
    if has_dots && path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return false;
    }
    let is_plain = path.bytes().fold(true, |plain, b| plain & is_plain(b));
    is_plain || path.split('%').skip(1).all(is_needed_escape) && is_text(path)
}

/// Whether the byte stands for itself: it is ASCII and not part of an escape.
fn is_plain(b: u8) -> bool {
    b.is_ascii() && b != b'%'
}

fn is_needed_escape(rest: &str) -> bool {
    escaped(rest).is_some_and(|b| !b.is_ascii_alphanumeric() && !b"-._~/\\;%".contains(&b))
}

/// The byte of the escape that starts before `rest`.
fn escaped(rest: &str) -> Option<u8> {
    let hex = rest.get(..2)?;
    let is_hex = hex.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(hex, 16).ok().filter(|_| is_hex)
}

/// Whether the path decodes to UTF-8 without control characters, where some servers cut it off.
fn is_text(path: &str) -> bool {
    let text = percent_decode_str(path).decode_utf8();
    text.is_ok_and(|text| !text.contains(char::is_control))
}

/// The path without the differences that some servers ignore: letter case, a slash at the end, and
/// escapes. Two paths with the same folded path may be the same path to another server.
fn folded_path(path: &str) -> Cow<'_, str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.bytes().fold(true, |plain, b| plain & is_plain(b)) {
        let has_upper = |upper, b: u8| upper | b.is_ascii_uppercase();
        return match path.bytes().fold(false, has_upper) {
            true => Cow::Owned(path.to_ascii_lowercase()),
            false => Cow::Borrowed(path),
        };
    }
    // First to upper case: `\u{17f}` has the upper case of `s`, and `\u{212a}` the lower case of
    // `k`.
    let upper = percent_decode_str(path).decode_utf8_lossy().to_uppercase();
    Cow::Owned(upper.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT-22
    #[test]
    fn differently_read_path_is_ambiguous() {
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
            "/a%c2%85b",
            "/a;x/b",
            "/a%3bx",
            "/a\\b",
            "/a%7E",
        ] {
            assert!(!is_unambiguous(odd), "{odd}");
        }
    }

    /// BT-22
    #[test]
    fn non_utf8_escapes_are_ambiguous() {
        for overlong in [
            "/a/%e0%80%ae%e0%80%ae/b",
            "/a/..%e0%80%afb",
            "/a/%f0%80%80%ae%f0%80%80%ae/b",
            "/a/..%f8%80%80%80%afb",
            "/a/%fc%80%80%80%80%ae",
            "/a/%c1%a1dmin",
        ] {
            assert!(!is_unambiguous(overlong), "{overlong}");
        }
        for stray in [
            "/a/%af",
            "/a/%ff",
            "/a/%fe%ff",
            "/a/%c3",
            "/a/%c3b",
            "/a/%c3/%a4",
            "/a/%e2%82",
            "/a/%c3%a4%a4",
        ] {
            assert!(!is_unambiguous(stray), "{stray}");
        }
        for beyond in ["/a/%ed%a0%80", "/a/%ed%bf%bf", "/a/%f4%90%80%80"] {
            assert!(!is_unambiguous(beyond), "{beyond}");
        }
        for text in ["/a/%c3%a4", "/a/%E2%82%AC", "/a/%f0%9f%8d%8f", "/%ed%9f%bf"] {
            assert!(is_unambiguous(text), "{text}");
        }
    }

    /// BT-22
    #[test]
    fn spellings_of_one_path_fold_alike() {
        for (path, folded) in [
            ("/", ""),
            ("", ""),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/A/b", "/a/b"),
            ("/a%3ab", "/a:b"),
            ("/a%20b/", "/a b"),
            ("/%c3%84", "/\u{e4}"),
            ("/\u{c4}", "/\u{e4}"),
            ("/%e2%84%aa", "/k"),
            ("/%c5%bf", "/s"),
            ("/%ef%ac%81", "/fi"),
            ("/a%", "/a%"),
            ("/a%zz", "/a%zz"),
        ] {
            assert_eq!(folded_path(path), folded, "{path}");
        }
        for other in ["/b", "/a/b", "/aa", "/a.", "/a%20"] {
            assert_ne!(folded_path(other), folded_path("/a"), "{other}");
        }
    }
}
