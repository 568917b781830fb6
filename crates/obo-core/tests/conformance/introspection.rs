//! Introspection responses (RFC 7662) are validated.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use obo_core::{
    BearerToken, Caller, ClaimMatcher, ErrorClass, IntrospectionResponse, Issuer, MissingMembers,
    Policy, PrincipalKind, Profile, Scope, TokenEndpointError, TokenError, TokenRequest, UnixTime,
    UnverifiedJwt, introspection_refusal,
};

use crate::signer::b64;
use crate::token::Token;
use crate::validate::{ISSUER, NOW, builder, issuer, lenient, strict, verdict};

pub(crate) const OPAQUE: &str = "opaque-token";

/// The response with the claims of a token as its members.
pub(crate) fn response_about(token: &Token) -> String {
    token.claims_json().replacen('{', r#"{"active":true,"#, 1)
}

fn parse(response: &str) -> Result<IntrospectionResponse, TokenEndpointError> {
    IntrospectionResponse::parse(response.as_bytes())
}

fn validated_by(
    policy: &Policy,
    thin: MissingMembers,
    response: &str,
) -> Result<Caller, TokenError> {
    let token = BearerToken::parse(OPAQUE).unwrap();
    policy.validate(token, parse(response).unwrap(), thin, NOW)
}

fn validated(token: &Token) -> Result<Caller, TokenError> {
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

/// IN-01
#[test]
fn request_is_form_with_hint() {
    let request = TokenRequest::introspection(BearerToken::parse("a.b+c/d=").unwrap());
    assert_eq!(
        request.body(),
        "token=a.b%2Bc%2Fd%3D&token_type_hint=access_token"
    );
}

/// IN-03
#[test]
fn active_must_be_boolean() {
    for odd in [
        r#"{"sub":"alice"}"#,
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"active":true,"active":true}"#,
        r#"{"active":false,"active":true}"#,
        "[true]",
        "true",
        "null",
        "",
        "<html>",
        r#"{"active":true"#,
        r#"{"active":true}{}"#,
        r#"{"active":true,"sub":"\ud800"#,
    ] {
        let error = parse(odd).unwrap_err();
        assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{odd}");
    }
    assert_eq!(
        IntrospectionResponse::parse(b"\xff{\"active\":true}")
            .unwrap_err()
            .class(),
        ErrorClass::ResponseUnusable
    );
}

/// IN-04
#[test]
fn inactive_response_is_not_read_on() {
    let thin = MissingMembers::default();
    for members in [
        String::new(),
        format!(r#","sub":"alice","iss":"{ISSUER}","aud":"service-a""#),
        r#","sub":1,"sub":2"#.to_owned(),
    ] {
        let described = format!(r#"{{"active":false{members}}}"#);
        let refused = validated_by(&strict(), thin, &described).unwrap_err();
        assert_eq!(refused, TokenError::Inactive, "{described}");
        let confirmed = strict().confirm(parse(&described).unwrap());
        assert_eq!(confirmed.unwrap_err(), TokenError::Inactive);
    }
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
fn null_member_is_absent() {
    let none = MissingMembers::default();
    let caller = |token: &Token| validated_by(&lenient(), none, &response_about(token)).unwrap();
    let full = Token::new()
        .claim("scope", r#""orders:read""#)
        .claim("act", r#"{"sub":"service-b"}"#)
        .claim("acr", r#""gold""#)
        .claim("roles", r#"["buyer"]"#)
        .claim("nbf", "1");
    for member in [
        "iss",
        "nbf",
        "iat",
        "jti",
        "acr",
        "auth_time",
        "act",
        "client_id",
        "scope",
        "roles",
        "cnf",
        "events",
        "nonce",
        "typ",
        "token_type",
        "token_use",
        "token_class",
        "username",
        "unknown",
    ] {
        let null = caller(&full.clone().claim(member, "null"));
        let absent = caller(&full.clone().without_claim(member));
        assert_eq!(facts(&null), facts(&absent), "{member}");
    }
    for member in ["aud", "exp", "sub"] {
        let null = response_about(&Token::new().claim(member, "null"));
        let refused = validated_by(&strict(), none, &null).unwrap_err();
        assert_eq!(refused, TokenError::MissingClaim(member));
    }
    // A member that may be missing may be null.
    let thin = MissingMembers {
        audience: true,
        expiry: Some(Duration::from_secs(30)),
        subject: true,
    };
    let described = Token::new()
        .claim("aud", "null")
        .claim("exp", "null")
        .claim("sub", "null");
    let caller = validated_by(&lenient(), thin, &response_about(&described)).unwrap();
    assert_eq!(caller.kind(), PrincipalKind::Service);
    // A duplicate member is rejected, and a member of a token may not be null.
    let twice = Token::new()
        .claim("act", "null")
        .second_claim("act", r#"{"sub":"b"}"#);
    let refused = validated_by(&lenient(), none, &response_about(&twice)).unwrap_err();
    assert_eq!(refused, TokenError::DuplicateMember("payload"));
    let token = Token::new().claim("act", "null");
    assert_eq!(
        verdict(&token.mint()).unwrap_err(),
        TokenError::InvalidClaim("act")
    );
}

/// IN-05
#[test]
fn null_in_act_is_absent() {
    let act = r#"{"sub":"b","iss":null,"client_id":null,"act":{"sub":"c","act":null}}"#;
    let caller = validated(&Token::new().claim("act", act)).unwrap();
    let actor = caller.current_actor().unwrap();
    assert_eq!((actor.id().issuer(), actor.subject()), (ISSUER, "b"));
    assert_eq!(caller.prior_actors().audit().collect::<Vec<_>>(), ["c"]);
    for odd in [r#"{"sub":null}"#, r#"{"sub":"b","act":{"sub":null}}"#] {
        let refused = validated(&Token::new().claim("act", odd)).unwrap_err();
        assert_eq!(refused, TokenError::InvalidClaim("act"), "{odd}");
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

/// IN-03
#[test]
fn error_in_200_is_named() {
    for (code, class) in [
        ("invalid_client", ErrorClass::ClientMisconfigured),
        ("server_error", ErrorClass::Transient),
        ("slow_down", ErrorClass::Throttled),
        ("who", ErrorClass::ResponseUnusable),
    ] {
        let error = parse(&format!(r#"{{"error":"{code}"}}"#)).unwrap_err();
        assert_eq!((error.class(), error.oauth_code()), (class, Some(code)));
    }
    for (body, named) in [
        (r#"{"active":"true"}"#, "`active` of the response is not"),
        (r#"{"error":"","sub":"alice"}"#, "has no `active`"),
    ] {
        let error = parse(body).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
    // A response with `active` is no refusal.
    parse(r#"{"active":false,"error":"invalid_token"}"#).unwrap();
}

/// IN-05
#[test]
fn issuer_may_be_absent() {
    let caller = validated(&Token::new().without_claim("iss")).unwrap();
    assert_eq!(caller.issuer().as_str(), ISSUER);
}

/// IN-05
#[test]
fn thin_responses_need_permission() {
    let none = MissingMembers::default();
    for claim in ["aud", "exp", "sub", "iat", "jti", "client_id"] {
        let described = response_about(&Token::new().without_claim(claim));
        let refused = validated_by(&strict(), none, &described).unwrap_err();
        assert_eq!(refused, TokenError::MissingClaim(claim));
    }
    for claim in ["iat", "jti", "client_id"] {
        let described = response_about(&Token::new().without_claim(claim));
        validated_by(&lenient(), none, &described).expect(claim);
    }
    let thin = MissingMembers {
        audience: true,
        expiry: Some(Duration::from_secs(30)),
        ..none
    };
    let described = response_about(&Token::new().without_claim("aud").without_claim("exp"));
    let caller = validated_by(&strict(), thin, &described).unwrap();
    assert_eq!(caller.audience().collect::<Vec<_>>(), ["service-a"]);
    assert_eq!(caller.expires_at(), UnixTime::from_secs(NOW.as_secs() + 30));
    // Members that are present are checked.
    let elsewhere = response_about(&Token::new().claim("aud", r#""service-b""#));
    let refused = validated_by(&strict(), thin, &elsewhere).unwrap_err();
    assert_eq!(refused.code(), "wrong_audience");
    let expired = response_about(&Token::new().claim("exp", (NOW.as_secs() - 61).to_string()));
    let refused = validated_by(&strict(), thin, &expired).unwrap_err();
    assert_eq!(refused.code(), "expired");
    // The client replaces the audience here too.
    let by_client = Policy::builder(issuer())
        .audience("spa-2")
        .profile(Profile::LENIENT.allow_client_as_audience())
        .build()
        .unwrap();
    let described = response_about(&Token::new().without_claim("aud"));
    let refused = validated_by(&by_client, thin, &described).unwrap_err();
    assert_eq!(refused.code(), "wrong_audience");
}

/// IN-05, AT-11
#[test]
fn missing_subject_means_client_token() {
    let none = MissingMembers::default();
    let thin = MissingMembers {
        subject: true,
        ..none
    };
    let of_client = Token::new().without_claim("sub");
    let refused = validated_by(&strict(), none, &response_about(&of_client)).unwrap_err();
    assert_eq!(refused, TokenError::MissingClaim("sub"));
    let unmarked = builder()
        .profile(Profile::LENIENT.service_matchers([ClaimMatcher::is("kind", "machine")]))
        .build()
        .unwrap();
    for policy in [strict(), lenient(), unmarked] {
        let caller = validated_by(&policy, thin, &response_about(&of_client)).unwrap();
        assert_eq!(Some(caller.subject()), caller.client_id());
        assert_eq!(caller.kind(), PrincipalKind::Service);
        let user = validated_by(&policy, thin, &response_about(&Token::new())).unwrap();
        assert_eq!(
            (user.subject(), user.kind()),
            ("alice", PrincipalKind::User)
        );
    }
    // Not with an actor, not without any client, not with an invalid subject.
    for odd in [
        of_client.clone().claim("act", r#"{"sub":"service-b"}"#),
        of_client.clone().claim("username", r#""alice""#),
        of_client.without_claim("client_id"),
        Token::new().claim("sub", r#""""#),
    ] {
        validated_by(&lenient(), thin, &response_about(&odd)).unwrap_err();
    }
}

/// IN-05
#[test]
fn unread_client_and_scope_are_ignored() {
    let none = builder()
        .profile(Profile::LENIENT.client_from([]).scope_from([]))
        .build()
        .unwrap();
    let described = response_about(&Token::new().claim("scope", r#""orders:read""#));
    let caller = validated_by(&none, MissingMembers::default(), &described).unwrap();
    assert_eq!(caller.client_id(), None);
    assert_eq!(caller.scope(), &Scope::default());
    // Nor does the client replace the subject.
    let thin = MissingMembers {
        subject: true,
        ..MissingMembers::default()
    };
    let described = response_about(&Token::new().without_claim("sub"));
    let refused = validated_by(&none, thin, &described).unwrap_err();
    assert_eq!(refused, TokenError::MissingClaim("sub"));
    // A profile with other claims also reads those of RFC 7662.
    let other = builder()
        .profile(Profile::LENIENT.client_from(["cid"]))
        .build()
        .unwrap();
    let caller = validated_by(
        &other,
        MissingMembers::default(),
        &response_about(&Token::new()),
    )
    .unwrap();
    assert!(caller.client_id().is_some());
}

/// IN-05
#[test]
fn confirmation_is_of_same_issuer() {
    let confirm = |json: &str| strict().confirm(parse(json).unwrap());
    confirm(r#"{"active":true}"#).unwrap();
    confirm(&response_about(&Token::new())).unwrap();
    let other = confirm(r#"{"active":true,"iss":"https://other.example"}"#).unwrap_err();
    assert_eq!(other.code(), "unknown_issuer");
    confirm(r#"{"active":true,"sub":"a","sub":"a"}"#).unwrap_err();
    confirm(r#"{"active":true,"token_type":"refresh_token"}"#).unwrap_err();
}

/// IN-05: they were checked in the token itself.
#[test]
fn confirmation_ignores_other_members() {
    let confirm = |member: &str| {
        let described = format!(r#"{{"active":true,{member}}}"#);
        strict().confirm(parse(&described).unwrap())
    };
    for odd in [
        r#""aud":1"#,
        r#""aud":"service-b""#,
        r#""aud":null"#,
        r#""exp":"soon""#,
        r#""exp":1"#,
        r#""nbf":"2020-01-01T00:00:00Z""#,
        r#""iat":-1"#,
        r#""sub":null"#,
        r#""jti":5"#,
        r#""act":null"#,
        r#""scope":[]"#,
        r#""client_id":{"cnf":1,"a":1,"a":1}"#,
        r#""events":{}"#,
        r#""typ":"Bearer","token_use":"access""#,
        r#""iss":null,"cnf":null,"token_type":null,"token_use":null,"token_class":null,"typ":null"#,
    ] {
        confirm(odd).expect(odd);
    }
    for (member, code) in [
        (r#""iss":"https://other.example""#, "unknown_issuer"),
        (r#""c\u006ef":{}"#, "binding_not_checked"),
        (r#""token_type":"DPoP""#, "binding_not_checked"),
        (r#""token_type":"N_A""#, "not_an_access_token"),
        (r#""token_use":"refresh""#, "not_an_access_token"),
        (r#""token_class":"id""#, "not_an_access_token"),
        (r#""typ":"Refresh""#, "not_an_access_token"),
        (r#""typ":1"#, "invalid_claim"),
        (r#""typ":"Bearer","t\u0079p":"Bearer""#, "duplicate_member"),
        (r#""cnf":{"a":1,"a":1}"#, "duplicate_member"),
        (r#""aud":1,"aud":1"#, "duplicate_member"),
        (r#""cnf":null,"cnf":{}"#, "duplicate_member"),
    ] {
        assert_eq!(confirm(member).unwrap_err().code(), code, "{member}");
    }
}

/// IN-02, IN-03
#[test]
fn non_200_proves_nothing() {
    for (status, body, class, oauth) in [
        (
            400,
            r#"{"error":"unsupported_token_type"}"#,
            ErrorClass::ClientMisconfigured,
            Some("unsupported_token_type"),
        ),
        (
            400,
            r#"{"active":false}"#,
            ErrorClass::ClientMisconfigured,
            None,
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            ErrorClass::ClientMisconfigured,
            Some("invalid_client"),
        ),
        (403, "", ErrorClass::ClientMisconfigured, None),
        (
            404,
            r#"{"active":true}"#,
            ErrorClass::ResponseUnusable,
            None,
        ),
        (204, "", ErrorClass::ResponseUnusable, None),
        (302, "", ErrorClass::ResponseUnusable, None),
        (429, "", ErrorClass::Throttled, None),
        (500, r#"{"error":1}"#, ErrorClass::Transient, None),
        (503, "<html>", ErrorClass::Transient, None),
    ] {
        let response = Response::builder()
            .status(status)
            .header(header::RETRY_AFTER, "7")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        let error = introspection_refusal(&response, NOW);
        assert_eq!(
            (error.class(), error.oauth_code()),
            (class, oauth),
            "{status}"
        );
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(
            error.status().map(|described| described.as_u16()),
            Some(status)
        );
    }
}

fn unread(token: &str, issuer: &Issuer) -> Result<(), TokenError> {
    let token = BearerToken::parse(token).unwrap();
    UnverifiedJwt::check_unread(token, issuer, TokenError::Algorithm)
}

/// IN-05, JW-33, MT-03
#[test]
fn unreadable_token_claims_still_count() {
    let issuer = Issuer::new("https://idp.example").unwrap();
    let header = b64(br#"{"alg":"HS256","typ":"JWT"}"#);
    for (payload, code) in [
        (r#"{"typ":"Bearer","token_use":"access"}"#, None),
        (r#"{"a":{"cnf":1,"typ":"Refresh"}}"#, None),
        (r#"{"typ":"Refresh"}"#, Some("not_an_access_token")),
        (
            r#"{"typ":"rEFRESH","typ":"x"}"#,
            Some("not_an_access_token"),
        ),
        (
            r#"{"typ":"x","typ":"Refresh"}"#,
            Some("not_an_access_token"),
        ),
        (r#"{"t\u0079p":"\u0049D"}"#, Some("not_an_access_token")),
        (
            r#"{"act":null,"typ":"Offline"}"#,
            Some("not_an_access_token"),
        ),
        (r#"{"token_use":"refresh"}"#, Some("not_an_access_token")),
        (r#"{"token_use":["refresh"]}"#, Some("not_an_access_token")),
        (r#"{"typ":null}"#, Some("not_an_access_token")),
        (r#"{"token_use":null}"#, Some("not_an_access_token")),
        (r#"{"token_class":null}"#, None),
        (r#"{"token_type":null}"#, None),
        (r#"{"token_type":7}"#, Some("not_an_access_token")),
        (
            r#"{"token_class":null,"token_class":"refresh"}"#,
            Some("not_an_access_token"),
        ),
        (r#"{"events":{}}"#, Some("not_an_access_token")),
        (r#"{"cnf":{"jkt":"x"}}"#, Some("binding_not_checked")),
        (r#"{"cnf":null}"#, Some("binding_not_checked")),
        (
            r#"{"iss":"https://b","typ":"Refresh"}"#,
            Some("algorithm_not_allowed"),
        ),
    ] {
        let segment = b64(payload.as_bytes());
        for form in [
            format!("{header}.{segment}.AA"),
            format!("{header}.{segment}.AA.AA"),
            format!("{segment}.AA.AA.AA.AA"),
        ] {
            let refused = unread(&form, &issuer).err().map(|error| error.code());
            assert_eq!(refused, code, "{payload}");
        }
    }
}

/// IN-08
#[test]
fn other_named_issuer_is_rejected() {
    let issuer = Issuer::new("https://idp.example").unwrap();
    let may_be = |token: &str| match unread(token, &issuer) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, TokenError::Algorithm);
            false
        }
    };
    let own = r#"{"iss":"https://idp.example"}"#;
    for neither in [
        own,
        r#"{"iss":"https:\u002f/idp.example"}"#,
        "{}",
        "[]",
        "1",
        "x",
        r#"{"sub":"https://b"}"#,
        r#"{"iss":"https://b"}}"#,
    ] {
        let segment = b64(neither.as_bytes());
        assert!(may_be(&format!("{segment}.{segment}.AA")), "{neither}");
    }
    for other in [
        r#"{"iss":"https://b"}"#,
        r#"{"iss":"https://idp.example/"}"#,
        r#"{"iss":""}"#,
        r#"{"iss":null}"#,
        r#"{"iss":["https://idp.example"]}"#,
        r#"{"iss":"https://idp.example","iss":"https://b"}"#,
        r#"{"iss":"https://b","iss":"https://idp.example"}"#,
        r#"{"\u0069ss":"https://b","a":{"a":1,"a":1},"exp":"x"}"#,
    ] {
        let (own, other_segment) = (b64(own.as_bytes()), b64(other.as_bytes()));
        for form in [
            format!("{own}.{other_segment}.AA"),
            format!("{other_segment}.{own}.AA"),
            format!("{other_segment}.AA.AA.AA.AA"),
        ] {
            assert!(!may_be(&form), "{other}");
        }
    }
    for opaque in ["opaque", "a.b.c", "...", "AA"] {
        assert!(may_be(opaque), "{opaque}");
    }
}

#[test]
fn response_debug_hides_caller() {
    let response = parse(&response_about(&Token::new())).unwrap();
    assert!(!format!("{response:?}").contains("alice"));
}

/// IN-05
#[test]
fn unread_member_may_hold_any_number() {
    let confirm = |json: &str| strict().confirm(parse(json).unwrap());
    for number in [
        "180E0001800000000000",
        "-1e999",
        "1e-999",
        "123456789012345678901234567890",
    ] {
        let rest = format!(r#""big":{number},"deep":{{"a":[{number}]}}"#);
        confirm(&format!(r#"{{{rest},"active":true}}"#)).unwrap();
    }
    // The members that matter are read completely, as in a JWT.
    let token = Token::new().claim("big", "1e999");
    assert_eq!(
        validated(&token).unwrap_err(),
        TokenError::Malformed("payload")
    );
    assert_eq!(
        verdict(&token.mint()).unwrap_err(),
        TokenError::Malformed("payload")
    );
}

/// IN-03
#[test]
fn byte_order_mark_is_named() {
    let error = parse("\u{feff}{\"active\":true}").unwrap_err();
    assert!(error.to_string().contains("byte-order mark"), "{error}");
}
