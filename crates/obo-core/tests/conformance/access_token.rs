//! Access tokens for this service: RFC 9068.

use std::time::Duration;

use obo_core::{
    Audience, BearerToken, KeySet, MAX_LEEWAY, Policy, PrincipalKind, Profile, TokenError,
    UnixTime, UnverifiedJwt,
};

use crate::signer::{FORGER, P256, RSA};
use crate::token::Token;
use crate::validate::{
    AUDIENCE, ISSUER, NOW, builder, issuer, key_set, lenient_verdict, published, refusal, strict,
    validate, verdict,
};

/// AT-02
#[test]
fn strict_requires_seven_claims() {
    verdict(&Token::new().mint()).unwrap();
    for claim in ["aud", "sub", "exp", "client_id", "iat", "jti"] {
        let token = Token::new().without_claim(claim).mint();
        assert_eq!(refusal(&token), TokenError::MissingClaim(claim));
    }
    let token = Token::new().without_claim("iss").mint();
    assert!(matches!(refusal(&token), TokenError::UnknownIssuer { .. }));
}

/// AT-02
#[test]
fn lenient_requires_four_claims() {
    for claim in ["client_id", "iat", "jti"] {
        let token = Token::new().without_claim(claim);
        lenient_verdict(&token.mint()).expect(claim);
        for odd in ["null", "[]", "{}"] {
            let token = Token::new().claim(claim, odd).mint();
            let error = lenient_verdict(&token).unwrap_err();
            assert_eq!(error, TokenError::InvalidClaim(claim), "{odd}");
        }
    }
    for claim in ["aud", "sub", "exp"] {
        let token = Token::new().without_claim(claim).mint();
        let error = lenient_verdict(&token).unwrap_err();
        assert_eq!(error, TokenError::MissingClaim(claim));
    }
}

/// AT-03
#[test]
fn issuer_compares_by_code_point() {
    for iss in [
        "https://idp.example/t/",
        "https://idp.example/T",
        "https://IDP.example/t",
        "HTTPS://idp.example/t",
        "https://idp.example:443/t",
        "https://idp.example/./t",
        "https://idp.example/%74",
        "https://idp.example",
        "https://idp.example/t2",
        "https://idp.example.attacker.example/t",
        " https://idp.example/t",
        "https://idp.example/t ",
        "https://idp.example/t\\u0000",
    ] {
        let token = Token::new().claim("iss", format!("\"{iss}\"")).mint();
        let error = refusal(&token);
        assert!(matches!(error, TokenError::UnknownIssuer { .. }), "{iss}");
    }
    let escaped = ISSUER.replace('/', "\\/");
    let token = Token::new().claim("iss", format!("\"{escaped}\"")).mint();
    verdict(&token).unwrap();
}

/// JW-17
#[test]
fn key_of_other_issuer_never_verifies() {
    let other = "https://other.example";
    let theirs = Policy::new(
        Audience::new(AUDIENCE).unwrap(),
        obo_core::Issuer::new(other).unwrap(),
    );
    // Same `kid`, swapped keys: each issuer's policy uses its own set.
    let (our_keys, their_keys) = (key_set(&[P256.jwk("")]), key_set(&[FORGER.jwk("")]));
    let ours_by_us = Token::new();
    let theirs_by_them = Token::new()
        .claim("iss", format!("\"{other}\""))
        .signed_by(&FORGER, "ES256");
    validate(&strict(), &our_keys, &ours_by_us.mint(), NOW).unwrap();
    validate(&theirs, &their_keys, &theirs_by_them.mint(), NOW).unwrap();
    let ours_by_them = Token::new().signed_by(&FORGER, "ES256").mint();
    assert_eq!(
        validate(&strict(), &our_keys, &ours_by_them, NOW).unwrap_err(),
        TokenError::Signature
    );
    for token in [ours_by_us.mint(), ours_by_them] {
        let error = validate(&theirs, &their_keys, &token, NOW).unwrap_err();
        assert!(matches!(error, TokenError::UnknownIssuer { .. }));
    }
}

/// JW-18
#[test]
fn unverified_issuer_is_not_trusted() {
    let issuer_of = |token: &str| {
        let jwt = UnverifiedJwt::parse(BearerToken::parse(token).unwrap()).unwrap();
        jwt.issuer().map(str::to_owned)
    };
    let forged = Token::new().signed_by(&FORGER, "ES256").mint();
    assert_eq!(issuer_of(&forged).as_deref(), Some(ISSUER));
    assert_eq!(refusal(&forged), TokenError::Signature);
    let unknown = Token::new().claim("iss", "\"https://x.example\"").mint();
    assert_eq!(issuer_of(&unknown).as_deref(), Some("https://x.example"));
    assert!(matches!(
        refusal(&unknown),
        TokenError::UnknownIssuer { .. }
    ));
    assert_eq!(issuer_of(&Token::new().without_claim("iss").mint()), None);
}

