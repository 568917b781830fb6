//! The `Authorization` header: RFC 6750 section 2.1, RFC 9110 section 11.

use obo_core::{BearerCredentials, TokenError, TokenScheme};
use proptest::prelude::*;

use crate::token::Token;
use crate::validate::verdict;

fn token_of(line: &[u8]) -> Option<Result<String, TokenError>> {
    BearerCredentials::of_authorization(line)
        .map(|c| c.token())
        .map(|read| read.map(|t| t.expose().to_owned()))
}

fn is_malformed(line: &[u8]) -> bool {
    matches!(token_of(line), Some(Err(TokenError::Credentials(_))))
}

/// BT-02
#[test]
fn scheme_is_case_insensitive() {
    for scheme in ["Bearer", "bearer", "BEARER", "BeArEr"] {
        let line = format!("{scheme} abc");
        assert_eq!(
            token_of(line.as_bytes()),
            Some(Ok("abc".into())),
            "{scheme}"
        );
    }
    for other in ["Basic", "DPoP", "Bearer2", "Beare", "Bearer,", "\u{200b}"] {
        let line = format!("{other} abc");
        assert_eq!(token_of(line.as_bytes()), None, "{other}");
    }
}

/// BT-03
#[test]
fn spaces_are_only_before_token() {
    for good in ["Bearer abc", "Bearer   abc"] {
        assert_eq!(token_of(good.as_bytes()), Some(Ok("abc".into())), "{good}");
    }
    for bad in [
        "Bearer a b",
        "Bearer a,b",
        "Bearer a, Bearer b",
        "Bearer abc ",
        "Bearer \tabc",
        "Bearer abc\t",
        "Bearer a;b",
        "Bearer \"abc\"",
    ] {
        assert!(is_malformed(bad.as_bytes()), "{bad:?}");
    }
}

/// BT-03
#[test]
fn only_space_ends_the_scheme() {
    for other in ["Bearer\tabc", " Bearer abc", "Bearer=abc", "Bearer:abc", ""] {
        assert_eq!(token_of(other.as_bytes()), None, "{other:?}");
    }
}

/// BT-04
#[test]
fn token_is_token68() {
    for byte in 0..=u8::MAX {
        let line = [b"Bearer a", &[byte][..], b"b"].concat();
        let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let accepted = matches!(token_of(&line), Some(Ok(_)));
        assert_eq!(accepted, allowed, "{byte:#x}");
    }
}

/// BT-04
#[test]
fn padding_is_only_at_the_end() {
    for good in ["Bearer a=", "Bearer a=="] {
        assert!(matches!(token_of(good.as_bytes()), Some(Ok(_))), "{good}");
    }
    for bad in ["Bearer", "Bearer ", "Bearer   ", "Bearer =", "Bearer a=b"] {
        assert!(is_malformed(bad.as_bytes()), "{bad:?}");
    }
}

/// JW-35
#[test]
fn header_over_16_kib_is_rejected() {
    let line = |length: usize| format!("Bearer {}", "a".repeat(length));
    assert!(matches!(token_of(line(16 * 1024).as_bytes()), Some(Ok(_))));
    for length in [16 * 1024 + 1, 1 << 20] {
        assert_eq!(
            token_of(line(length).as_bytes()),
            Some(Err(TokenError::TooLong { limit: 16 * 1024 }))
        );
    }
}

/// Lines of every kind: random text, random text after the scheme, and a valid token with random
/// text in it.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let valid = Token::new().mint();
    let noise = || proptest::collection::vec(any::<u8>(), 1..40);
    let behind = |bytes: Vec<u8>| [b"Bearer ".to_vec(), bytes].concat();
    let segments = proptest::collection::vec("[A-Za-z0-9_=~+/-]{0,40}", 0..7);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        noise().prop_map(behind),
        segments.prop_map(move |s| behind(s.join(".").into_bytes())),
        (any::<proptest::sample::Index>(), noise()).prop_map(move |(at, noise)| {
            let mut bytes = valid.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes.splice(at..at, noise);
            behind(bytes)
        }),
    ]
}

proptest! {
    /// JW-09, BT-04
    #[test]
    fn random_headers_never_panic(line in lines()) {
        if let Some(Ok(token)) = token_of(&line) {
            prop_assert!(verdict(&token).is_err(), "{token}");
        }
    }
}

/// DP-10
#[test]
fn dpop_scheme_is_read() {
    for scheme in ["DPoP", "dpop", "DPOP", "dPoP"] {
        let line = format!("{scheme}  abc");
        let (read, credentials) = BearerCredentials::with_scheme(line.as_bytes()).unwrap();
        assert_eq!(read, TokenScheme::Dpop);
        assert_eq!(credentials.token().unwrap().expose(), "abc");
        assert!(BearerCredentials::of_authorization(line.as_bytes()).is_none());
    }
    let (read, _) = BearerCredentials::with_scheme(b"bearer abc").unwrap();
    assert_eq!(read, TokenScheme::Bearer);
    for other in [
        "Basic abc",
        "DPoPx abc",
        "DPo abc",
        "DPoP\tabc",
        "",
        " DPoP abc",
    ] {
        assert!(
            BearerCredentials::with_scheme(other.as_bytes()).is_none(),
            "{other}"
        );
    }
    for malformed in ["DPoP", "DPoP ", "DPoP a b", "DPoP a,b", "DPoP \"a\""] {
        let (_, credentials) = BearerCredentials::with_scheme(malformed.as_bytes()).unwrap();
        assert!(credentials.token().is_err(), "{malformed}");
    }
}
