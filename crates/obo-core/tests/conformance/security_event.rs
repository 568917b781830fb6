//! Security event tokens: RFC 8417 and RFC 9493, with the events of CAEP and RISC.

use obo_core::Policy;
use obo_core::event::{EventError, Logout};
use obo_core::fleet::Revoked;

use crate::events::{at, keeps_common_rules, token, verdict};
use crate::token::Token;
use crate::validate::{ISSUER, NOW, issuer};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";

/// A token with one CAEP event with these members, about alice.
fn caep(event: &str, members: &str) -> Token {
    about(&format!(r#"{{"{CAEP}/{event}":{{{members}}}}}"#))
}

fn about(events: &str) -> Token {
    token("secevent+jwt", events).claim("sub_id", iss_sub("alice"))
}

fn iss_sub(sub: &str) -> String {
    format!(r#"{{"format":"iss_sub","iss":"{ISSUER}","sub":"{sub}"}}"#)
}

/// A complex subject of these members.
fn complex(members: &str) -> String {
    format!(r#"{{"format":"complex",{members}}}"#)
}

fn user_and_session() -> String {
    let session = r#"{"format":"opaque","id":"s-1"}"#;
    complex(&format!(
        r#""user":{},"session":{session}"#,
        iss_sub("alice")
    ))
}

fn read(token: &Token) -> Result<Option<Logout>, EventError> {
    verdict(Policy::verify_security_event, token)
}

fn revoked(token: &Token) -> Revoked {
    read(token).unwrap().unwrap().of
}

fn code(token: &Token) -> &'static str {
    read(token).unwrap_err().code()
}

fn alice() -> Revoked {
    Revoked::Subject("alice".into())
}

fn session() -> Revoked {
    Revoked::Session("s-1".into())
}

#[test]
fn event_revokes_tokens_of_user() {
    let revoked = read(&caep("session-revoked", "").claim("iat", at(-5)));
    let revoked = revoked.unwrap().unwrap();
    assert_eq!(revoked.issuer, issuer());
    assert_eq!(revoked.jti, "t-1");
    assert_eq!(revoked.of, alice());
    assert_eq!(revoked.until.as_secs(), NOW.as_secs() - 5);
}

#[test]
fn security_event_keeps_common_rules() {
    let good = caep("session-revoked", "");
    keeps_common_rules(Policy::verify_security_event, &good);
    // It is not bound to a time, because senders repeat it for days.
    read(&good.claim("iat", "1")).unwrap();
}

/// JW-31
#[test]
fn security_event_type_is_required() {
    let event = || caep("session-revoked", "");
    for typ in ["secevent+jwt", "application/SecEvent+jwt"] {
        read(&event().header("typ", &format!("\"{typ}\""))).unwrap();
    }
    for typ in ["JWT", "at+jwt", "logout+jwt", "secevent"] {
        let other = event().header("typ", &format!("\"{typ}\""));
        assert_eq!(code(&other), "wrong_type", "{typ}");
    }
    assert_eq!(code(&event().without_header("typ")), "wrong_type");
}

#[test]
fn only_revoked_session_is_narrow() {
    let of = |event: &str| revoked(&about(event).claim("sub_id", user_and_session()));
    assert_eq!(
        of(&format!(r#"{{"{CAEP}/session-revoked":{{}}}}"#)),
        session()
    );
    for event in [
        format!("{CAEP}/credential-change"),
        format!("{CAEP}/token-claims-change"),
        format!("{RISC}/sessions-revoked"),
        format!("{RISC}/account-disabled"),
        format!("{RISC}/account-purged"),
    ] {
        let events = format!(r#"{{"{event}":{{}}}}"#);
        assert_eq!(of(&events), alice(), "{event}");
    }
}

/// RFC 9493
#[test]
fn each_subject_format_is_read() {
    let opaque = r#"{"format":"opaque","id":"alice"}"#;
    let only_session = r#""session":{"format":"opaque","id":"s-1"}"#;
    let with_tenant = format!(
        r#""tenant":{{"format":"opaque","id":"t"}},"user":{}"#,
        iss_sub("alice")
    );
    for (subject, expected) in [
        (opaque.to_owned(), alice()),
        (complex(only_session), session()),
        (complex(&format!(r#""user":{opaque}"#)), alice()),
        (complex(&with_tenant), alice()),
        (user_and_session(), session()),
        (format!("{{{only_session}}}"), session()),
    ] {
        let event = caep("session-revoked", "").claim("sub_id", &*subject);
        assert_eq!(revoked(&event), expected, "{subject}");
    }
    let session = caep("credential-change", "").claim("sub_id", complex(only_session));
    assert_eq!(revoked(&session), self::session());
}

#[test]
fn older_drafts_have_subject_in_event() {
    let subject = format!(r#""subject":{}"#, user_and_session());
    let older = caep("session-revoked", &subject).without_claim("sub_id");
    assert_eq!(revoked(&older), session());
    // The subject of the token comes first.
    assert_eq!(revoked(&caep("session-revoked", &subject)), alice());
}

#[test]
fn subject_is_required() {
    let event = || caep("session-revoked", "");
    assert_eq!(code(&event().without_claim("sub_id")), "no_subject");
    let only_sub = event().without_claim("sub_id").claim("sub", r#""alice""#);
    assert_eq!(code(&only_sub), "no_subject");
    for (subject, expected) in [
        (
            complex(r#""tenant":{"format":"opaque","id":"t"}"#),
            "no_subject",
        ),
        (
            r#"{"format":"email","email":"a@b.example"}"#.to_owned(),
            "subject_format",
        ),
        (
            complex(r#""user":{"format":"email","email":"a@b.example"}"#),
            "subject_format",
        ),
        (
            complex(r#""session":{"format":"iss_sub","iss":"x","sub":"y"}"#),
            "subject_format",
        ),
        (
            r#"{"format":"iss_sub","iss":"https://other.example","sub":"alice"}"#.to_owned(),
            "foreign_subject",
        ),
        (
            format!(r#"{{"format":"iss_sub","iss":"{ISSUER}"}}"#),
            "invalid_claim",
        ),
        (
            format!(r#"{{"format":"iss_sub","iss":"{ISSUER}","sub":""}}"#),
            "invalid_claim",
        ),
        (
            r#"{"format":"opaque","sub":"alice"}"#.to_owned(),
            "invalid_claim",
        ),
        (r#"{"format":7,"id":"alice"}"#.to_owned(), "invalid_claim"),
        (r#"{"id":"alice"}"#.to_owned(), "invalid_claim"),
        (complex(r#""session":"s-1""#), "invalid_claim"),
        (r#""alice""#.to_owned(), "invalid_claim"),
        ("[]".to_owned(), "invalid_claim"),
        (
            r#"{"format":"opaque","id":"alice","id":"bob"}"#.to_owned(),
            "duplicate_member",
        ),
    ] {
        let wrong = event().claim("sub_id", &*subject);
        assert_eq!(code(&wrong), expected, "{subject}");
    }
}

#[test]
fn event_timestamp_dates_revocation() {
    let until = |members: &str| {
        let event = caep("session-revoked", members).claim("iat", at(-30));
        let logout = read(&event).unwrap().unwrap();
        logout.until.as_secs().to_string()
    };
    assert_eq!(until(""), at(-30));
    for (timestamp, expected) in [
        (at(-3600), at(-3600)),
        (at(-10), at(-10)),
        (at(3600), at(0)),
        // In milliseconds.
        (format!("{}000", at(-3600)), at(0)),
    ] {
        let members = format!(r#""event_timestamp":{timestamp}"#);
        assert_eq!(until(&members), expected, "{timestamp}");
    }
    for json in [r#""1800000000""#, "-1", "[]", "true"] {
        let event = caep("session-revoked", &format!(r#""event_timestamp":{json}"#));
        assert_eq!(code(&event), "invalid_claim", "{json}");
    }
}

#[test]
fn other_events_revoke_nothing() {
    for events in [
        r#"{"https://schemas.openid.net/secevent/ssf/event-type/verification":{"state":"x"}}"#,
        r#"{"https://schemas.openid.net/secevent/caep/event-type/assurance-level-change":{}}"#,
        r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#,
        r#"{"x":{}}"#,
    ] {
        assert_eq!(read(&about(events)).unwrap(), None, "{events}");
        let without = about(events).without_claim("sub_id");
        assert_eq!(read(&without).unwrap(), None, "{events}");
    }
}

#[test]
fn events_are_objects() {
    for events in [
        "{}".to_owned(),
        r#"{"x":true}"#.to_owned(),
        format!(r#"{{"{CAEP}/session-revoked":[]}}"#),
        format!(r#"{{"{CAEP}/session-revoked":{{}},"x":null}}"#),
    ] {
        assert_eq!(code(&about(&events)), "invalid_claim", "{events}");
    }
}

#[test]
fn several_events_are_about_one_subject() {
    let both = |first: &str, second: &str| {
        format!(
            r#"{{"{CAEP}/session-revoked":{{{first}}},"{CAEP}/credential-change":{{{second}}}}}"#
        )
    };
    let late = format!(r#""event_timestamp":{}"#, at(-10));
    let early = format!(r#""event_timestamp":{}"#, at(-50));
    let events = both(&late, &early);
    let event = about(&events).claim("sub_id", user_and_session());
    let logout = read(&event).unwrap().unwrap();
    assert_eq!(logout.of, alice());
    assert_eq!(logout.until.as_secs().to_string(), at(-10));

    let of = |sub| format!(r#""subject":{}"#, iss_sub(sub));
    let two = about(&both(&of("alice"), &of("bob"))).without_claim("sub_id");
    assert_eq!(code(&two), "invalid_claim");
}
