//! Logout tokens: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.

use obo_core::Policy;
use obo_core::event::{EventError, Logout};
use obo_core::fleet::Revoked;

use crate::events::{at, keeps_common_rules, token, verdict};
use crate::token::Token;
use crate::validate::{NOW, issuer};

const EVENTS: &str = r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#;

fn logout() -> Token {
    token("logout+jwt", EVENTS).claim("sub", r#""alice""#)
}

fn read(token: &Token) -> Result<Logout, EventError> {
    verdict(Policy::verify_logout_token, token)
}

fn code(token: &Token) -> &'static str {
    read(token).unwrap_err().code()
}

#[test]
fn subject_ends_all_sessions() {
    let read = read(&logout().claim("iat", at(-5))).unwrap();
    assert_eq!(read.issuer, issuer());
    assert_eq!(read.jti, "t-1");
    assert_eq!(read.of, Revoked::Subject("alice".into()));
    assert_eq!(read.until.as_secs(), NOW.as_secs() - 5);
}

#[test]
fn session_ends_alone() {
    let session = Revoked::Session("s-1".into());
    let both = logout().claim("sid", r#""s-1""#);
    assert_eq!(read(&both).unwrap().of, session);
    let alone = both.without_claim("sub");
    assert_eq!(read(&alone).unwrap().of, session);
}

#[test]
fn logout_names_user_or_session() {
    let neither = logout().without_claim("sub");
    assert_eq!(code(&neither), "no_subject");
    // A malformed `sid` must not end all sessions, and a malformed `sub` not pass for absent.
    for (claim, json) in [
        ("sid", r#""""#),
        ("sid", "null"),
        ("sid", "7"),
        ("sub", r#""""#),
        ("sub", "null"),
        ("sub", r#"["alice"]"#),
    ] {
        assert_eq!(
            code(&logout().claim(claim, json)),
            "invalid_claim",
            "{claim} {json}"
        );
    }
}

#[test]
fn logout_token_keeps_common_rules() {
    keeps_common_rules(Policy::verify_logout_token, &logout());
}

/// JW-31
#[test]
fn logout_type_is_required() {
    for typ in [
        "logout+jwt",
        "application/logout+jwt",
        "Logout+JWT",
        "JWT",
        "jwt",
    ] {
        read(&logout().header("typ", &format!("\"{typ}\""))).unwrap();
    }
    read(&logout().without_header("typ")).unwrap();
    // Some servers repeat it as a claim.
    read(&logout().claim("typ", r#""Logout""#)).unwrap();
    for typ in [
        "at+jwt",
        "secevent+jwt",
        "logout",
        "token-introspection+jwt",
    ] {
        let other = logout().header("typ", &format!("\"{typ}\""));
        assert_eq!(code(&other), "wrong_type", "{typ}");
    }
}

#[test]
fn nonce_is_refused() {
    for json in [r#""n""#, "null", r#""""#] {
        assert_eq!(code(&logout().claim("nonce", json)), "nonce", "{json}");
    }
}

#[test]
fn logout_event_is_required() {
    for (events, expected) in [
        ("{}", "other_event"),
        (
            r#"{"https://schemas.openid.net/event/backchannel-logout":{}}"#,
            "other_event",
        ),
        (
            r#"{"http://schemas.openid.net/event/backchannel-logout":true}"#,
            "invalid_claim",
        ),
        (
            r#"{"http://schemas.openid.net/event/backchannel-logout":[]}"#,
            "invalid_claim",
        ),
        (
            r#"{"http://schemas.openid.net/event/backchannel-logout":null}"#,
            "invalid_claim",
        ),
        (
            r#"{"http://schemas.openid.net/event/backchannel-logout":{},
                "http://schemas.openid.net/event/backchannel-logout":{}}"#,
            "duplicate_member",
        ),
        (
            r#"{"http://schemas.openid.net/event/backchannel-logout":{"a":1,"a":2}}"#,
            "duplicate_member",
        ),
    ] {
        assert_eq!(
            code(&logout().claim("events", events)),
            expected,
            "{events}"
        );
    }
    let more = r#"{"x":{},"http://schemas.openid.net/event/backchannel-logout" : {"y":1} }"#;
    read(&logout().claim("events", more)).unwrap();
}

#[test]
fn logout_without_expiry_ages() {
    read(&logout().claim("iat", at(-659))).unwrap();
    assert_eq!(code(&logout().claim("iat", at(-660))), "too_old");
    let dated = logout().claim("iat", at(-3600)).claim("exp", at(60));
    read(&dated).unwrap();
}

#[test]
fn logout_errors_show_no_token() {
    let names = logout().claim("aud", r#""secret-audience""#);
    let error = read(&names).unwrap_err();
    assert!(error.to_string().contains("secret-audience"));
    assert_eq!(
        error.description(),
        "the token is addressed to another audience"
    );
}
