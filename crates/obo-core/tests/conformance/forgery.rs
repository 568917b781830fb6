//! Only the signed bytes pass: RFC 7515 section 5.2.

use std::sync::LazyLock;

use obo_core::TokenError;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::signer::{ED25519, FORGER, P256, P384, RSA, Signer, b64};
use crate::token::{Token, seal};
use crate::validate::{lenient_verdict, verdict};

/// A second signer with a key of each kind, under the published `kid`s.
static SECOND: LazyLock<Vec<(Signer, &'static str)>> = LazyLock::new(|| {
    vec![
        (Signer::p256("p256"), "ES256"),
        (Signer::p384("p384"), "ES384"),
        (Signer::rsa("rsa"), "RS256"),
        (Signer::rsa("rsa"), "PS512"),
        (Signer::ed25519("ed25519"), "EdDSA"),
    ]
});

/// One valid token per kind of key.
static VALID: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tokens = vec![
        Token::new().signed_by(&P256, "ES256").mint(),
        Token::new().signed_by(&P384, "ES384").mint(),
        Token::new().signed_by(&RSA, "RS256").mint(),
        Token::new().signed_by(&RSA, "PS256").mint(),
        Token::new().signed_by(&ED25519, "EdDSA").mint(),
    ];
    for token in &tokens {
        verdict(token).unwrap();
    }
    tokens
});

fn valid() -> impl Strategy<Value = &'static String> {
    proptest::sample::select(VALID.iter().collect::<Vec<_>>())
}

/// Claims and values an attacker would like.
fn edits() -> impl Strategy<Value = (&'static str, &'static str)> {
    proptest::sample::select(vec![
        ("sub", "\"root\""),
        ("exp", "9000000000"),
        ("aud", "[\"service-a\",\"service-b\"]"),
        ("scope", "\"admin\""),
        ("act", "{\"sub\":\"trusted\"}"),
        ("client_id", "\"alice\""),
        ("acr", "\"gold\""),
        ("jti", "\"t-2\""),
        ("x", "1"),
    ])
}

/// Names of claims, mostly those that matter.
fn member() -> impl Strategy<Value = String> {
    let known = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "scope",
        "act",
        "cnf",
        "acr",
    ];
    let known = proptest::sample::select(known.to_vec()).prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => "[a-z_]{1,8}"]
}

/// Values of any kind.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~]{0,9}".prop_map(Into::into),
        proptest::sample::select(vec!["alice", "service-a", "https://idp.example/t"])
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// JW-36
    #[test]
    fn any_bit_flip_is_rejected(token in valid(), at in any::<Index>(), bit in 0..8_u8) {
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let line = [b"Bearer ", bytes.as_slice()].concat();
        if let Some(Ok(flipped)) = obo_core::BearerCredentials::of_authorization(&line).map(|c| c.token()) {
            prop_assert!(verdict(flipped.expose()).is_err());
            prop_assert!(lenient_verdict(flipped.expose()).is_err());
        }
    }

    /// JW-36
    #[test]
    fn any_flip_below_base64_is_rejected(
        token in valid(),
        part in 0..3_usize,
        at in any::<Index>(),
        flip in 1..=u8::MAX,
    ) {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let mut parts: Vec<_> = token.split('.').map(|part| engine.decode(part).unwrap()).collect();
        let at = at.index(parts[part].len());
        parts[part][at] ^= flip;
        let flipped: Vec<_> = parts.iter().map(b64).collect();
        prop_assert!(verdict(&flipped.join(".")).is_err());
    }

    /// AT-05, JW-36
    #[test]
    fn edit_by_other_signer_is_rejected(
        edits in proptest::collection::vec(edits(), 0..4),
        kid in proptest::sample::select(vec!["\"p256\"", "\"rsa\"", "\"ed25519\"", "\"new\""]),
        named in any::<bool>(),
    ) {
        let mut token = Token::new().signed_by(&FORGER, "ES256").header("kid", kid);
        for (claim, value) in edits {
            token = token.claim(claim, value);
        }
        if !named {
            token = token.without_header("kid");
        }
        prop_assert!(verdict(&token.mint()).is_err());
        prop_assert!(lenient_verdict(&token.mint()).is_err());
    }

    /// AT-05, JW-36
    #[test]
    fn second_signer_claims_never_pass(
        second in 0..5_usize,
        edits in proptest::collection::vec((member(), json()), 0..5),
        dropped in proptest::option::of(member()),
        named in any::<bool>(),
    ) {
        let (signer, alg) = &SECOND[second];
        let kid = format!("\"{}\"", signer.kid());
        let mut token = Token::new().header("alg", &format!("\"{alg}\"")).header("kid", &kid);
        for (name, value) in &edits {
            token = token.claim(name, value.to_string());
        }
        if let Some(name) = dropped {
            token = token.without_claim(&name);
        }
        if !named {
            token = token.without_header("kid");
        }
        let (header, claims) = (token.header_json(), token.claims_json());
        let sealed = seal(signer, alg, header.as_bytes(), claims.as_bytes());
        prop_assert!(verdict(&sealed).is_err());
        prop_assert!(lenient_verdict(&sealed).is_err());
    }

    /// JW-36
    #[test]
    fn second_signer_fails_by_signature(second in 0..5_usize) {
        let (signer, alg) = &SECOND[second];
        let kid = format!("\"{}\"", signer.kid());
        let token = Token::new().header("alg", &format!("\"{alg}\"")).header("kid", &kid);
        let (header, claims) = (token.header_json(), token.claims_json());
        let sealed = seal(signer, alg, header.as_bytes(), claims.as_bytes());
        prop_assert_eq!(verdict(&sealed).map(drop), Err(TokenError::Signature));
    }

    /// JW-36
    #[test]
    fn signature_binds_header_and_payload(
        edit in edits(),
        of_header in any::<bool>(),
    ) {
        let genuine = Token::new();
        let edited = genuine.clone().claim(edit.0, edit.1);
        let (first, second) = (genuine.mint(), edited.mint());
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (a, b) = (parts(&first), parts(&second));
        let spliced = if of_header {
            let header = b64(genuine.header("x", "1").header_json());
            format!("{header}.{}.{}", a[1], a[2])
        } else {
            format!("{}.{}.{}", a[0], b[1], a[2])
        };
        prop_assert_eq!(verdict(&spliced).map(drop), Err(TokenError::Signature));
    }

    /// JW-36
    #[test]
    fn any_signed_payload_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let header = Token::new().header_json();
        let token = seal(&P256, "ES256", header.as_bytes(), &payload);
        prop_assert!(verdict(&token).is_err());
    }

    /// JW-11
    #[test]
    fn any_signed_header_never_panics(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        let claims = Token::new().claims_json();
        let token = seal(&P256, "ES256", &header, claims.as_bytes());
        prop_assert!(verdict(&token).is_err());
    }
}
