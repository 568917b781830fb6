//! What an introspection response must look like, and which members are read.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use obo_core::{
    BearerToken, ErrorClass, IntrospectionResponse, MissingMembers, PrincipalKind, TokenError,
    TokenRequest, introspection_refusal,
};

use crate::introspection::{facts, parse, response_about, validated, validated_by};
use crate::token::Token;
use crate::validate::{ISSUER, NOW, lenient, strict, verdict};

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
