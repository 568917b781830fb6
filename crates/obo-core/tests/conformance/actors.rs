//! The actor claim: RFC 8693 section 4.

use obo_core::{ActorId, Caller, Profile, TokenError};

use crate::token::Token;
use crate::validate::{
    ISSUER, NOW, builder, lenient_verdict, published, refusal, validate, verdict,
};

fn with_act(act: &str) -> Result<Caller, TokenError> {
    verdict(&Token::new().claim("act", act).mint())
}

fn chain(depth: usize) -> String {
    let opened: String = (0..depth)
        .map(|i| format!(r#"{{"sub":"s{i}","act":"#))
        .collect();
    let opened = opened.trim_end_matches(r#","act":"#);
    format!("{opened}{}", "}".repeat(depth))
}

/// What an allow-list sees: only the outermost actor.
fn allows(trusted: &str, validated: &Caller) -> bool {
    validated
        .current_actor()
        .is_some_and(|actor| *actor.id() == ActorId::new(ISSUER, trusted))
}

/// TX-24
#[test]
fn only_outermost_actor_is_current() {
    let trusted_inside = with_act(r#"{"sub":"evil","act":{"sub":"trusted"}}"#).unwrap();
    assert!(!allows("trusted", &trusted_inside));
    let trusted_outside = with_act(r#"{"sub":"trusted","act":{"sub":"evil"}}"#).unwrap();
    assert!(allows("trusted", &trusted_outside));
    // The nested object may come before the members of the outer one.
    let reordered = with_act(r#"{"act":{"sub":"trusted"},"sub":"evil"}"#).unwrap();
    assert!(!allows("trusted", &reordered) && allows("evil", &reordered));
    assert_eq!(reordered.prior_actors().len(), 1);
}

/// TX-25
#[test]
fn prior_actors_are_audit_text() {
    let validated = with_act(&chain(3)).unwrap();
    let prior: Vec<&str> = validated.prior_actors().audit().collect();
    assert_eq!(prior, ["s1", "s2"]);
    assert!(!validated.prior_actors().is_empty());
    let current = validated.current_actor().unwrap();
    assert_eq!(current.subject(), "s0");
    assert_eq!(
        (current.id().issuer(), current.id().subject()),
        (ISSUER, "s0")
    );
    let direct = verdict(&Token::new().mint()).unwrap();
    assert!(direct.current_actor().is_none() && direct.prior_actors().is_empty());
}

/// TX-26
#[test]
fn malformed_act_is_not_absent() {
    for bad in [
        "null",
        "\"service-b\"",
        "1",
        "true",
        "[]",
        r#"[{"sub":"a"}]"#,
        "{}",
        r#"{"iss":"https://idp.example/t"}"#,
        r#"{"client_id":"b"}"#,
        r#"{"sub":""}"#,
        r#"{"sub":null}"#,
        r#"{"sub":1}"#,
        r#"{"sub":["a"]}"#,
        r#"{"Sub":"a"}"#,
        r#"{"sub":"a","iss":1}"#,
        r#"{"sub":"a","iss":null}"#,
        r#"{"sub":"a","iss":""}"#,
        r#"{"sub":"a","client_id":1}"#,
        r#"{"sub":"a","client_id":""}"#,
        r#"{"sub":"a","act":null}"#,
        r#"{"sub":"a","act":"b"}"#,
        r#"{"sub":"a","act":[]}"#,
        r#"{"sub":"a","act":{}}"#,
        r#"{"sub":"a","act":{"sub":""}}"#,
        r#"{"sub":"a","act":{"sub":"b","iss":1}}"#,
        r#"{"sub":"a","act":{"sub":"b","act":{}}}"#,
    ] {
        let token = Token::new().claim("act", bad).mint();
        assert_eq!(refusal(&token), TokenError::InvalidClaim("act"), "{bad}");
        assert_eq!(
            lenient_verdict(&token).unwrap_err(),
            TokenError::InvalidClaim("act"),
            "{bad}"
        );
    }
}

/// TX-27
#[test]
fn actors_are_limited_to_sixteen() {
    assert_eq!(with_act(&chain(16)).unwrap().prior_actors().len(), 15);
    for depth in [17, 18, 100, 400] {
        let error = with_act(&chain(depth)).unwrap_err();
        assert_eq!(error, TokenError::ActorDepth { limit: 16 }, "{depth}");
    }
    // 10,000 of the shortest nested actors: the token's length limit stops them before parsing.
    let deep = r#"{"act":"#.repeat(10_000);
    assert_eq!(
        with_act(&deep).unwrap_err(),
        TokenError::TooLong { limit: 16 * 1024 }
    );
}

/// TX-28
#[test]
fn actor_is_subject_within_issuer() {
    let id = |act: &str| {
        let validated = with_act(act).unwrap();
        validated.current_actor().unwrap().id().clone()
    };
    let bare = id(r#"{"sub":"b"}"#);
    assert_eq!(bare, ActorId::new(ISSUER, "b"));
    assert_eq!(bare, id(r#"{"sub":"b","iss":"https://idp.example/t"}"#));
    for other in [
        r#"{"sub":"b","iss":"https://other.example"}"#,
        r#"{"sub":"b","iss":"https://idp.example/t/"}"#,
        r#"{"sub":"B"}"#,
    ] {
        assert_ne!(bare, id(other), "{other}");
    }
}

/// TX-29
#[test]
fn times_inside_act_are_ignored() {
    for more in [
        r#""exp":1"#,
        r#""nbf":9000000000"#,
        r#""aud":"service-z""#,
        r#""exp":"garbage","aud":7"#,
    ] {
        let validated = with_act(&format!(r#"{{"sub":"b",{more}}}"#)).expect(more);
        assert_eq!(validated.current_actor().unwrap().subject(), "b");
    }
    // Nor do they replace the token's own.
    let token = Token::new()
        .without_claim("exp")
        .claim("act", r#"{"sub":"b","exp":1800000300}"#);
    assert_eq!(refusal(&token.mint()), TokenError::MissingClaim("exp"));
}

/// TX-33
#[test]
fn client_is_not_the_actor() {
    let token = Token::new()
        .claim("client_id", "\"service-b\"")
        .claim("azp", "\"service-b\"");
    let validated = verdict(&token.mint()).unwrap();
    assert_eq!(validated.client_id(), Some("service-b"));
    assert!(validated.current_actor().is_none());
    let acting = verdict(&token.claim("act", r#"{"sub":"c"}"#).mint()).unwrap();
    assert_eq!(acting.current_actor().unwrap().subject(), "c");
    assert_eq!(acting.current_actor().unwrap().client_id(), None);
    let named = with_act(r#"{"sub":"c","client_id":"cc"}"#).unwrap();
    assert_eq!(named.current_actor().unwrap().client_id(), Some("cc"));
}

/// TX-36
#[test]
fn may_act_is_not_an_actor() {
    for may_act in [r#"{"sub":"b"}"#, r#"{"sub":"b","iss":"x"}"#, "\"b\"", "[]"] {
        let validated = verdict(&Token::new().claim("may_act", may_act).mint()).expect(may_act);
        assert!(validated.current_actor().is_none());
        assert!(validated.prior_actors().is_empty());
    }
    let nested = with_act(r#"{"sub":"b","may_act":{"sub":"c"}}"#).unwrap();
    assert_eq!(nested.current_actor().unwrap().subject(), "b");
    assert!(nested.prior_actors().is_empty());
}

/// TX-28
#[test]
fn actor_without_subject_is_a_setting() {
    let policy = builder()
        .profile(Profile::LENIENT.allow_actor_without_subject())
        .build()
        .unwrap();
    let validated = |act: &str| {
        let token = Token::new().claim("act", act).mint();
        validate(&policy, &published(), &token, NOW)
    };
    let caller =
        validated(r#"{"client_id":"b","iss":"https://o","act":{"client_id":"c"}}"#).unwrap();
    let actor = caller.current_actor().unwrap();
    assert_eq!(*actor.id(), ActorId::new("https://o", "b"));
    assert_eq!(actor.client_id(), Some("b"));
    assert_eq!(caller.prior_actors().audit().collect::<Vec<_>>(), ["c"]);
    let own = validated(r#"{"client_id":"b"}"#).unwrap();
    assert_eq!(
        *own.current_actor().unwrap().id(),
        ActorId::new(ISSUER, "b")
    );
    let named = validated(r#"{"client_id":"b","sub":"s"}"#).unwrap();
    assert_eq!(named.current_actor().unwrap().subject(), "s");
    for bad in [
        "{}",
        r#"{"iss":"https://o"}"#,
        r#"{"sub":"","client_id":"b"}"#,
        r#"{"client_id":""}"#,
        r#"{"client_id":"b","act":{}}"#,
    ] {
        assert_eq!(
            validated(bad).unwrap_err(),
            TokenError::InvalidClaim("act"),
            "{bad}"
        );
    }
    // One actor deep inside counts too.
    let nested = with_act(r#"{"sub":"b","act":{"client_id":"c"}}"#).unwrap_err();
    assert_eq!(nested, TokenError::InvalidClaim("act"));
    assert!(nested.to_string().contains("allow_actor_without_subject"));
}
