//! No text for people contains a token or a secret.

use std::fmt::Debug;

use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{
    ActorToken, Algorithm, BearerCredentials, BearerToken, CacheKeys, IssuedToken, JwsHeader,
    Secret, SigningKey, TokenError, TokenType, UnverifiedJwt, compact_jws,
};

use crate::signer::{FORGER, P256};
use crate::token::Token;
use crate::validate::{issuer, lenient, published, strict, verdict};
use crate::wire::{alice, for_service_b, form, grant};

/// Pieces of the secret that are long enough to identify it.
fn assert_absent(secret: &str, text: &str) {
    for piece in secret.split(['.', ' ', ':', '\n']) {
        if piece.len() >= 6 {
            let head: String = piece.chars().take(12).collect();
            assert!(!text.contains(&head), "{head} in {text}");
        }
    }
}

fn debug(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// CA-16, OB-01
#[test]
fn inbound_token_debug_is_redacted() {
    let token = Token::new().mint();
    let validated = verdict(&token).unwrap();
    let bearer = BearerToken::parse(&token).unwrap();
    let line = format!("Bearer {token}");
    let texts = [
        debug(&bearer),
        debug(&BearerCredentials::of_authorization(line.as_bytes()).map(|c| c.token())),
        debug(&UnverifiedJwt::parse(bearer).unwrap()),
        debug(&validated),
        debug(&validated.untyped()),
        debug(validated.subject_token()),
        debug(&for_service_b(&[])),
    ];
    for text in texts {
        assert_absent(&token, &text);
        assert!(!text.trim().is_empty());
    }
}

/// CA-16, OB-01
#[test]
fn outbound_request_debug_is_redacted() {
    let secret = "s3cr3t-value";
    let actor = ActorToken::new(Secret::new("act0r-token"), TokenType::JWT, "service-a#1");
    let request = for_service_b(&[]).with_actor(actor.clone());
    let subject = request.subject().subject_token().expose().to_owned();
    let dialect = Rfc8693::new()
        .extra_parameter("api_key", "extr4-secret")
        .unwrap();
    let mut form = form(&dialect, &request).unwrap();
    form.push("client_secret", secret);
    form.push("client_assertion", "ass3rtion");
    form.set_basic("service-a", &Secret::new(secret));
    let basic = form.authorization().unwrap().to_str().unwrap().to_owned();
    let keys = CacheKeys::new(*b"cach3-secret-of-32-bytes-length!", &issuer(), "service-a");
    let texts = [
        debug(&form),
        debug(&form.authorization()),
        debug(&request),
        debug(&actor),
        debug(&Secret::new(secret)),
        debug(&dialect),
        debug(&keys),
        debug(&keys.key(&dialect.identity(), &grant(&request))),
    ];
    for text in texts {
        for secret in [
            secret,
            "act0r-token",
            "extr4-secret",
            "ass3rtion",
            "cach3-secret",
            subject.as_str(),
            basic.strip_prefix("Basic ").unwrap(),
        ] {
            assert_absent(secret, &text);
        }
    }
}

/// CA-16, OB-01
#[test]
fn issued_token_debug_is_redacted() {
    let token = IssuedToken::bearer("issu3d-token").unwrap();
    for text in [debug(&token), debug(token.authorization())] {
        assert_absent("issu3d-token", &text);
    }
}

/// CA-16
#[test]
fn signing_key_shows_algorithm_only() {
    let pem = P256.private_pem();
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(pem.as_str()))
        .unwrap()
        .with_kid("k1");
    let body: String = pem.lines().filter(|l| !l.starts_with("--")).collect();
    let claims = serde_json::json!({ "sub": "service-a" });
    let input = JwsHeader::new("ES256", "JWT").signing_input(&claims);
    let signed = compact_jws(&input, &key.sign(input.as_bytes()).unwrap());
    for text in [debug(&key), debug(&signed)] {
        assert_absent(&body, &text);
        assert_absent(signed.expose(), &text);
    }
    for wrong in [Algorithm::Rs256, Algorithm::Es384, Algorithm::Ed25519] {
        let error = SigningKey::from_pem(wrong, &Secret::new(pem.as_str())).unwrap_err();
        assert_absent(&body, &format!("{error} {error:?}"));
        assert_eq!(error.field(), "private_key");
    }
}

/// CA-16
#[test]
fn policies_and_keys_can_be_printed() {
    for text in [debug(&strict()), debug(&lenient()), debug(&published())] {
        assert!(!text.trim().is_empty());
        assert_absent(alice().subject_token().expose(), &text);
    }
}

/// OB-01, BT-19
#[test]
fn refusal_never_repeats_token_bytes() {
    let marker = "m4rker-of-the-attacker";
    let quoted = format!("\"{marker}\"");
    let tokens = [
        Token::new().claim("iss", quoted.as_str()).mint(),
        Token::new().claim("exp", quoted.as_str()).mint(),
        Token::new().claim("act", quoted.as_str()).mint(),
        Token::new().claim("cnf", quoted.as_str()).mint(),
        Token::new().claim("nonce", quoted.as_str()).mint(),
        Token::new().claim(marker, "{").mint(),
        Token::new().header("alg", &quoted).mint(),
        Token::new().header("kid", &quoted).mint(),
        Token::new().header("crit", &quoted).mint(),
        Token::new().header(marker, "}").mint(),
        Token::new()
            .second_header(marker, "1")
            .second_header(marker, "1")
            .mint(),
        Token::new()
            .claim("x", quoted)
            .signed_by(&FORGER, "ES256")
            .mint(),
        marker.to_owned(),
        format!("{marker} {marker}"),
        format!("{marker}.{marker}.{marker}"),
    ];
    for token in tokens {
        let error: TokenError = verdict(&token).unwrap_err();
        let text = format!("{error} {error:?} {}", error.code());
        assert!(!text.contains(marker), "{text}");
        assert_absent(&token, &text);
    }
}

/// BT-19
#[test]
fn refusal_shows_seen_values_cut() {
    let value = format!("service-b\\r\\nx\\u202e{}", "y".repeat(1_000));
    let quoted = format!("\"{value}\"");
    for token in [
        Token::new().claim("aud", quoted.as_str()),
        Token::new().claim("aud", format!("[{quoted},{quoted}]")),
        Token::new().header("typ", &quoted),
    ] {
        let token = token.mint();
        let error = verdict(&token).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains("service-bxyyy"), "{text}");
        assert!(!text.contains(['\r', '\n', '\u{202e}']), "{text}");
        assert!(text.len() < 1_000, "{text}");
        assert_absent(&token, &text);
    }
}
