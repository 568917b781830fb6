//! The JOSE header: RFC 7515 section 4, RFC 8725 sections 3.10 and 3.11.

use obo_core::TokenError;

use crate::signer::FORGER;
use crate::token::Token;
use crate::validate::{lenient_verdict, refusal, verdict};

#[test]
fn jw_11_a_header_member_occurs_once() {
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

#[test]
fn jw_13_any_crit_is_refused() {
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

#[test]
fn jw_14_b64_is_refused_with_and_without_crit() {
    for value in ["false", "true", "null"] {
        let token = Token::new().header("b64", value);
        assert_eq!(refusal(&token.mint()), TokenError::Header("b64"));
        let token = token.header("crit", r#"["b64"]"#).mint();
        assert!(matches!(refusal(&token), TokenError::Header(_)));
    }
}

#[test]
fn jw_34_compressed_and_nested_content_are_refused() {
    for (member, value) in [("zip", "\"DEF\""), ("cty", "\"JWT\""), ("cty", "\"jwt\"")] {
        let token = Token::new().header(member, value).mint();
        assert_eq!(refusal(&token), TokenError::Header(member));
    }
    let inner = Token::new().mint();
    let nested = Token::new().payload(inner).mint();
    assert_eq!(refusal(&nested), TokenError::Malformed("payload"));
}

#[test]
fn jw_15_key_material_in_the_header_selects_no_key() {
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

#[test]
fn jw_16_a_kid_is_short_exact_text() {
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

#[test]
fn jw_32_at_01_typ_compares_without_case_and_application() {
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

#[test]
fn jw_31_jw_33_at_01_in_11_a_jwt_of_another_kind_is_refused() {
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

#[test]
fn at_01_jw_31_plain_jwt_and_no_typ_are_for_the_lenient_profile() {
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
