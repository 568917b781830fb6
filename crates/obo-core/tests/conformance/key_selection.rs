//! Selects the key of a set for a token: RFC 7515 section 4.1.4, RFC 7517 section 5.

use std::sync::LazyLock;

use obo_core::{Algorithm, KeySet, KeySetError, Selection, TokenError};

use crate::signer::{ED25519, FORGER, P256, RSA, Signer};
use crate::token::Token;
use crate::validate::{NOW, key_set, strict, validate};

static SECOND: LazyLock<Signer> = LazyLock::new(|| Signer::p256("second"));

/// JW-19
#[test]
fn one_key_must_fit_without_kid() {
    let token = Token::new().without_header("kid").mint();
    let validate = |keys: &KeySet| validate(&strict(), keys, &token, NOW).map(drop);
    let none = key_set(&[RSA.jwk("")]);
    assert_eq!(validate(&none), Err(TokenError::UnknownKey));
    let one = key_set(&[RSA.jwk(""), P256.jwk(""), ED25519.jwk("")]);
    assert_eq!(validate(&one), Ok(()));
    let two = key_set(&[P256.jwk(""), SECOND.jwk("")]);
    assert_eq!(validate(&two), Err(TokenError::AmbiguousKey));
    let other_use = key_set(&[P256.jwk(""), SECOND.jwk(r#""use":"enc""#)]);
    assert_eq!(validate(&other_use), Ok(()));
}

/// JW-19
#[test]
fn key_alg_may_single_out_one() {
    let token = Token::new().signed_by(&RSA, "PS256").without_header("kid");
    let keys = key_set(&[RSA.jwk(r#""alg":"PS256""#), RSA.jwk(r#""alg":"RS256""#)]);
    validate(&strict(), &keys, &token.mint(), NOW).unwrap();
    let token = Token::new()
        .signed_by(&SECOND, "ES256")
        .without_header("kid");
    let keys = key_set(&[P256.jwk(""), SECOND.jwk(r#""alg":"ES256""#)]);
    assert_eq!(
        validate(&strict(), &keys, &token.mint(), NOW).unwrap_err(),
        TokenError::AmbiguousKey
    );
}

/// JW-16
#[test]
fn kid_selects_its_key_only() {
    let keys = key_set(&[P256.jwk(""), SECOND.jwk(""), RSA.jwk("")]);
    validate(&strict(), &keys, &Token::new().mint(), NOW).unwrap();
    for (kid, error) in [
        ("second", TokenError::Signature),
        ("rsa", TokenError::Algorithm),
        ("unknown", TokenError::UnknownKey),
    ] {
        let token = Token::new().header("kid", &format!("\"{kid}\"")).mint();
        let refused = validate(&strict(), &keys, &token, NOW).unwrap_err();
        assert_eq!(refused, error, "{kid}");
    }
}

/// JW-16
/// For an unknown name, fetching the set may help; for a name that does not fit, it does not.
#[test]
fn unknown_and_misfit_kids_differ() {
    let keys = key_set(&[P256.jwk(""), RSA.jwk("")]);
    let select = |kid| keys.select(kid, Algorithm::Es256);
    let Selection::Key(key) = select(Some("p256")) else {
        panic!("the set has it");
    };
    assert_eq!(key.kid(), Some("p256"));
    assert_eq!(
        format!("{key:?}"),
        r#"VerificationKey(Some("p256"), [Es256])"#
    );
    assert!(matches!(select(Some("rsa")), Selection::Misfit));
    assert!(matches!(select(Some("new")), Selection::Unknown));
    assert!(matches!(select(Some("")), Selection::Unknown));
    assert!(matches!(
        keys.select(None, Algorithm::Ed25519),
        Selection::Unknown
    ));
}

/// JW-19
#[test]
fn key_type_resolves_equal_kids() {
    // Same kid, two types: the algorithm decides.
    let rsa_as_p256 = format!(r#"{{{},"kid":"p256"}}"#, RSA.key_members());
    let keys = key_set(&[rsa_as_p256, P256.jwk("")]);
    validate(&strict(), &keys, &Token::new().mint(), NOW).unwrap();
    // A key that is listed twice is one key, even if one entry has fewer members.
    let twice = [
        P256.jwk(""),
        P256.jwk(r#""alg":"ES256","use":"sig""#),
        P256.jwk(""),
    ];
    validate(&strict(), &key_set(&twice), &Token::new().mint(), NOW).unwrap();
    let unnamed = Token::new().without_header("kid").mint();
    validate(&strict(), &key_set(&twice), &unnamed, NOW).unwrap();
    let rsa = Token::new().signed_by(&RSA, "RS256").mint();
    let twice = [
        RSA.jwk(r#""alg":"RS256""#),
        RSA.jwk(r#""alg":"PS256""#),
        RSA.jwk(""),
    ];
    validate(&strict(), &key_set(&twice), &rsa, NOW).unwrap();
    let third = [P256.jwk(""), P256.jwk(""), FORGER.jwk("")];
    let error = validate(&strict(), &key_set(&third), &Token::new().mint(), NOW).unwrap_err();
    assert_eq!(error, TokenError::AmbiguousKey);
    // Same `kid`, same type: ambiguous.
    let keys = key_set(&[P256.jwk(""), FORGER.jwk("")]);
    for signer in [&P256, &FORGER] {
        let token = Token::new().signed_by(signer, "ES256").mint();
        let error = validate(&strict(), &keys, &token, NOW).unwrap_err();
        assert_eq!(error, TokenError::AmbiguousKey);
    }
}

/// JW-16
#[test]
fn empty_kid_names_a_key() {
    let named = format!(r#"{{{},"kid":""}}"#, P256.key_members());
    let nameless = format!("{{{}}}", FORGER.key_members());
    let keys = key_set(&[named, nameless]);
    let token = |kid: &str| Token::new().header("kid", kid).mint();
    validate(&strict(), &keys, &token("\"\""), NOW).unwrap();
    let error = validate(&strict(), &keys, &token("\"p256\""), NOW).unwrap_err();
    assert_eq!(error, TokenError::UnknownKey);
    let unnamed = Token::new().without_header("kid").mint();
    let error = validate(&strict(), &keys, &unnamed, NOW).unwrap_err();
    assert_eq!(error, TokenError::AmbiguousKey);
}

/// JW-20
#[test]
fn only_empty_set_is_a_withdrawal() {
    for empty in [r#"{"keys":[]}"#, r#" {"x":{"keys":[1]},"keys":[ ]} "#] {
        let keys = KeySet::parse(empty.as_bytes()).unwrap();
        assert!(keys.is_empty() && keys.skipped() == 0);
        let token = Token::new().mint();
        let error = validate(&strict(), &keys, &token, NOW).unwrap_err();
        assert_eq!(error, TokenError::UnknownKey);
    }
    assert!(!key_set(&[P256.jwk("")]).is_empty());
    let unusable = br#"{"keys":[null,{"kty":"oct","k":"AA"},{"kty":"AKP"}]}"#;
    let error = KeySet::parse(unusable).unwrap_err();
    assert!(matches!(error, KeySetError::NoUsableKey { keys: 3, .. }));
    let text = error.to_string();
    assert!(
        text.contains("keys[1] has a private member"),
        "the reason of each key: {text}"
    );
}

/// JW-20
#[test]
fn non_key_set_is_an_error() {
    for document in [
        "",
        "null",
        "[]",
        "[[]]",
        r#"[{"keys":[]}]"#,
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":""}"#,
        r#"{"Keys":[]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[]} x"#,
        r#"{"keys":[,]}"#,
        "<html></html>",
        "\u{feff}{\"keys\":[]}",
        "{\"error\":\"down\"}",
    ] {
        let error = KeySet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::NotAKeySet, "{document}");
    }
    let utf_16: Vec<u8> = r#"{"keys":[]}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(KeySet::parse(&utf_16).unwrap_err(), KeySetError::NotAKeySet);
    let deep = format!(r#"{{"keys":{}"#, "[".repeat(100_000));
    assert_eq!(
        KeySet::parse(deep.as_bytes()).unwrap_err(),
        KeySetError::NotAKeySet
    );
}
