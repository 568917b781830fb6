//! Every claim that matters, in every way it can be wrong: RFC 7519 section 4.

use obo_core::{Scope, TokenError};

use crate::token::Token;
use crate::validate::{AUDIENCE, ISSUER, lenient_verdict, refusal, verdict};

fn invalid(claim: &'static str) -> TokenError {
    TokenError::InvalidClaim(claim)
}

fn issuer_unknown() -> TokenError {
    TokenError::UnknownIssuer {
        trusted: ISSUER.into(),
        hint: String::new(),
    }
}

fn not_for_us(seen: impl Into<String>) -> TokenError {
    TokenError::Audience {
        expected: AUDIENCE.into(),
        seen: seen.into(),
    }
}

/// A value of each wrong type.
const WRONG_FOR_TEXT: [&str; 5] = ["1", "true", "{}", "[]", "[\"alice\"]"];

/// JW-30
#[test]
fn malformed_claims_are_rejected() {
    for claim in ["iss", "sub", "jti", "client_id", "acr"] {
        for bad in WRONG_FOR_TEXT.iter().chain(&["null", "\"\""]) {
            let token = Token::new().claim(claim, *bad).mint();
            assert_eq!(refusal(&token), invalid(claim), "{bad}");
            assert_eq!(
                lenient_verdict(&token).unwrap_err(),
                invalid(claim),
                "{bad}"
            );
        }
    }
    let own_issuer = format!("[\"{ISSUER}\"]");
    let token = Token::new().claim("iss", own_issuer).mint();
    assert_eq!(refusal(&token), invalid("iss"));
}

/// JW-29
#[test]
fn aud_is_text_or_array() {
    for bad in [
        "null",
        "1",
        "true",
        "\"\"",
        "{}",
        r#"{"service-a":1}"#,
        r#"["service-a",1]"#,
        r#"["service-a",null]"#,
        r#"["service-a",["x"]]"#,
        r#"["service-a",""]"#,
        r#"[["service-a"]]"#,
    ] {
        let token = Token::new().claim("aud", bad).mint();
        assert_eq!(refusal(&token), invalid("aud"), "{bad}");
    }
    let token = Token::new().claim("aud", "[]").mint();
    assert_eq!(refusal(&token), not_for_us("none"));
}

/// AT-03, AT-04, JW-16
#[test]
fn claim_values_match_exactly() {
    for (claim, own) in [("iss", ISSUER), ("aud", AUDIENCE)] {
        for other in [
            own[..own.len() - 1].to_owned(),
            own[1..].to_owned(),
            format!("{own}x"),
            format!("x{own}"),
            own.to_uppercase(),
            format!("{own}\\u0000"),
            format!("{own}\\u200b"),
            own.replacen('e', "е", 1),
        ] {
            let token = Token::new().claim(claim, format!("\"{other}\"")).mint();
            let refused = refusal(&token);
            match &refused {
                TokenError::Audience { seen, .. } => assert_eq!(refused, not_for_us(seen)),
                TokenError::UnknownIssuer { trusted, .. } => assert_eq!(trusted, ISSUER, "{other}"),
                _ => panic!("{other}: {refused}"),
            }
            assert_eq!(refused.code() == "wrong_audience", claim == "aud");
        }
    }
}

/// JW-35: a long value is no error below the token's length limit, and it never matches.
#[test]
fn huge_values_never_match() {
    let huge = format!("\"{}\"", "x".repeat(10_000));
    let seen = format!("\"{}\"", "x".repeat(48));
    for (claim, error) in [("iss", issuer_unknown()), ("aud", not_for_us(seen))] {
        let token = Token::new().claim(claim, huge.as_str()).mint();
        assert_eq!(refusal(&token), error);
    }
    for claim in ["sub", "jti", "client_id", "acr", "scope", "x"] {
        let token = Token::new().claim(claim, huge.as_str()).mint();
        verdict(&token).expect(claim);
    }
    for claim in ["exp", "nbf", "iat", "auth_time"] {
        let token = Token::new().claim(claim, "9".repeat(5_000)).mint();
        assert_eq!(refusal(&token), invalid(claim));
    }
    let many: Vec<_> = (0..1_000).map(|i| format!("\"a{i}\"")).collect();
    let token = Token::new().claim("aud", format!("[{}]", many.join(",")));
    let seen = r#""a0", "a1", "a2" and 997 more"#;
    assert_eq!(refusal(&token.mint()), not_for_us(seen));
}

