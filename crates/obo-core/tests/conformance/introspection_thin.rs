//! Introspection responses that lack members, and those about a JWT that was verified.

use std::time::Duration;

use obo_core::{
    BearerToken, ClaimMatcher, Issuer, MissingMembers, Policy, PrincipalKind, Profile, Scope,
    TokenError, UnixTime, UnverifiedJwt,
};

use crate::introspection::{parse, response_about, validated, validated_by};
use crate::signer::b64;
use crate::token::Token;
use crate::validate::{ISSUER, NOW, builder, issuer, lenient, strict};

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

pub(crate) fn unread(token: &str, issuer: &Issuer) -> Result<(), TokenError> {
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
