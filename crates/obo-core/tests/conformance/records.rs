//! Pseudonyms, digests and claims for records.

use std::time::Duration;

use obo_core::{
    AuditSubjects, IssuedToken, Policy, PseudonymKey, TokenError, UnverifiedClaims, record_text,
};

use crate::token::Token;
use crate::validate::{NOW, published, strict, validate, verdict};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

fn key() -> PseudonymKey {
    PseudonymKey::parse(KEY).unwrap()
}

/// OB-06
#[test]
fn pseudonyms_depend_on_key_and_user() {
    let caller = verdict(&Token::new().mint()).unwrap();
    let bob = verdict(&Token::new().claim("sub", "\"bob\"").mint()).unwrap();
    let other = PseudonymKey::new([7; 32]);
    assert_eq!(key().of(&caller), key().of(&caller.untyped()));
    assert_ne!(key().of(&caller), key().of(&bob));
    assert_ne!(key().of(&caller), other.of(&caller));
    assert_eq!(key().of(&caller).len(), 16);
}

/// OB-06
#[test]
fn digest_is_keyed_and_no_pseudonym() {
    let caller = verdict(&Token::new().mint()).unwrap();
    let digest = key().of_token("alice");
    assert_eq!(digest.len(), 32);
    assert_eq!(digest, key().of_token("alice"));
    assert_ne!(digest, PseudonymKey::new([7; 32]).of_token("alice"));
    assert!(!digest.starts_with(&key().of(&caller)));
}

/// OB-01
#[test]
fn wrong_key_is_not_quoted() {
    for wrong in [
        "",
        "s3cret",
        &KEY[1..],
        &KEY.replace('0', "g"),
        &format!("{KEY}00"),
        &"é".repeat(32),
    ] {
        let error = PseudonymKey::parse(wrong).unwrap_err();
        assert_eq!(error.field(), "pseudonym_key");
        let text = format!("{error:?} {error}");
        assert!(text.contains("64 hexadecimal digits"), "{text}");
        assert!(wrong.is_empty() || !text.contains(wrong), "{text}");
    }
    let debug = format!("{:?} {:?}", key(), AuditSubjects::keyed(key()).plain());
    assert!(
        !debug.contains("0011") && debug.contains("is_plain: true"),
        "{debug}"
    );
}

/// OB-03
#[test]
fn callers_have_subjects_of_policy() {
    let token = Token::new().mint();
    assert!(verdict(&token).unwrap().audit_subjects().key().is_none());
    let policy = strict().with_audit_subjects(AuditSubjects::keyed(key()).plain());
    let published = crate::validate::published();
    let caller = crate::validate::validate(&policy, &published, &token, NOW).unwrap();
    assert!(caller.audit_subjects().is_plain());
    assert!(caller.untyped().audit_subjects().key().is_some());
}

#[test]
fn record_text_is_cut_and_cleaned() {
    assert_eq!(record_text("a\r\nb\u{1b}[31m\u{202e}\"c"), "ab[31m\"c");
    assert_eq!(record_text(&"x".repeat(1000)).len(), 128);
}

#[test]
fn claims_are_read_without_verification() {
    let token = Token::new()
        .claim("aud", r#"["service-x", "service-y"]"#)
        .claim("act", r#"{"sub": "service-c"}"#)
        .claim("sub", "7")
        .mint();
    let claims = UnverifiedClaims::read(&token);
    assert_eq!(claims.claim("aud").unwrap(), "service-x service-y");
    assert_eq!(claims.actor().unwrap(), "service-c");
    assert_eq!(claims.claim("sub").unwrap(), "(number)");
    assert_eq!(claims.claim_type("sub"), Some("number"));
    assert_eq!(claims.claim_type("tenant"), None);
    assert!(claims.client().is_some() && claims.header("alg").is_some());
    for opaque in ["", "opaque", "a.b.c", "....", "e30"] {
        assert!(UnverifiedClaims::read(opaque).is_empty(), "{opaque}");
    }
}

#[test]
fn time_off_is_counted() {
    let policy = Policy::builder(strict().issuer().clone())
        .audience("service-a")
        .max_token_age(Duration::from_secs(600))
        .build()
        .unwrap();
    let now = NOW.as_secs();
    let off = |claim: &str, at: u64| {
        let token = Token::new().claim(claim, at.to_string()).mint();
        let error = validate(&policy, &published(), &token, NOW).unwrap_err();
        let seconds = error.time_off().unwrap().as_secs();
        (error.code(), seconds)
    };
    assert_eq!(off("exp", now - 90), ("expired", 90));
    assert_eq!(off("nbf", now + 90), ("not_yet_valid", 90));
    assert_eq!(off("iat", now + 75), ("issued_in_future", 75));
    assert_eq!(off("iat", now - 700), ("too_old", 100));
    assert_eq!(TokenError::Signature.time_off(), None);
}

#[test]
fn issued_jwt_has_its_identifier() {
    let of = |token: &str| IssuedToken::bearer(token).unwrap().token_id();
    let long = "x".repeat(500);
    let token = Token::new().claim("jti", format!("\"{long}\"")).mint();
    assert_eq!(of(&token).unwrap(), &long[..128]);
    let twice = Token::new().claim("extra", r#"1, "jti": "other""#).mint();
    assert_eq!(of(&twice), None, "a duplicate member");
    assert_eq!(of(&Token::new().without_claim("jti").mint()), None);
    assert_eq!(of("opaque"), None);
}
