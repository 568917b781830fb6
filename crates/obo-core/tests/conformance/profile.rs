//! The settings of a profile: where scope, client, roles and kind are, and what a token must have.

use obo_core::{
    Caller, ClaimMatcher, Policy, PrincipalKind, Profile, Scope, ScopeClaim, TokenError, TokenTyp,
};

use crate::token::Token;
use crate::validate::{NOW, builder, lenient_verdict, published, refusal, validate, verdict};

fn under(profile: Profile, token: &Token) -> Result<Caller, TokenError> {
    let policy: Policy = builder().profile(profile).build().unwrap();
    validate(&policy, &published(), &token.mint(), NOW)
}

fn scope(values: &[&str]) -> Scope {
    Scope::new(values).unwrap()
}

#[test]
fn profiles_have_names() {
    assert_eq!(Profile::named("rfc9068"), Ok(Profile::RFC9068));
    assert_eq!(Profile::named("lenient"), Ok(Profile::LENIENT));
    for name in Profile::names() {
        assert!(Profile::named(name).is_ok(), "{name}");
    }
    for unknown in ["", "Lenient", "rfc9068 ", "any", "none"] {
        let error = Profile::named(unknown).unwrap_err();
        assert!(error.problem().contains("rfc9068, "), "{error}");
    }
}

