//! The JOSE header: RFC 7515 section 4, RFC 8725 sections 3.10 and 3.11.

use obo_core::TokenError;

use crate::signer::FORGER;
use crate::token::Token;
use crate::validate::{lenient_verdict, refusal, verdict};

/// JW-11
#[test]
fn header_member_occurs_once() {
    let twice = |name, json| Token::new().second_header(name, json).mint();
    for (name, json) in [
        ("alg", "\"none\""),
        ("alg", "\"ES256\""),
        ("kid", "\"p256\""),
        ("typ", "\"at+jwt\""),
        ("\\u0061lg", "\"ES256\""),
    ] {
        assert_eq!(
            refusal(&twice(name, json)),
            TokenError::DuplicateMember("header"),
            "{name}"
        );
    }
    let unknown = Token::new().header("x", "1").second_header("x", "1").mint();
    assert_eq!(refusal(&unknown), TokenError::DuplicateMember("header"));
    let nested = Token::new().header("x", r#"{"a":1,"a":2}"#).mint();
    assert_eq!(refusal(&nested), TokenError::DuplicateMember("header"));
}

/// JW-13
#[test]
fn crit_header_is_rejected() {
    for crit in [
        r#"["exp"]"#,
        r#"["b64"]"#,
        r#"["alg"]"#,
        r#"["absent"]"#,
        "[]",
        "[1]",
        "\"exp\"",
        "null",
        "{}",
    ] {
        let token = Token::new().header("crit", crit).header("exp", "1").mint();
        assert_eq!(refusal(&token), TokenError::Header("crit"), "{crit}");
    }
}

/// JW-14
#[test]
fn b64_header_is_rejected() {
    for value in ["false", "true", "null"] {
        let token = Token::new().header("b64", value);
        assert_eq!(refusal(&token.mint()), TokenError::Header("b64"));
        let token = token.header("crit", r#"["b64"]"#).mint();
        assert!(matches!(refusal(&token), TokenError::Header(_)));
    }
}

/// JW-34
#[test]
fn zip_and_nested_jwt_are_rejected() {
    for (member, value) in [("zip", "\"DEF\""), ("cty", "\"JWT\""), ("cty", "\"jwt\"")] {
        let token = Token::new().header(member, value).mint();
        assert_eq!(refusal(&token), TokenError::Header(member));
    }
    let inner = Token::new().mint();
    let nested = Token::new().payload(inner).mint();
    assert_eq!(refusal(&nested), TokenError::Malformed("payload"));
}

/// JW-15
#[test]
fn header_key_material_is_ignored() {
    let jwk = FORGER.jwk("");
    for (member, value) in [
        ("jwk", jwk.as_str()),
        ("jku", "\"https://attacker.example/jwks\""),
        ("x5u", "\"https://attacker.example/cert\""),
        ("x5c", "[\"MIIB\"]"),
        ("x5t#S256", "\"AAAA\""),
    ] {
        let forged = Token::new()
            .signed_by(&FORGER, "ES256")
            .header(member, value);
        assert_eq!(refusal(&forged.mint()), TokenError::Signature, "{member}");
        let nameless = forged.without_header("kid").mint();
        assert_eq!(refusal(&nameless), TokenError::Signature, "{member}");
        let genuine = Token::new().header(member, value).mint();
        verdict(&genuine).unwrap();
    }
}

/// JW-16
#[test]
fn kid_is_short_exact_text() {
    for (kid, error) in [
        ("\"\"", TokenError::UnknownKey),
        ("1", TokenError::Header("kid")),
        ("null", TokenError::Header("kid")),
        ("[\"p256\"]", TokenError::Header("kid")),
        ("\"P256\"", TokenError::UnknownKey),
        ("\"p256 \"", TokenError::UnknownKey),
        ("\"p25\"", TokenError::UnknownKey),
        ("\"../../p256\"", TokenError::UnknownKey),
        ("\"p256\\r\\nx: y\"", TokenError::UnknownKey),
        ("\"p256\\u0000\"", TokenError::UnknownKey),
        ("\"' OR 1=1 --\"", TokenError::UnknownKey),
    ] {
        let token = Token::new().header("kid", kid).mint();
        assert_eq!(refusal(&token), error, "{kid}");
    }
    let long = |length| format!("\"{}\"", "k".repeat(length));
    for (length, error) in [
        (256, TokenError::UnknownKey),
        (257, TokenError::TooLong { limit: 256 }),
        (10_000, TokenError::TooLong { limit: 4096 }),
    ] {
        let token = Token::new().header("kid", &long(length)).mint();
        assert_eq!(refusal(&token), error, "{length}");
    }
}

/// JW-32, AT-01
#[test]
fn typ_is_case_insensitive() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        let token = Token::new().header("typ", &format!("\"{typ}\"")).mint();
        verdict(&token).expect(typ);
        lenient_verdict(&token).expect(typ);
    }
}

/// JW-31, JW-33, AT-01, IN-11
#[test]
fn jwt_of_other_kind_is_rejected() {
    for typ in [
        "JWT",
        "id_token+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "txntoken+jwt",
        "oauth-id-jag+jwt",
        "wit+jwt",
        "wpt+jwt",
        "logout+jwt",
        "secevent+jwt",
        "at+jwt ",
        "at+jw",
        "xat+jwt",
        "at+jwt+x",
        "at",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "at+jwt; charset=utf-8",
        "äpplication/at+jwt",
    ] {
        let token = Token::new().header("typ", &format!("\"{typ}\"")).mint();
        assert!(matches!(refusal(&token), TokenError::Type { .. }), "{typ}");
        let lenient = lenient_verdict(&token);
        assert_eq!(lenient.is_ok(), typ == "JWT", "{typ}");
    }
}

/// AT-01, JW-31
#[test]
fn plain_typ_needs_lenient_profile() {
    let absent = Token::new().without_header("typ");
    let plain = Token::new().header("typ", "\"application/JWT\"");
    for token in [absent.mint(), plain.mint()] {
        assert!(matches!(refusal(&token), TokenError::Type { .. }));
        lenient_verdict(&token).unwrap();
    }
    for odd in ["\"\"", "null", "1", "[\"at+jwt\"]"] {
        let token = Token::new().header("typ", odd).mint();
        assert_eq!(refusal(&token), TokenError::Header("typ"), "{odd}");
        assert_eq!(
            lenient_verdict(&token).unwrap_err(),
            TokenError::Header("typ")
        );
    }
}
