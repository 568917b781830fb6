//! Signed introspection responses (RFC 9701).

use obo_core::{
    Algorithm, BearerToken, Caller, ErrorClass, IntrospectionResponse, MissingMembers, Policy,
    Selection, SignedIntrospection, TokenEndpointError, TokenError,
};

use crate::introspection::{OPAQUE, response_about};
use crate::signer::FORGER;
use crate::token::Token;
use crate::validate::{NOW, builder, lenient_verdict, published, strict, verdict};

const CLIENT: &str = "service-a-client";

/// A signed response about the token that the default policy accepts.
fn signed() -> Token {
    let now = NOW.as_secs().to_string();
    ["sub", "client_id", "exp", "jti"]
        .into_iter()
        .fold(Token::new(), Token::without_claim)
        .header("typ", r#""token-introspection+jwt""#)
        .claim("aud", format!("\"{CLIENT}\""))
        .claim("iat", now)
        .claim("token_introspection", response_about(&Token::new()))
}

fn opened_by(policy: &Policy, jws: &str) -> Result<IntrospectionResponse, TokenEndpointError> {
    let signed = SignedIntrospection::parse(jws.as_bytes())?;
    let key = match published().select(signed.kid(), signed.algorithm()) {
        Selection::Key(key) => key.clone(),
        _ => return Err(TokenEndpointError::unusable("no key")),
    };
    policy.open(signed, &key, CLIENT, NOW)
}

fn validated(jws: &str) -> Result<Caller, TokenError> {
    let response = opened_by(&strict(), jws).unwrap();
    let token = BearerToken::parse(OPAQUE).unwrap();
    strict().validate(token, response, MissingMembers::default(), NOW)
}

fn is_unusable(token: &Token, why: &str) {
    let error = opened_by(&strict(), &token.mint()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{why}");
}

/// IN-10
#[test]
fn signed_response_is_validated() {
    assert_eq!(validated(&signed().mint()).unwrap().subject(), "alice");
    let long = signed().header("typ", r#""application/Token-Introspection+JWT""#);
    validated(&long.mint()).unwrap();
    let inactive = signed().claim("token_introspection", r#"{"active":false}"#);
    assert_eq!(
        validated(&inactive.mint()).unwrap_err(),
        TokenError::Inactive
    );
}

/// IN-10
#[test]
fn signed_response_is_for_this_client() {
    for typ in [r#""JWT""#, r#""at+jwt""#, r#""jwt""#] {
        is_unusable(&signed().header("typ", typ), typ);
    }
    is_unusable(&signed().without_header("typ"), "no typ");
    for (claim, json) in [
        ("iss", r#""https://idp.example/other""#),
        ("aud", r#""service-b""#),
        ("aud", r#"[]"#),
        ("iat", "0"),
        ("iat", "1800000061"),
        ("iat", "1799999939"),
        ("token_introspection", "[]"),
        ("token_introspection", r#""{\"active\":true}""#),
        ("token_introspection", r#"{"active":"true"}"#),
    ] {
        is_unusable(&signed().claim(claim, json), claim);
    }
    for claim in ["iss", "aud", "iat", "token_introspection"] {
        is_unusable(&signed().without_claim(claim), claim);
    }
    let twice = signed().second_claim("token_introspection", r#"{"active":true}"#);
    is_unusable(&twice, "twice");
}

/// IN-10
#[test]
fn outer_members_are_ignored() {
    let other_claims = signed()
        .claim("active", "true")
        .claim("sub", r#""mallory""#)
        .claim("token_introspection", r#"{"active":false}"#);
    assert_eq!(
        validated(&other_claims.mint()).unwrap_err(),
        TokenError::Inactive
    );
    let top_level = signed()
        .claim("active", "true")
        .without_claim("token_introspection");
    is_unusable(&top_level, "top level");
}

/// IN-10
#[test]
fn signature_needs_issuer_key_and_alg() {
    let jws = signed().mint();
    let (message, _) = jws.rsplit_once('.').unwrap();
    let (_, other) = signed()
        .claim("jti", r#""x""#)
        .mint()
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let forged = format!("{message}.{other}");
    let error = opened_by(&strict(), &forged).unwrap_err();
    assert!(error.to_string().contains("signature"), "{error}");
    is_unusable(&signed().signed_by(&FORGER, "ES256"), "another key");
    let rsa_alone = builder().algorithms([Algorithm::Rs256]).build().unwrap();
    let error = opened_by(&rsa_alone, &jws).unwrap_err();
    assert!(error.to_string().contains("algorithm"), "{error}");
    for odd in [
        "",
        "{\"active\":true}",
        "a.b",
        "a.b.c",
        &jws[..jws.len() - 2],
    ] {
        opened_by(&strict(), odd).expect_err(odd);
    }
}

/// IN-11, JW-31
#[test]
fn signed_response_is_no_access_token() {
    let full = Token::new()
        .header("typ", r#""token-introspection+jwt""#)
        .claim("token_introspection", response_about(&Token::new()));
    for verdict in [verdict, lenient_verdict] {
        let refused = verdict(&full.mint()).unwrap_err();
        assert!(matches!(refused, TokenError::Type { .. }), "{refused}");
    }
}

#[test]
fn signed_response_debug_is_redacted() {
    let jws = signed().mint();
    let signed = SignedIntrospection::parse(jws.as_bytes()).unwrap();
    assert_eq!(format!("{signed:?}"), "SignedIntrospection([redacted])");
}
