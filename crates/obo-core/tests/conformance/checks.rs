//! Every rule that a token keeps or breaks, for tools.

use obo_core::{Algorithm, BearerToken, Selection, TokenCheck, TokenError, UnverifiedJwt};

use crate::token::Token;
use crate::validate::{NOW, builder, published, strict, validate};

fn checks(token: &str) -> Vec<TokenCheck> {
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token).unwrap()).unwrap();
    let keys = published();
    let key = match keys.select(jwt.kid(), jwt.algorithm()) {
        Selection::Key(key) => Some(&**key),
        _ => None,
    };
    strict().checks(&jwt, key, NOW)
}

fn broken(token: &Token) -> Vec<TokenError> {
    let checks = checks(&token.mint()).into_iter();
    checks.filter_map(|check| check.outcome.err()).collect()
}

#[test]
fn each_broken_rule_is_listed() {
    assert_eq!(broken(&Token::new()), []);
    let token = Token::new()
        .claim("aud", "\"elsewhere\"")
        .claim("exp", "1")
        .claim("cnf", "{}")
        .without_claim("jti")
        .without_claim("iat");
    let errors = broken(&token);
    let codes: Vec<_> = errors.iter().map(TokenError::code).collect();
    let expected = [
        "wrong_audience",
        "expired",
        "binding_not_checked",
        "missing_claim",
        "missing_claim",
    ];
    assert_eq!(codes, expected);
}

/// The checks and the verdict agree, token by token.
#[test]
fn checks_agree_with_verify() {
    let base = Token::new;
    for token in [
        base(),
        base().claim("aud", "\"elsewhere\""),
        base().claim("aud", "[]"),
        base().without_claim("aud"),
        base().claim("exp", "1"),
        base().without_claim("exp"),
        base().claim("nbf", "99999999999"),
        base().claim("iat", "99999999999"),
        base().without_claim("iat"),
        base().without_claim("jti"),
        base().without_claim("sub"),
        base().without_claim("client_id"),
        base().claim("client_id", "7"),
        base().claim("iss", "\"https://elsewhere.example\""),
        base().claim("scope", "7"),
        base().claim("cnf", "{}"),
        base().claim("nonce", "\"n\""),
        base().claim("events", "{}"),
        base().claim("act", r#"{"client_id":"x"}"#),
        base().without_header("typ"),
    ] {
        let token = token.mint();
        let verdict = validate(&strict(), &published(), &token, NOW).map(drop);
        let checks = checks(&token);
        let mut errors = checks
            .iter()
            .filter_map(|check| check.outcome.clone().err());
        match verdict {
            Ok(()) => assert_eq!(errors.next(), None),
            Err(error) => assert!(errors.any(|it| it == error), "{error}: {checks:?}"),
        }
    }
}

#[test]
fn signature_is_checked_with_a_key() {
    let token = Token::new().mint();
    let jwt = UnverifiedJwt::parse(BearerToken::parse(&token).unwrap()).unwrap();
    let has_signature = |checks: &[TokenCheck]| checks.iter().any(|it| it.rule == "signature");
    assert!(!has_signature(&strict().checks(&jwt, None, NOW)));
    assert!(has_signature(&checks(&token)));
    let (start, end) = token.rsplit_once('.').unwrap();
    let forged = format!("{start}.{}", end.chars().rev().collect::<String>());
    let errors = checks(&forged)
        .into_iter()
        .filter_map(|it| it.outcome.err());
    assert_eq!(Vec::from_iter(errors), [TokenError::Signature]);
    let policy = builder().algorithms([Algorithm::Ed25519]).build().unwrap();
    let checks = policy.checks(&jwt, None, NOW);
    assert!(
        checks
            .iter()
            .any(|it| it.outcome == Err(TokenError::Algorithm))
    );
}