/// AT-05
#[test]
fn unpublished_signing_key_is_rejected() {
    let token = Token::new().signed_by(&FORGER, "ES256").mint();
    assert_eq!(refusal(&token), TokenError::Signature);
    assert_eq!(lenient_verdict(&token).unwrap_err(), TokenError::Signature);
    let withdrawn = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    let token = Token::new().mint();
    assert_eq!(
        validate(&strict(), &withdrawn, &token, NOW).unwrap_err(),
        TokenError::UnknownKey
    );
}

/// AT-04
#[test]
fn aud_must_name_this_service() {
    for aud in [
        r#""service-a""#,
        r#"["service-a"]"#,
        r#"["x","service-a","y"]"#,
    ] {
        let validated = verdict(&Token::new().claim("aud", aud).mint()).expect(aud);
        assert!(validated.audience().any(|a| a == "service-a"));
    }
    for aud in [
        r#""service-b""#,
        r#"["x","y","z"]"#,
        "[]",
        r#""service""#,
        r#""service-a2""#,
        r#""xservice-a""#,
        r#""Service-A""#,
        r#""service-a ""#,
        r#""service-a service-b""#,
        r#""service-a/""#,
        r#""*""#,
    ] {
        let refused = refusal(&Token::new().claim("aud", aud).mint());
        let TokenError::Audience { expected, seen } = &refused else {
            panic!("{refused}");
        };
        assert_eq!(expected, AUDIENCE);
        let names = aud.trim_matches(['[', ']']).replace(',', ", ");
        assert_eq!(seen, if names.is_empty() { "none" } else { &names });
        let lenient = lenient_verdict(&Token::new().claim("aud", aud).mint());
        assert_eq!(lenient.unwrap_err(), refused, "{aud}");
    }
}

/// RI-03, AT-04
#[test]
fn audiences_are_exact_alternatives() {
    let with_slash = Audience::new("https://a.example/").unwrap();
    let policy = builder().audience(with_slash).build().unwrap();
    let validate = |aud: &str| {
        let token = Token::new().claim("aud", format!("\"{aud}\"")).mint();
        validate(&policy, &published(), &token, NOW)
    };
    validate("service-a").unwrap();
    validate("https://a.example/").unwrap();
    let refused = validate("https://a.example").unwrap_err();
    assert!(matches!(refused, TokenError::Audience { .. }));
}

/// AT-06, JW-25
#[test]
fn token_expires_at_exp_plus_leeway() {
    let at = |now: u64, leeway: u64| {
        let policy = builder()
            .leeway(Duration::from_secs(leeway))
            .build()
            .unwrap();
        let token = Token::new().claim("exp", "1000").claim("iat", "900").mint();
        validate(&policy, &published(), &token, UnixTime::from_secs(now)).map(drop)
    };
    for (now, leeway, valid) in [
        (999, 0, true),
        (1000, 0, false),
        (1001, 0, false),
        (999, 60, true),
        (1000, 60, true),
        (1059, 60, true),
        (1060, 60, false),
        (1061, 60, false),
        (1299, 300, true),
        (1300, 300, false),
        (u64::MAX, 60, false),
    ] {
        let expected = if valid {
            Ok(())
        } else {
            Err(TokenError::Expired {
                ago: Duration::from_secs(now - 1000),
                leeway: Duration::from_secs(leeway),
            })
        };
        assert_eq!(at(now, leeway), expected, "{now} with {leeway}");
    }
    let default = |now| {
        let token = Token::new().claim("exp", "1000").claim("iat", "900").mint();
        validate(&strict(), &published(), &token, UnixTime::from_secs(now)).is_ok()
    };
    assert!(default(1059) && !default(1060), "60 s by default");
}

/// AT-06
#[test]
fn leeway_is_minutes_at_most() {
    builder().leeway(MAX_LEEWAY).build().unwrap();
    let error = builder()
        .leeway(MAX_LEEWAY + Duration::from_nanos(1))
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "leeway");
}

/// AT-11
#[test]
fn client_token_is_a_service() {
    let kind = |token: Token| verdict(&token.mint()).unwrap().kind();
    assert_eq!(kind(Token::new()), PrincipalKind::User);
    let own = Token::new().claim("sub", "\"spa\"");
    assert_eq!(kind(own), PrincipalKind::Service);
    let other_case = Token::new().claim("sub", "\"SPA\"");
    assert_eq!(kind(other_case), PrincipalKind::User);
}

#[test]
fn near_issuer_is_explained() {
    let refused = |iss: &str| {
        let iss = format!("\"{iss}\"");
        refusal(&Token::new().claim("iss", iss).mint()).to_string()
    };
    let slash = refused(&format!("{ISSUER}/"));
    assert!(
        slash.contains("differs only in the slash at the end from the trusted https://"),
        "{slash}"
    );
    let case = refused(&ISSUER.to_uppercase());
    assert!(case.contains("differs only in letter case"), "{case}");
    let other = refused("https://elsewhere.example");
    assert!(!other.contains("differs"), "{other}");
}

