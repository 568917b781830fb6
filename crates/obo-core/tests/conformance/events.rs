//! Tokens about events, and how they are validated.

use obo_core::event::EventError;
use obo_core::{
    Audience, BearerToken, Policy, Selection, TokenError, UnixTime, UnverifiedJwt, VerificationKey,
};

use crate::token::Token;
use crate::validate::{ISSUER, NOW, published, strict};

/// The audience of receivers.
pub(crate) const RECEIVER: &str = "receiver";

type Verify<T> =
    fn(&Policy, &UnverifiedJwt<'_>, &VerificationKey, &Audience, UnixTime) -> Result<T, EventError>;

/// All steps of a token: grammar, form, key, policy.
pub(crate) fn verdict<T>(verify: Verify<T>, token: &Token) -> Result<T, EventError> {
    verdict_at(verify, &token.mint(), NOW)
}

pub(crate) fn verdict_at<T>(
    verify: Verify<T>,
    token: &str,
    now: UnixTime,
) -> Result<T, EventError> {
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token)?)?;
    let keys = published();
    let key = match keys.select(jwt.kid(), jwt.algorithm()) {
        Selection::Key(key) => key,
        Selection::Unknown => return Err(TokenError::UnknownKey.into()),
        Selection::Misfit => return Err(TokenError::Algorithm.into()),
        Selection::Ambiguous => return Err(TokenError::AmbiguousKey.into()),
    };
    let audience = Audience::new(RECEIVER).unwrap();
    verify(&strict(), &jwt, key, &audience, now)
}

/// A token of this type with these events, and without what only an access token has.
pub(crate) fn token(typ: &str, events: &str) -> Token {
    ["client_id", "exp", "sub"]
        .into_iter()
        .fold(Token::new(), Token::without_claim)
        .header("typ", &format!("\"{typ}\""))
        .claim("iss", format!("\"{ISSUER}\""))
        .claim("aud", format!("\"{RECEIVER}\""))
        .claim("events", events)
}

/// A second of the fixed time, as a JSON number.
pub(crate) fn at(offset: i64) -> String {
    NOW.as_secs().saturating_add_signed(offset).to_string()
}

/// Checks the rules that both kinds of token share.
pub(crate) fn keeps_common_rules<T: std::fmt::Debug>(verify: Verify<T>, good: &Token) {
    let code = |token: &Token| verdict(verify, token).unwrap_err().code();
    for claim in ["iss", "aud", "iat", "jti", "events"] {
        let without = good.clone().without_claim(claim);
        let expected = match claim {
            "iss" => "unknown_issuer",
            _ => "missing_claim",
        };
        assert_eq!(code(&without), expected, "{claim}");
    }
    for (claim, json, expected) in [
        ("iss", r#""https://idp.example/other""#, "unknown_issuer"),
        ("iss", r#""https://idp.example/t/""#, "unknown_issuer"),
        ("iss", "7", "invalid_claim"),
        ("aud", r#""service-a""#, "wrong_audience"),
        ("aud", r#"["a","Receiver"]"#, "wrong_audience"),
        ("aud", "[]", "wrong_audience"),
        ("aud", "7", "invalid_claim"),
        ("iat", &at(61), "issued_in_future"),
        ("iat", r#""1800000000""#, "invalid_claim"),
        ("nbf", &at(61), "not_yet_valid"),
        ("exp", &at(-60), "expired"),
        ("exp", "0", "expired"),
        ("exp", "null", "invalid_claim"),
        ("jti", r#""""#, "invalid_claim"),
        ("jti", "7", "invalid_claim"),
        ("events", "null", "invalid_claim"),
        ("events", "[]", "invalid_claim"),
        ("events", r#""x""#, "invalid_claim"),
    ] {
        let wrong = good.clone().claim(claim, json);
        assert_eq!(code(&wrong), expected, "{claim} {json}");
    }
    for (claim, json) in [
        ("aud", r#"["other","receiver"]"#),
        ("iat", &*at(60)),
        ("nbf", &at(60)),
        ("exp", &at(-59)),
        ("unknown", "[{}]"),
    ] {
        verdict(verify, &good.clone().claim(claim, json)).unwrap();
    }
    for claim in ["iss", "aud", "iat", "jti", "events", "x"] {
        let json = if claim == "iat" { "1" } else { r#""a""# };
        let twice = good.clone().claim("x", "1").second_claim(claim, json);
        assert_eq!(code(&twice), "duplicate_member", "{claim}");
    }
    for member in ["crit", "b64", "zip", "cty"] {
        let extended = good.clone().header(member, r#"["x"]"#);
        assert_eq!(code(&extended), "unsupported_header", "{member}");
    }
    let forged = good.mint();
    let (start, signature) = forged.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{start}.{other}{}", &signature[1..]);
    let error = verdict_at(verify, &forged, NOW).unwrap_err();
    assert_eq!(error, TokenError::Signature.into());
    let unsigned = good.clone().header("alg", r#""none""#);
    assert_eq!(code(&unsigned), "algorithm_not_allowed");
}