/// TX-34
#[test]
fn scope_array_needs_the_profile() {
    let array = Token::new().claim("scope", r#"["b","a"]"#);
    assert_eq!(refusal(&array.mint()), TokenError::InvalidClaim("scope"));
    let lenient = lenient_verdict(&array.mint()).unwrap_err();
    assert_eq!(lenient, TokenError::InvalidClaim("scope"));
    let arrays = Profile::LENIENT.scope_from([ScopeClaim::array("scope")]);
    let caller = under(arrays.clone(), &array).unwrap();
    assert_eq!(caller.scope(), &scope(&["a", "b"]));
    let text = Token::new().claim("scope", "\"a b\"");
    let refused = under(arrays, &text).unwrap_err();
    assert_eq!(refused, TokenError::InvalidClaim("scope"));
    let either =
        Profile::LENIENT.scope_from([ScopeClaim::text("scope"), ScopeClaim::array("scope")]);
    for token in [array, text] {
        let caller = under(either.clone(), &token).unwrap();
        assert_eq!(caller.scope(), &scope(&["a", "b"]));
    }
}

/// TX-34, OT-01
#[test]
fn first_present_claim_is_scope() {
    let profile =
        Profile::LENIENT.scope_from([ScopeClaim::text("scope"), ScopeClaim::array("scp")]);
    let both = Token::new()
        .claim("scope", "\"a\"")
        .claim("scp", r#"["b"]"#);
    let granted =
        |token: &Token| under(profile.clone(), token).map(|caller| caller.scope().clone());
    assert_eq!(granted(&both), Ok(scope(&["a"])));
    assert_eq!(
        granted(&both.clone().without_claim("scope")),
        Ok(scope(&["b"]))
    );
    assert_eq!(granted(&Token::new()), Ok(scope(&[])));
    assert_eq!(granted(&both.claim("scope", "\"\"")), Ok(scope(&[])));
    let odd = Token::new().claim("scope", "7").claim("scp", r#"["b"]"#);
    assert_eq!(granted(&odd), Err(TokenError::InvalidClaim("scope")));
    let odd = Token::new().claim("scp", "\"b\"");
    assert_eq!(granted(&odd), Err(TokenError::InvalidClaim("scp")));
}

/// OT-01: a claim that the profile does not read may have any form and grants nothing.
#[test]
fn other_product_claims_are_ignored() {
    let token = Token::new()
        .claim("scp", r#"["admin"]"#)
        .claim("azp", "7")
        .claim("appid", "\"x\"")
        .claim("cid", "[]")
        .claim("idtyp", "\"app\"")
        .claim("tid", "{}");
    let caller = verdict(&token.mint()).unwrap();
    assert!(caller.scope().is_empty());
    assert_eq!(caller.client_id(), Some("spa"));
    assert_eq!(caller.kind(), PrincipalKind::User);
}

/// OT-01
#[test]
fn first_present_claim_is_client() {
    let profile = Profile::LENIENT.client_from(["azp", "cid"]);
    let client = |token: &Token| {
        let caller = under(profile.clone(), token)?;
        Ok(caller.client_id().map(str::to_owned))
    };
    assert_eq!(client(&Token::new()), Ok(None));
    let both = Token::new()
        .claim("azp", "\"\\u0061\"")
        .claim("cid", "\"c\"");
    assert_eq!(client(&both), Ok(Some("a".into())));
    assert_eq!(client(&both.without_claim("azp")), Ok(Some("c".into())));
    for odd in ["\"\"", "null", "1", "[\"a\"]"] {
        let token = Token::new().claim("azp", odd).claim("cid", "\"c\"");
        assert_eq!(
            client(&token),
            Err(TokenError::InvalidClaim("azp")),
            "{odd}"
        );
    }
    let required = under(profile.clone().require_client(), &Token::new());
    assert_eq!(required.unwrap_err(), TokenError::MissingClaim("azp"));
}

/// AT-02
#[test]
fn profile_requires_claims_and_values() {
    let profile = Profile::LENIENT
        .require_claim("uti")
        .require_match(ClaimMatcher::is("tenant", "corp".to_owned()));
    let token = Token::new().claim("uti", "1").claim("tenant", "\"corp\"");
    under(profile.clone(), &token).unwrap();
    for missing in ["uti", "tenant"] {
        let token = token.clone().without_claim(missing);
        let refused = under(profile.clone(), &token).unwrap_err();
        assert_eq!(refused, TokenError::MissingClaim(missing));
        let refused = under(profile.clone(), &token.claim(missing, "null")).unwrap_err();
        assert_eq!(refused, TokenError::MissingClaim(missing));
    }
    for other in ["\"Corp\"", "\"corp \"", "\"\"", "[\"corp\"]", "{}", "1"] {
        let refused = under(profile.clone(), &token.clone().claim("tenant", other));
        let expected = TokenError::UnexpectedClaim("tenant");
        assert_eq!(refused.unwrap_err(), expected, "{other}");
    }
}

/// JW-12
#[test]
fn profile_claims_occur_once() {
    let profile = Profile::LENIENT.client_from(["azp"]);
    for (claim, first, second) in [
        ("azp", "\"a\"", "\"b\""),
        ("a\\u007ap", "\"a\"", "\"b\""),
        ("scp", "[]", "[]"),
        ("tid", "1", "1"),
        ("roles", "[]", "[\"x\"]"),
    ] {
        let plain = claim.replace("\\u007a", "z");
        let token = Token::new()
            .claim(&plain, first)
            .second_claim(claim, second);
        let refused = under(profile.clone(), &token).unwrap_err();
        assert_eq!(refused, TokenError::DuplicateMember("payload"), "{claim}");
    }
    let inside = Token::new().claim("roles", r#"[{"value":"a","value":"b"}]"#);
    assert_eq!(
        refusal(&inside.mint()),
        TokenError::DuplicateMember("payload")
    );
    let escaped = Token::new().claim("\\u0061zp", "\"a\"");
    let caller = under(profile, &escaped).unwrap();
    assert_eq!(caller.client_id(), Some("a"));
}

/// AT-10
#[test]
fn roles_are_strings_or_scim_values() {
    let token = Token::new()
        .claim("roles", r#"["buyer",{"value":"auditor","primary":true}]"#)
        .claim(
            "groups",
            r#"[{"value":"e9e30dba","display":"Tour Guides","$ref":"https://x/Groups/e9e30dba"}]"#,
        )
        .claim("entitlements", r#""reports""#);
    for validated in [verdict(&token.mint()), lenient_verdict(&token.mint())] {
        let caller = validated.unwrap();
        assert!(caller.roles().eq(["buyer", "auditor"]));
        assert!(caller.groups().eq(["e9e30dba"]));
        assert!(caller.entitlements().eq(["reports"]));
    }
    let none = verdict(&Token::new().mint()).unwrap();
    assert_eq!(
        none.roles()
            .chain(none.groups())
            .chain(none.entitlements())
            .count(),
        0
    );
}

/// AT-10
#[test]
fn odd_group_does_not_fail_token() {
    for rich in [
        "null",
        "7",
        "{}",
        "[[],[[\"root\"]]]",
        r#"[{"value":{"value":"root"}}]"#,
        r#"[{"display":"root"},null,1.5,true]"#,
        r#"["a\u0000root"]"#,
    ] {
        let token = Token::new().claim("groups", rich).claim("roles", rich);
        let caller = verdict(&token.mint()).expect(rich);
        assert_eq!(caller.groups().chain(caller.roles()).count(), 0, "{rich}");
    }
}

/// AT-11
#[test]
fn prefixed_client_is_a_service() {
    let kind = |sub: &str, client: &str| {
        let token = Token::new().claim("sub", format!("{sub:?}"));
        let token = token.claim("client_id", format!("{client:?}"));
        under(Profile::LENIENT, &token).unwrap().kind()
    };
    for (sub, client) in [("a", "a"), ("client:a", "a"), ("client:a", "client:a")] {
        assert_eq!(kind(sub, client), PrincipalKind::Service, "{sub}");
    }
    for (sub, client) in [
        ("client:a", "b"),
        ("client:", "a"),
        ("Client:a", "a"),
        ("client:client:a", "a"),
        ("a", "client:a"),
        ("user:a", "a"),
    ] {
        assert_eq!(kind(sub, client), PrincipalKind::User, "{sub}");
    }
}

/// TX-34
#[test]
fn one_setting_reads_either_scope() {
    for (profile, claim) in [
        (Profile::LENIENT, "scope"),
        (
            Profile::LENIENT.scope_from([ScopeClaim::array("scp")]),
            "scp",
        ),
        (
            Profile::LENIENT.scope_from([ScopeClaim::text("scp")]),
            "scp",
        ),
    ] {
        let profile = profile.allow_scope_text_or_array();
        for json in [r#""b a""#, r#"["b","a"]"#] {
            let caller = under(profile.clone(), &Token::new().claim(claim, json)).unwrap();
            assert_eq!(caller.scope(), &Scope::new(["a", "b"]).unwrap(), "{json}");
        }
        let refused = under(profile, &Token::new().claim(claim, r#"["a b"]"#));
        assert_eq!(refused.unwrap_err().code(), "invalid_claim");
    }
}

/// AT-11
#[test]
fn profile_defines_a_service() {
    let kind = |profile: &Profile, token: &Token| under(profile.clone(), token).unwrap().kind();
    let by_client = Profile::LENIENT.client_from(["cid"]);
    let own = Token::new().claim("cid", "\"alice\"");
    assert_eq!(kind(&by_client, &own), PrincipalKind::Service);
    let by_claim = Profile::LENIENT.service_matchers([
        ClaimMatcher::is("idtyp", "app"),
        ClaimMatcher::absent("scp"),
    ]);
    let user = Token::new().claim("scp", "\"a\"");
    assert_eq!(kind(&by_claim, &user), PrincipalKind::User);
    let app = user.clone().claim("idtyp", "\"app\"");
    assert_eq!(kind(&by_claim, &app), PrincipalKind::Service);
    assert_eq!(kind(&by_claim, &Token::new()), PrincipalKind::Service);
    let by_name = Profile::LENIENT.service_matchers([
        ClaimMatcher::starts_with("name", "service-"),
        ClaimMatcher::ends_with("sub", "@clients"),
    ]);
    assert_eq!(kind(&by_name, &user), PrincipalKind::User);
    let named = user.clone().claim("name", "\"service-b\"");
    assert_eq!(kind(&by_name, &named), PrincipalKind::Service);
    let suffixed = user.claim("sub", "\"b@clients\"");
    assert_eq!(kind(&by_name, &suffixed), PrincipalKind::Service);
}

/// TX-33
#[test]
fn act_precedes_client_as_actor() {
    let mapped = Profile::RFC9068.allow_client_as_actor();
    let caller = under(mapped.clone(), &Token::new()).unwrap();
    let actor = caller.current_actor().unwrap();
    assert_eq!(actor.id().issuer(), caller.issuer().as_str());
    assert_eq!((actor.subject(), actor.client_id()), ("spa", Some("spa")));
    let act = Token::new().claim("act", r#"{"sub":"service-b"}"#);
    let caller = under(mapped.clone(), &act).unwrap();
    let actor = caller.current_actor().unwrap();
    assert_eq!((actor.subject(), actor.client_id()), ("service-b", None));
    assert!(caller.prior_actors().is_empty());
    let alone = Token::new().claim("sub", "\"spa\"");
    let caller = under(mapped.clone(), &alone).unwrap();
    assert!(caller.current_actor().is_none());
    let without_client = under(
        Profile::LENIENT.allow_client_as_actor(),
        &Token::new().without_claim("client_id"),
    );
    assert!(without_client.unwrap().current_actor().is_none());
    let unmapped = verdict(&Token::new().mint()).unwrap();
    assert!(unmapped.current_actor().is_none());
}

/// AT-04
#[test]
fn client_replaces_missing_aud_only() {
    let token = Token::new().claim("client_id", "\"service-a\"");
    let without = token.clone().without_claim("aud");
    assert_eq!(refusal(&without.mint()), TokenError::MissingClaim("aud"));
    let profile = Profile::RFC9068.allow_client_as_audience();
    under(profile.clone(), &without).unwrap();
    for aud in ["[]", "\"service-b\""] {
        let refused = under(profile.clone(), &token.clone().claim("aud", aud));
        assert!(matches!(refused, Err(TokenError::Audience { .. })), "{aud}");
    }
    let no_client = without.without_claim("client_id");
    let refused = under(Profile::LENIENT.allow_client_as_audience(), &no_client);
    assert!(matches!(refused, Err(TokenError::Audience { .. })));
}

/// AT-13
#[test]
fn id_token_marks_can_be_replaced() {
    let nonce = Token::new().claim("nonce", "\"n\"");
    let profile = Profile::RFC9068
        .danger_id_token_claims()
        .reject_match(ClaimMatcher::absent("uid"));
    let refused = under(profile.clone(), &nonce);
    assert!(matches!(refused, Err(TokenError::NotAnAccessToken(_))));
    under(profile.clone(), &nonce.claim("uid", "1")).unwrap();
    for (claim, value) in [("events", "{}"), ("typ", "\"ID\"")] {
        let token = Token::new().claim("uid", "1").claim(claim, value);
        let refused = under(profile.clone(), &token);
        assert!(
            matches!(refused, Err(TokenError::NotAnAccessToken(_))),
            "{claim}"
        );
    }
}

/// JW-31: tokens and a profile of a special kind.
#[test]
fn other_jwt_kinds_are_rejected() {
    const OTHERS: [&str; 12] = [
        "dpop+jwt",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "txntoken+jwt",
        "oauth-id-jag+jwt",
        "wit+jwt",
        "wpt+jwt",
        "logout+jwt",
        "secevent+jwt",
        "id_token+jwt",
        "application/jwt+x",
        "JOSE",
    ];
    let all = [
        (TokenTyp::AccessToken, Token::new()),
        (TokenTyp::Jwt, Token::new().header("typ", "\"JWT\"")),
        (TokenTyp::Absent, Token::new().without_header("typ")),
    ];
    let sets: [&[TokenTyp]; 5] = [
        &[TokenTyp::AccessToken],
        &[TokenTyp::Jwt],
        &[TokenTyp::AccessToken, TokenTyp::Jwt],
        &[TokenTyp::AccessToken, TokenTyp::Jwt, TokenTyp::Absent],
        &[],
    ];
    for types in sets {
        let profile = Profile::LENIENT.types(types.iter().copied());
        for (typ, token) in &all {
            let accepted = under(profile.clone(), token).is_ok();
            assert_eq!(accepted, types.contains(typ), "{typ:?} in {types:?}");
        }
        for other in OTHERS {
            let token = Token::new().header("typ", &format!("\"{other}\""));
            let refused = under(profile.clone(), &token);
            assert!(matches!(refused, Err(TokenError::Type { .. })), "{other}");
        }
    }
    for name in Profile::names() {
        let profile = Profile::named(name).unwrap();
        for other in OTHERS {
            let token = Token::new().header("typ", &format!("\"{other}\""));
            let refused = under(profile.clone(), &token);
            assert!(matches!(refused, Err(TokenError::Type { .. })), "{name}");
        }
    }
}

/// Everything that is kept as text was completely read as JSON.
#[test]
fn unread_claim_must_be_valid_json() {
    for bad in [
        r#""\ud800""#,
        r#""\x""#,
        "\"a\tb\"",
        "01",
        "1.",
        "+1",
        "1e999",
        "tru",
        "[1,]",
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#"["\ud800"]"#,
        "'a'",
        "NaN",
        "",
    ] {
        let token = Token::new().claim("x", bad);
        assert_eq!(
            refusal(&token.mint()),
            TokenError::Malformed("payload"),
            "{bad}"
        );
    }
    let mut bytes = Token::new()
        .claims_json()
        .replace('}', r#","x":"~"}"#)
        .into_bytes();
    let tilde = bytes.iter().position(|byte| *byte == b'~').unwrap();
    bytes[tilde] = 0xff;
    let token = Token::new().payload(bytes);
    assert_eq!(refusal(&token.mint()), TokenError::Malformed("payload"));
    for good in [
        r#""\ud83d\ude00""#,
        "-0",
        "1E-9",
        "[[[[{}]]]]",
        " [ 1 , null ] ",
    ] {
        verdict(&Token::new().claim("x", good).mint()).expect(good);
    }
}
