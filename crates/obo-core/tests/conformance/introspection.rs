//! Introspection responses (RFC 7662) are validated.

use std::time::Duration;

use obo_core::{
    BearerToken, Caller, IntrospectionResponse, Issuer, MissingMembers, Policy, Profile, Scope,
    TokenEndpointError, TokenError,
};

use crate::introspection_thin::unread;
use crate::signer::b64;
use crate::token::Token;
use crate::validate::{NOW, builder, lenient, strict, verdict};

pub(crate) const OPAQUE: &str = "opaque-token";

/// The response with the claims of a token as its members.
pub(crate) fn response_about(token: &Token) -> String {
    token.claims_json().replacen('{', r#"{"active":true,"#, 1)
}

pub(crate) fn parse(response: &str) -> Result<IntrospectionResponse, TokenEndpointError> {
    IntrospectionResponse::parse(response.as_bytes())
}

pub(crate) fn validated_by(
    policy: &Policy,
    thin: MissingMembers,
    response: &str,
) -> Result<Caller, TokenError> {
    let token = BearerToken::parse(OPAQUE).unwrap();
    policy.validate(token, parse(response).unwrap(), thin, NOW)
}

pub(crate) fn validated(token: &Token) -> Result<Caller, TokenError> {
    validated_by(&strict(), MissingMembers::default(), &response_about(token))
}

/// Everything about a caller except the token.
pub(crate) fn facts(caller: &Caller) -> String {
    format!(
        "{:?}",
        (
            (caller.issuer(), caller.subject(), caller.kind()),
            (caller.client_id(), caller.scope()),
            caller.audience().collect::<Vec<_>>(),
            (caller.current_actor(), caller.prior_actors()),
            (caller.expires_at(), caller.issued_at(), caller.token_id()),
            (caller.acr(), caller.auth_time()),
            caller.roles().collect::<Vec<_>>(),
            caller.groups().collect::<Vec<_>>(),
            caller.entitlements().collect::<Vec<_>>(),
        )
    )
}

/// TX-37, SU-04
#[test]
fn jwt_and_response_give_same_caller() {
    let user = Token::new()
        .claim("scope", r#""orders:read stock:read""#)
        .claim("acr", r#""gold""#)
        .claim("auth_time", (NOW.as_secs() - 60).to_string())
        .claim("roles", r#"["buyer",{"value":"approver"}]"#)
        .claim("groups", r#"["g1"]"#)
        .claim("entitlements", r#"["e1"]"#)
        .claim("aud", r#"["service-x","service-a"]"#)
        .claim("may_act", r#"{"sub":"service-b"}"#);
    let delegated = user.clone().claim(
        "act",
        r#"{"sub":"service-b","iss":"https://other.example","client_id":"b","act":{"sub":"service-c"}}"#,
    );
    let service = Token::new().claim("client_id", r#""alice""#);
    for token in [Token::new(), user, delegated, service] {
        let (jwt, opaque) = (verdict(&token.mint()).unwrap(), validated(&token).unwrap());
        assert_eq!(facts(&opaque), facts(&jwt));
        assert_eq!(opaque.subject_token().expose(), OPAQUE);
    }
}

/// TX-37
#[test]
fn custom_claims_come_from_response() {
    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: String,
    }
    let policy = builder().claims::<Tenant>().build().unwrap();
    let described = response_about(&Token::new().claim("tenant", r#""corp""#));
    let caller = validated_by(&policy, MissingMembers::default(), &described).unwrap();
    assert_eq!(
        caller.with_claims::<Tenant>().unwrap().claims().tenant,
        "corp"
    );
    let without = validated_by(
        &policy,
        MissingMembers::default(),
        &response_about(&Token::new()),
    );
    let problem = "claim `tenant` is missing".to_owned();
    assert_eq!(without.unwrap_err(), TokenError::CustomClaims { problem });
}

/// IN-05
#[test]
fn active_token_follows_jwt_rules() {
    let now = NOW.as_secs();
    let deep = (0..17).fold(r#"{"sub":"z"}"#.to_owned(), |inner, _| {
        format!(r#"{{"sub":"s","act":{inner}}}"#)
    });
    for (claim, json, code) in [
        (
            "iss",
            r#""https://idp.example/other""#.to_owned(),
            "unknown_issuer",
        ),
        ("iss", "[]".to_owned(), "invalid_claim"),
        ("aud", r#""service-b""#.to_owned(), "wrong_audience"),
        ("aud", "1".to_owned(), "invalid_claim"),
        ("exp", (now - 61).to_string(), "expired"),
        ("exp", format!(r#""{}""#, now + 60), "invalid_claim"),
        ("nbf", (now + 61).to_string(), "not_yet_valid"),
        ("iat", (now + 61).to_string(), "issued_in_future"),
        ("sub", r#""""#.to_owned(), "invalid_claim"),
        ("scope", "5".to_owned(), "invalid_claim"),
        ("cnf", r#"{"jkt":"x"}"#.to_owned(), "binding_not_checked"),
        ("act", deep, "actor_depth"),
        ("act", r#""service-b""#.to_owned(), "invalid_claim"),
        ("nonce", r#""n""#.to_owned(), "not_an_access_token"),
        ("typ", r#""Refresh""#.to_owned(), "not_an_access_token"),
    ] {
        let token = Token::new().claim(claim, json.as_str());
        let (opaque, jwt) = (validated(&token).unwrap_err(), verdict(&token.mint()));
        assert_eq!(opaque.code(), code, "{claim}: {json}");
        // A wrong issuer is found before the claims are checked.
        assert_eq!(opaque, jwt.unwrap_err(), "{claim}: {json}");
    }
    let twice = Token::new().second_claim("sub", r#""mallory""#);
    assert_eq!(
        validated(&twice).unwrap_err(),
        TokenError::DuplicateMember("payload")
    );
    let old = builder()
        .max_token_age(Duration::from_secs(60))
        .build()
        .unwrap();
    let token = response_about(&Token::new().claim("iat", (now - 121).to_string()));
    let refused = validated_by(&old, MissingMembers::default(), &token).unwrap_err();
    assert_eq!(refused.code(), "too_old");
}

/// IN-05
#[test]
fn token_kind_is_checked() {
    for (claim, json, refused) in [
        ("token_type", r#""Bearer""#, None),
        ("token_type", r#""bearer""#, None),
        ("token_type", r#""access_token""#, None),
        ("token_use", r#""access""#, None),
        ("token_use", r#""access_token""#, None),
        ("token_type", r#""DPoP""#, Some("binding_not_checked")),
        ("token_type", r#""dpop""#, Some("binding_not_checked")),
        ("token_type", r#""mac""#, Some("not_an_access_token")),
        (
            "token_type",
            r#""refresh_token""#,
            Some("not_an_access_token"),
        ),
        ("token_type", "1", Some("invalid_claim")),
        (
            "token_use",
            r#""refresh_token""#,
            Some("not_an_access_token"),
        ),
        ("token_use", r#""id""#, Some("not_an_access_token")),
        ("token_class", r#""access_token""#, None),
        (
            "token_class",
            r#""refresh_token""#,
            Some("not_an_access_token"),
        ),
        ("token_class", "[]", Some("not_an_access_token")),
        ("token_use", "true", Some("invalid_claim")),
    ] {
        let token = Token::new().claim(claim, json);
        let code = validated(&token).err().map(|error| error.code());
        assert_eq!(code, refused, "{claim}: {json}");
    }
}

/// AT-13, IN-05, JW-31
#[test]
fn both_ways_check_kind_alike() {
    let issuer = Issuer::new("https://idp.example").unwrap();
    let header = b64(br#"{"alg":"HS256","typ":"JWT"}"#);
    let ways = |claim: &str, value: &str| {
        let token = Token::new().claim(claim, format!("{value:?}"));
        let payload = format!(r#"{{"{claim}":"{value}"}}"#);
        let cannot_be_read = format!("{header}.{}.AA", b64(payload.as_bytes()));
        [
            verdict(&token.mint()).map(drop),
            validated(&token).map(drop),
            strict().confirm(parse(&response_about(&token)).unwrap()),
            unread(&cannot_be_read, &issuer),
        ]
        .map(|verdict| verdict.map_err(|error| error.code()))
    };
    for claim in ["typ", "token_use", "token_class", "token_type"] {
        for other in [
            "refresh_token",
            "Refresh",
            "rt+jwt",
            "application/rt+jwt",
            "id_token",
            "ID",
            "logout_token",
            "logout+jwt",
            "secevent+jwt",
            "token-introspection+jwt",
            "client_assertion",
            "dpop+jwt",
            "urn:ietf:params:oauth:token-type:refresh_token",
        ] {
            let refused = [Err("not_an_access_token"); 4];
            assert_eq!(ways(claim, other), refused, "{claim}: {other}");
        }
        for access in ["Bearer", "access", "access_token", "at+jwt"] {
            assert_eq!(ways(claim, access), [Ok(()); 4], "{claim}: {access}");
        }
    }
    let bound = [Err("binding_not_checked"); 4];
    assert_eq!(ways("token_type", "DPoP"), bound);
}

/// DP-25, MT-03: this service does not check bindings, so it accepts no bound token.
#[test]
fn bound_token_is_rejected_both_ways() {
    for cnf in [
        r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
        r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#,
        r#"{"unknown":1}"#,
        "{}",
    ] {
        let bound = Token::new().claim("cnf", cnf);
        let (read, described) = (verdict(&bound.mint()), validated(&bound));
        assert_eq!(read.unwrap_err(), TokenError::Binding, "{cnf}");
        assert_eq!(described.unwrap_err(), TokenError::Binding, "{cnf}");
        // Even if the token itself does not say so.
        let confirmed = strict().confirm(parse(&response_about(&bound)).unwrap());
        assert_eq!(confirmed.unwrap_err(), TokenError::Binding, "{cnf}");
    }
    for token_type in ["DPoP", "dpop", "DPOP"] {
        let bound = Token::new().claim("token_type", format!("{token_type:?}"));
        assert_eq!(validated(&bound).unwrap_err(), TokenError::Binding);
        let response = parse(&response_about(&bound)).unwrap();
        assert_eq!(strict().confirm(response).unwrap_err(), TokenError::Binding);
    }
}

/// IN-05
#[test]
fn scope_setting_applies_to_responses() {
    let token = |json: &str| response_about(&Token::new().claim("scope", json));
    let none = MissingMembers::default();
    let either = builder()
        .profile(Profile::LENIENT.allow_scope_text_or_array())
        .build()
        .unwrap();
    for json in [r#""b a""#, r#"["b","a"]"#] {
        let caller = validated_by(&either, none, &token(json)).unwrap();
        assert_eq!(caller.scope(), &Scope::new(["a", "b"]).unwrap(), "{json}");
    }
    for odd in ["7", r#"["a b"]"#, r#"["a",1]"#, "{}"] {
        let refused = validated_by(&either, none, &token(odd)).unwrap_err();
        assert_eq!(refused, TokenError::InvalidClaim("scope"), "{odd}");
    }
    let refused = validated_by(&lenient(), none, &token(r#"["a"]"#)).unwrap_err();
    assert!(
        refused.to_string().contains("allow_scope_text_or_array"),
        "{refused}"
    );
}

/// IN-08
#[test]
fn foreign_own_audience_is_rejected() {
    let thin = MissingMembers {
        audience: true,
        ..MissingMembers::default()
    };
    let header = b64(br#"{"alg":"HS256"}"#);
    let validate = |token: &str, described: &Token| {
        let token = BearerToken::parse(token).unwrap();
        strict().validate(token, parse(&response_about(described)).unwrap(), thin, NOW)
    };
    let silent = Token::new().without_claim("aud");
    for (payload, code) in [
        (r#"{"aud":"service-a"}"#, None),
        (r#"{"aud":["service-b","service-a"]}"#, None),
        ("{}", None),
        (r#"{"aud":null}"#, None),
        ("[]", None),
        (r#"{"aud":"service-b"}"#, Some("wrong_audience")),
        (r#"{"\u0061ud":"service-b"}"#, Some("wrong_audience")),
        (r#"{"aud":["service-b"]}"#, Some("wrong_audience")),
        (r#"{"aud":[]}"#, Some("wrong_audience")),
        (
            r#"{"aud":"service-a","aud":"service-b"}"#,
            Some("wrong_audience"),
        ),
        (r#"{"aud":7}"#, Some("invalid_claim")),
    ] {
        let segment = b64(payload.as_bytes());
        for token in [
            format!("{header}.{segment}.AA"),
            format!("{segment}.AA.AA.AA.AA"),
        ] {
            for described in [&silent, &Token::new()] {
                let refused = validate(&token, described).err().map(|error| error.code());
                assert_eq!(refused, code, "{payload}");
            }
        }
    }
    validate(OPAQUE, &silent).unwrap();
    let seen = validate(
        &format!("{header}.{}.AA", b64(br#"{"aud":"service-b"}"#)),
        &silent,
    );
    assert!(seen.unwrap_err().to_string().contains("\"service-b\""));
}
