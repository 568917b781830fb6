//! Nothing but the bytes that were signed passes: RFC 7515 section 5.2.

use std::sync::LazyLock;

use obo_core::TokenError;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::judge::{lenient_verdict, verdict};
use crate::signer::{ED25519, FORGER, P256, RSA, b64};
use crate::token::{Token, seal};

/// One valid token per kind of key, so that what is proved holds for each.
static VALID: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tokens = vec![
        Token::new().signed_by(&P256, "ES256").mint(),
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

proptest! {
    #[test]
    fn jw_36_any_single_bit_flip_is_refused(token in valid(), at in any::<Index>(), bit in 0..8_u8) {
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let line = [b"Bearer ", bytes.as_slice()].concat();
        if let Some(Ok(flipped)) = obo_core::BearerCredentials::of_authorization(&line).map(|c| c.token()) {
            prop_assert!(verdict(flipped.expose()).is_err());
            prop_assert!(lenient_verdict(flipped.expose()).is_err());
        }
    }

    #[test]
    fn jw_36_any_flip_below_the_base64_is_refused(
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

    #[test]
    fn at_05_jw_36_an_edit_signed_by_another_key_is_refused(
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

    #[test]
    fn jw_36_a_signature_goes_with_its_own_header_and_payload(
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

    #[test]
    fn jw_36_any_signed_payload_is_judged_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let header = Token::new().header_json();
        let token = seal(&P256, "ES256", header.as_bytes(), &payload);
        prop_assert!(verdict(&token).is_err());
    }

    #[test]
    fn jw_11_any_signed_header_is_judged_without_panic(header in proptest::collection::vec(any::<u8>(), 0..200)) {
        let claims = Token::new().claims_json();
        let token = seal(&P256, "ES256", &header, claims.as_bytes());
        prop_assert!(verdict(&token).is_err());
    }
}
