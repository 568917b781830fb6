use std::fmt;
use std::sync::Arc;

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};

use crate::wire::json;

/// Claims that a token must have: the JSON object of the `claims` parameter (OpenID Connect Core
/// section 5.5).
///
/// A server sends it with its refusal if the user must do more (a *claims challenge*). The service
/// that signs the user in passes it on. It is another party's text: it must be JSON without
/// duplicate members, its white space is removed, and the rest stays as it is. It has at most 2
/// KiB, because it becomes part of a header.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimsRequest(Arc<str>);

/// The longest request without white space, in bytes.
const MAX: usize = 2048;
/// The longest text that is read.
const MAX_TEXT: usize = 4 * MAX;

/// Accepts both alphabets, with or without padding. They differ in two characters.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const EITHER_PADDING: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

impl ClaimsRequest {
    /// Reads the JSON text; `None` if it is not an object with each member once, or is too long.
    pub fn parse(json: &str) -> Option<Self> {
        if json.len() > MAX_TEXT {
            return None;
        }
        let json = json::strict_object(json)?;
        let minified = json::without_white_space(json);
        (minified.len() <= MAX).then(|| Self(minified.into()))
    }

    /// Reads base64 of the JSON text, as in a challenge.
    pub fn from_base64(text: &str) -> Option<Self> {
        if text.len() > 2 * MAX_TEXT {
            return None;
        }
        let standard: String = text
            .chars()
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            })
            .collect();
        let json = EITHER_PADDING.decode(standard).ok()?;
        Self::parse(std::str::from_utf8(&json).ok()?)
    }

    /// The JSON text, without white space.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Base64 of the JSON text with the standard alphabet and padding, as in a challenge.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }
}

impl fmt::Debug for ClaimsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimsRequest({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// EN-04
    #[test]
    fn claims_request_is_minified_object() {
        let spaced = " { \"access_token\" :\n{\"nbf\":{ \"essential\":true } } } ";
        let minified = r#"{"access_token":{"nbf":{"essential":true}}}"#;
        assert_eq!(ClaimsRequest::parse(spaced).unwrap().as_json(), minified);
        for bad in ["", "{", "[]", "null", "\"{}\"", "{}x", "[{\"a\":1}]"] {
            assert!(ClaimsRequest::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for number in [
            "7.7774777e32",
            "1E5",
            "-0",
            "0.10",
            "1e-7",
            "18446744073709551616",
            "5e-324",
        ] {
            let json = format!(r#"{{"a":{{"b":[{number}]}}}}"#);
            let claims = ClaimsRequest::parse(&json).unwrap();
            assert_eq!(claims.as_json(), json);
            assert_eq!(
                ClaimsRequest::from_base64(&claims.to_base64()),
                Some(claims)
            );
        }
    }

    #[test]
    fn strings_keep_escapes_and_spaces() {
        let json = r#"{ "a \"\\" : "\u0041 \t \/", "\\\"" : [ "x\\", " " ] }"#;
        let kept = r#"{"a \"\\":"\u0041 \t \/","\\\"":["x\\"," "]}"#;
        assert_eq!(ClaimsRequest::parse(json).unwrap().as_json(), kept);
    }

    #[test]
    fn ambiguous_claims_are_rejected() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            r#"{"a":1e999}"#,
            "\u{feff}{}",
            r#"{"a":"\ud800"}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(bad), None, "{bad}");
        }
    }

    /// EN-04
    #[test]
    fn claims_request_is_bounded() {
        let of = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        assert!(ClaimsRequest::parse(&of(MAX)).is_some());
        assert!(ClaimsRequest::parse(&of(MAX + 1)).is_none());
        let spaces = |count: usize| format!("{{{}}}", " ".repeat(count - 2));
        assert!(ClaimsRequest::parse(&spaces(MAX_TEXT)).is_some());
        assert!(ClaimsRequest::parse(&spaces(MAX_TEXT + 1)).is_none());
        assert!(ClaimsRequest::parse(&"{\"a\":".repeat(300)).is_none());
    }

    /// EN-04
    #[test]
    fn both_base64_alphabets_are_read() {
        // `?` and `>` produce the characters that differ.
        let claims = ClaimsRequest::parse(r#"{"a":"??>>~~"}"#).unwrap();
        let standard = claims.to_base64();
        assert_eq!(standard, "eyJhIjoiPz8+Pn5+In0=");
        let url_safe = standard.replace('+', "-");
        for text in [&*standard, &url_safe, standard.trim_end_matches('=')] {
            assert_eq!(ClaimsRequest::from_base64(text).as_ref(), Some(&claims));
        }
        for bad in ["", "e30", "e3", "{}", "eyJ", &"e30=".repeat(9000)] {
            let read = ClaimsRequest::from_base64(bad);
            assert_eq!(read.is_some(), bad == "e30", "{bad}");
        }
    }

    proptest! {
        /// EN-04
        #[test]
        fn claims_of_any_text_round_trip(text in ".{0,60}", key in ".{0,9}") {
            let _ = ClaimsRequest::parse(&text);
            let _ = ClaimsRequest::from_base64(&text);
            let json = serde_json::json!({ key: text }).to_string();
            let claims = ClaimsRequest::parse(&json).unwrap();
            prop_assert_eq!(ClaimsRequest::from_base64(&claims.to_base64()).unwrap(), claims);
        }
    }
}