/// A `typ` that only a lenient profile accepts leads to it last, with a warning.
#[test]
fn wrong_type_warns_of_id_tokens() {
    let text = refusal(&Token::new().header("typ", "\"JWT\"").mint()).to_string();
    let [id_token, server, lenient] = ["ID token", "at+jwt, or", "require_client"].map(|part| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in {text}"))
    });
    assert!(id_token < server && server < lenient, "{text}");
}

/// AT-13, JW-33
#[test]
fn id_token_is_rejected() {
    let id_token = || {
        Token::new()
            .header("typ", "\"JWT\"")
            .claim("azp", "\"service-a\"")
            .claim("auth_time", "1799999000")
    };
    assert!(matches!(
        refusal(&id_token().mint()),
        TokenError::Type { .. }
    ));
    lenient_verdict(&id_token().mint()).unwrap();
    for (claim, value) in [
        ("nonce", "\"n\""),
        ("at_hash", "\"h\""),
        ("c_hash", "\"h\""),
        ("s_hash", "\"h\""),
        ("events", "{}"),
        ("typ", "\"ID\""),
        ("typ", "\"Refresh\""),
        ("typ", "\"Offline\""),
        ("typ", "\"Logout\""),
        ("token_use", "\"id\""),
        ("token_use", "\"refresh\""),
    ] {
        let token = id_token().claim(claim, value).mint();
        let error = lenient_verdict(&token).unwrap_err();
        assert!(
            matches!(error, TokenError::NotAnAccessToken(_)),
            "{claim} {value}: {error:?}"
        );
    }
    for typ in ["\"Bearer\"", "\"DPoP\"", "\"at+jwt\"", "\"\""] {
        let token = id_token().claim("typ", typ).mint();
        lenient_verdict(&token).expect(typ);
    }
    let access = id_token().claim("token_use", "\"access\"").mint();
    lenient_verdict(&access).unwrap();
    for claim in ["typ", "token_use"] {
        for odd in ["7", "null", "[\"ID\"]"] {
            let token = id_token().claim(claim, odd).mint();
            let error = lenient_verdict(&token).unwrap_err();
            assert_eq!(error, TokenError::InvalidClaim(claim), "{odd}");
        }
    }
}

/// AT-13
#[test]
fn disguised_id_token_is_rejected() {
    let token = Token::new().claim("nonce", "\"n\"").mint();
    let error = refusal(&token);
    assert!(matches!(error, TokenError::NotAnAccessToken(_)));
}

/// MT-03
#[test]
fn bound_token_is_rejected() {
    for cnf in [r#"{"jkt":"x"}"#, r#"{"x5t#S256":"x"}"#, "{}", "null"] {
        let token = Token::new().claim("cnf", cnf).mint();
        assert_eq!(refusal(&token), TokenError::Binding, "{cnf}");
        let lenient = lenient_verdict(&token);
        assert_eq!(lenient.unwrap_err(), TokenError::Binding);
    }
}

/// JW-38
#[test]
fn principal_is_issuer_and_subject() {
    let other = "https://other.example";
    let theirs = Policy::new(
        Audience::new(AUDIENCE).unwrap(),
        obo_core::Issuer::new(other).unwrap(),
    );
    let ours = verdict(&Token::new().mint()).unwrap();
    let token = Token::new().claim("iss", format!("\"{other}\"")).mint();
    let theirs = validate(&theirs, &published(), &token, NOW).unwrap();
    assert_eq!(ours.subject(), theirs.subject());
    let principal = |v: &obo_core::Caller| (v.issuer().clone(), v.subject().to_owned());
    let both = std::collections::HashSet::from([principal(&ours), principal(&theirs)]);
    assert_eq!(both.len(), 2);
    assert_eq!(ours.issuer(), &issuer());
}

/// JW-36
#[test]
fn typed_claims_are_read_or_rejected() {
    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: u32,
    }
    let policy = builder()
        .profile(Profile::LENIENT)
        .claims::<Tenant>()
        .build()
        .unwrap();
    let token = Token::new().claim("tenant", "7").signed_by(&RSA, "RS256");
    let validated = validate(&policy, &published(), &token.mint(), NOW).unwrap();
    let typed = validated.with_claims::<Tenant>().unwrap();
    assert_eq!(typed.claims().tenant, 7);
    assert!(validated.with_claims::<String>().is_none());
    for (token, problem) in [
        (Token::new(), "claim `tenant` is missing"),
        (
            Token::new().claim("tenant", "\"s3cr3t\""),
            "claim `tenant` does not fit its field: it is a string",
        ),
    ] {
        let error = validate(&policy, &published(), &token.mint(), NOW).unwrap_err();
        let problem = problem.to_owned();
        assert_eq!(error, TokenError::CustomClaims { problem });
    }
    let plain = verdict(&Token::new().claim("tenant", "7").mint()).unwrap();
    assert!(plain.with_claims::<Tenant>().is_none());
    let forged = Token::new()
        .claim("tenant", "7")
        .signed_by(&FORGER, "ES256");
    let error = validate(&policy, &published(), &forged.mint(), NOW).unwrap_err();
    assert_eq!(error, TokenError::Signature);
}