/// JW-12
#[test]
fn claim_occurs_once() {
    let duplicate = TokenError::DuplicateMember("payload");
    for (claim, same, other) in [
        ("iss", "\"https://idp.example/t\"", "\"https://x.example\""),
        ("sub", "\"alice\"", "\"root\""),
        ("aud", "\"service-a\"", "[\"service-a\"]"),
        ("exp", "1800000300", "1"),
        ("nbf", "1", "2"),
        ("iat", "1800000000", "1"),
        ("jti", "\"t-1\"", "\"t-2\""),
        ("client_id", "\"spa\"", "\"x\""),
        ("acr", "\"1\"", "\"2\""),
        ("auth_time", "1", "2"),
        ("scope", "\"a\"", "\"a b\""),
        ("act", r#"{"sub":"a"}"#, r#"{"sub":"b"}"#),
        ("cnf", "{}", "{}"),
        ("may_act", "{}", "{}"),
        ("anything", "1", "1"),
    ] {
        for second in [same, other] {
            let token = Token::new().claim(claim, same).second_claim(claim, second);
            assert_eq!(refusal(&token.mint()), duplicate, "{claim}");
            let lenient = lenient_verdict(&token.mint());
            assert_eq!(lenient.unwrap_err(), duplicate, "{claim}");
        }
    }
}

/// JW-12
#[test]
fn escaped_name_is_the_same_name() {
    for escaped in ["s\\u0075b", "\\u0073\\u0075\\u0062"] {
        let token = Token::new().second_claim(escaped, "\"root\"").mint();
        assert_eq!(refusal(&token), TokenError::DuplicateMember("payload"));
    }
}

/// JW-12
#[test]
fn similar_names_are_different() {
    let three = || {
        Token::new()
            .claim("1_organization", "1")
            .claim("2_organization", "2")
            .claim("scope", "\"a\"")
    };
    assert!(verdict(&three().mint()).unwrap().scope().contains("a"));
    for again in ["1_organization", "2_organization", "\\u0031_organization"] {
        let token = three().second_claim(again, "3").mint();
        let duplicate = TokenError::DuplicateMember("payload");
        assert_eq!(refusal(&token), duplicate, "{again}");
    }
}

#[test]
fn claim_is_found_by_whole_name() {
    let token = Token::new()
        .claim("scope", "\"a\"")
        .claim("a_client_id", "\"mallory\"")
        .claim("epocs\\u0000\\u0000\\u0000", "\"root\"")
        .claim("scop\\u0065\\u0020", "\"root\"");
    let caller = verdict(&token.mint()).unwrap();
    assert_eq!(caller.client_id(), Some("spa"));
    assert_eq!(caller.scope(), &Scope::parse("a").unwrap());
    let two_escaped = Token::new()
        .claim("\\u0061zp", "1")
        .claim("\\u0073cope", "\"b\"");
    let caller = verdict(&two_escaped.mint()).unwrap();
    assert_eq!(caller.scope(), &Scope::parse("b").unwrap());
}

/// JW-12
#[test]
fn duplicate_is_found_among_hundreds() {
    let mut token = Token::new().claim("scope", "\"a\"");
    for i in 0..500 {
        token = token.claim(&format!("c{i}"), "0");
    }
    assert!(verdict(&token.mint()).unwrap().scope().contains("a"));
    for again in ["c0", "c250", "c499", "scope"] {
        let twice = format!("{{\"{again}\":0,");
        let payload = token.claims_json().replacen('{', &twice, 1);
        let refused = refusal(&Token::new().payload(payload).mint());
        let expected = TokenError::DuplicateMember("payload");
        assert_eq!(refused, expected, "{again}");
    }
}

/// JW-12
#[test]
fn nested_member_occurs_once() {
    for (claim, json) in [
        ("act", r#"{"sub":"a","sub":"b"}"#),
        ("act", r#"{"sub":"a","iss":"x","iss":"x"}"#),
        ("act", r#"{"sub":"a","act":{"sub":"b"},"act":{"sub":"c"}}"#),
        ("act", r#"{"sub":"a","act":{"sub":"b","sub":"c"}}"#),
        ("act", r#"{"sub":"a","x":1,"x":1}"#),
        ("may_act", r#"{"sub":"a","sub":"b"}"#),
        ("x", r#"{"a":1,"a":1}"#),
        ("x", r#"[{"a":{"b":1,"b":2}}]"#),
    ] {
        let token = Token::new().claim(claim, json).mint();
        let expected = TokenError::DuplicateMember("payload");
        assert_eq!(refusal(&token), expected, "{json}");
    }
    let siblings = Token::new().claim("x", r#"[{"a":1},{"a":1}]"#).mint();
    verdict(&siblings).unwrap();
}

/// TX-34
#[test]
fn scope_is_one_string() {
    let scope = |json: &str| verdict(&Token::new().claim("scope", json).mint());
    for (json, values) in [
        ("\"\"", &[][..]),
        ("\"a\"", &["a"]),
        ("\"b a b\"", &["a", "b"]),
        ("\"orders:read\"", &["orders:read"]),
    ] {
        let validated = scope(json).expect(json);
        assert_eq!(validated.scope(), &Scope::new(values).unwrap(), "{json}");
    }
    assert!(verdict(&Token::new().mint()).unwrap().scope().is_empty());
    let read = scope("\"orders:read-all\"").unwrap();
    assert!(!read.scope().contains("orders:read") && !read.scope().contains("read"));
    assert!(!read.scope().contains("ORDERS:READ-ALL"));
    for bad in [
        "[\"a\"]",
        "[]",
        "null",
        "1",
        "{}",
        "true",
        "\"a\\tb\"",
        "\"a\\nb\"",
        "\"a\\\"b\"",
        "\"a\\\\b\"",
        "\"ü\"",
        "\"a\\u0000\"",
    ] {
        let token = Token::new().claim("scope", bad).mint();
        assert_eq!(refusal(&token), invalid("scope"), "{bad}");
        assert_eq!(lenient_verdict(&token).unwrap_err(), invalid("scope"));
    }
}

/// AT-02, SU-04
#[test]
fn caller_reports_token_claims() {
    let token = Token::new()
        .claim("jti", r#""t-\u0031""#)
        .claim("acr", r#""gold""#)
        .claim("auth_time", "1799999940");
    let caller = verdict(&token.mint()).unwrap();
    assert_eq!(caller.token_id(), Some("t-1"));
    assert_eq!(caller.acr(), Some("gold"));
    assert_eq!(caller.auth_time().unwrap().as_secs(), 1_799_999_940);
    assert_eq!(caller.audience().collect::<Vec<_>>(), [AUDIENCE]);
    let bare = lenient_verdict(&Token::new().without_claim("jti").mint()).unwrap();
    assert_eq!(
        (bare.token_id(), bare.acr(), bare.auth_time()),
        (None, None, None)
    );
}

/// JW-20
#[test]
fn unknown_claims_are_ignored() {
    for json in [
        "null",
        "-1",
        "-1.5",
        "18446744073709551615",
        "1e300",
        "\"\"",
        "[]",
        r#"[{"a":[null,true,-1,1.5,"x"]}]"#,
    ] {
        verdict(&Token::new().claim("groups", json).mint()).expect(json);
    }
}
