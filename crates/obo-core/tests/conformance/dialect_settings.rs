//! Each setting of the dialect, on and off.

use std::time::Duration;

use http::StatusCode;
use obo_core::dialect::{Dialect, Registration, Rfc8693, TargetBy};
use obo_core::{
    ActorToken, Audience, ClaimsRequest, ErrorClass, ExchangeRequest, Resource, Scope, Secret,
    Target, TokenEndpointError, TokenType,
};

use crate::signer::b64;
use crate::token::Token;
use crate::validate::{ISSUER, NOW, issuer, verdict};
use crate::wire::{
    ACCESS_TOKEN, JWT, alice, for_service_b, form, grant, http_response, issued, own, text, with,
};

fn new() -> Rfc8693 {
    Rfc8693::new()
}

fn to(target: Target) -> ExchangeRequest {
    ExchangeRequest::new(&alice(), target)
}

fn audience(name: &str) -> Target {
    Target::audience(Audience::new(name).unwrap())
}

fn resource(uri: &str) -> Target {
    Target::resource(Resource::new(uri).unwrap())
}

/// The form after the subject token.
fn rest(dialect: &Rfc8693, request: &ExchangeRequest) -> String {
    let text = text(&form(dialect, request).unwrap());
    let token = request.subject().subject_token().expose();
    text.split_once(token).unwrap().1.to_owned()
}

fn unsayable(dialect: &Rfc8693, request: &ExchangeRequest, parameter: &str) {
    let error = form(dialect, request).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ClientMisconfigured, "{error}");
    assert!(
        error.to_string().contains(&format!("`{parameter}`")),
        "{error}"
    );
}

fn denied(dialect: &Rfc8693, request: &ExchangeRequest) -> TokenEndpointError {
    let error = form(dialect, request).unwrap_err();
    assert_eq!(error.class(), ErrorClass::TargetDenied, "{error}");
    error
}

fn accepts(dialect: &Rfc8693, body: &str) -> bool {
    accepts_for(dialect, &for_service_b(&[]), body)
}

fn accepts_for(dialect: &Rfc8693, request: &ExchangeRequest, body: &str) -> bool {
    match dialect.response(&grant(request), &http_response(200, body), NOW) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{error}");
            false
        }
    }
}

fn jwt(claims: &str) -> String {
    issued(&format!("{}.{}.c2ln", b64("{}"), b64(claims)))
}

/// RI-04
#[test]
fn target_uses_server_parameters() {
    let both = audience("b").and_resource(Resource::new("urn:r").unwrap());
    let two = audience("b").and_audience(Audience::new("c").unwrap());
    let by = |parameters| new().target_by(parameters);
    let ends = |dialect: &Rfc8693, target: &Target, end: &str| {
        let rest = rest(dialect, &to(target.clone()));
        assert!(rest.ends_with(&format!("access_token{end}")), "{rest}");
    };
    ends(&new(), &both, "&audience=b&resource=urn%3Ar");

    ends(&by(TargetBy::Audience), &two, "&audience=b&audience=c");
    unsayable(&by(TargetBy::Audience), &to(both.clone()), "resource");

    ends(&by(TargetBy::OneAudience), &audience("b"), "&audience=b");
    unsayable(&by(TargetBy::OneAudience), &to(two.clone()), "audience");
    unsayable(
        &by(TargetBy::OneAudience),
        &to(resource("urn:r")),
        "resource",
    );

    ends(
        &by(TargetBy::Resource),
        &resource("urn:r"),
        "&resource=urn%3Ar",
    );
    unsayable(&by(TargetBy::Resource), &to(both.clone()), "audience");

    let scoped = audience("b").with_scope(Scope::new(["b/.default"]).unwrap());
    ends(&by(TargetBy::Scope), &scoped, "&scope=b%2F.default");
    unsayable(&by(TargetBy::Scope), &to(both), "resource");

    let wants_scope = new().require_scope();
    ends(&wants_scope, &scoped, "&audience=b&scope=b%2F.default");
    unsayable(&wants_scope, &to(two), "scope");
}

/// TX-02, TX-23
#[test]
fn subject_type_may_be_fixed() {
    let custom = new().subject_type(TokenType::new("https://corp.example/legacy"));
    let rest = rest(&custom, &for_service_b(&[]));
    assert_eq!(
        rest,
        "&subject_token_type=https%3A%2F%2Fcorp.example%2Flegacy&audience=service-b"
    );
}

/// TX-07
#[test]
fn requested_type_is_configurable() {
    let plain = for_service_b(&[]);
    let asking = |t: TokenType| plain.clone().with_requested_type(t);
    let asked = |dialect: &Rfc8693, request: &ExchangeRequest| {
        let form = form(dialect, request).unwrap();
        let mut pairs = form.pairs();
        pairs
            .find(|(name, _)| *name == "requested_token_type")
            .map(|(_, urn)| urn.to_owned())
    };
    let jwt = asking(TokenType::JWT);
    assert_eq!(asked(&new(), &jwt).as_deref(), Some(JWT));
    let given = new().requested_type(TokenType::JWT);
    assert_eq!(asked(&given, &plain).as_deref(), Some(JWT));
    let other = asking(TokenType::ACCESS_TOKEN);
    assert_eq!(asked(&given, &other).as_deref(), Some(ACCESS_TOKEN));

    let omits = given.without_requested_type();
    assert_eq!(asked(&omits, &plain), None);
    assert_eq!(asked(&omits, &other), None);
    unsayable(&omits, &asking(TokenType::JWT), "requested_token_type");

    let limited = new().offered_types([TokenType::ACCESS_TOKEN]);
    assert_eq!(asked(&limited, &other).as_deref(), Some(ACCESS_TOKEN));
    unsayable(&limited, &asking(TokenType::JWT), "requested_token_type");
    let refresh = new().offered_types([TokenType::REFRESH_TOKEN]);
    unsayable(
        &refresh,
        &asking(TokenType::REFRESH_TOKEN),
        "requested_token_type",
    );
}

/// TX-07
#[test]
fn issued_type_must_match_request() {
    let of_type = |urn: &str| with("issued_token_type", &format!("\"{urn}\""));
    let given = new().requested_type(TokenType::JWT);
    assert!(accepts(&given, &of_type(JWT)));
    assert!(!accepts(&given, &of_type(ACCESS_TOKEN)));
    let omits = given.clone().without_requested_type();
    assert!(accepts(&omits, &of_type(ACCESS_TOKEN)));
    let odd = "urn:params:oauth:token-type:jwt";
    assert!(!accepts(&given, &of_type(odd)));
    let tolerant = given.allow_issued_type(TokenType::new(odd));
    assert!(accepts(&tolerant, &of_type(odd)) && accepts(&tolerant, &of_type(JWT)));
    assert!(!accepts(&tolerant, &of_type(ACCESS_TOKEN)));
}

/// OT-02, TX-03
#[test]
fn actor_support_is_configurable() {
    let plain = for_service_b(&[]);
    let acting = |t| {
        plain
            .clone()
            .with_actor(ActorToken::new(Secret::new("own"), t, "a#1"))
    };
    let with_jwt = acting(TokenType::JWT);
    assert!(rest(&new(), &with_jwt).contains("&actor_token=own&actor_token_type="));
    unsayable(&new().without_actor(), &with_jwt, "actor_token");
    rest(&new().without_actor(), &plain);
    unsayable(&new().require_actor(), &plain, "actor_token");
    rest(&new().require_actor(), &with_jwt);
    let typed = new().actor_types([TokenType::ACCESS_TOKEN, TokenType::ID_TOKEN]);
    rest(&typed, &plain);
    rest(&typed, &acting(TokenType::ID_TOKEN));
    unsayable(&typed, &with_jwt, "actor_token_type");
}

/// EN-02
#[test]
fn service_may_be_rejected_as_subject() {
    let service = Token::new().claim("sub", "\"spa\"").mint();
    let service = ExchangeRequest::new(&verdict(&service).unwrap(), audience("b"));
    rest(&new(), &service);
    denied(&new().require_user(), &service);
    rest(&new().require_user(), &for_service_b(&[]));
}

#[test]
fn full_actor_chain_is_not_sent() {
    let with_actors = |count: usize| {
        let act = (0..count).fold(String::new(), |inner, i| match &*inner {
            "" => format!(r#"{{"sub":"s{i}"}}"#),
            inner => format!(r#"{{"sub":"s{i}","act":{inner}}}"#),
        });
        let token = match &*act {
            "" => Token::new(),
            act => Token::new().claim("act", act),
        };
        ExchangeRequest::new(&verdict(&token.mint()).unwrap(), audience("b"))
    };
    let limited = new().max_actors(2);
    rest(&limited, &with_actors(0));
    rest(&limited, &with_actors(1));
    for actors in [2, 3] {
        let error = denied(&limited, &with_actors(actors)).to_string();
        assert!(error.contains(&format!("{actors} actors")), "{error}");
        rest(&new(), &with_actors(actors));
    }
}

/// EN-05
#[test]
fn claims_are_sent_where_supported() {
    let claims = ClaimsRequest::parse(r#"{ "a": null }"#).unwrap();
    let request = for_service_b(&[]).with_claims(claims);
    unsayable(&new(), &request, "claims");
    let knows = new().allow_claims();
    assert!(rest(&knows, &request).ends_with("&claims=%7B%22a%22%3Anull%7D"));
}

/// TX-13
#[test]
fn missing_token_type_may_be_allowed() {
    let missing = with("token_type", "");
    assert!(!accepts(&new(), &missing));
    let lenient = new().allow_missing_token_type();
    assert!(accepts(&lenient, &missing));
    for other in ["\"N_A\"", "\"DPoP\"", "\"\""] {
        assert!(!accepts(&lenient, &with("token_type", other)), "{other}");
    }
}

/// TE-07
#[test]
fn text_expires_in_may_be_allowed() {
    let lifetime = |dialect: &Rfc8693, json: &str| {
        let body = with("expires_in", json);
        let token = dialect.response(&grant(&for_service_b(&[])), &http_response(200, body), NOW);
        token.unwrap().lifetime(NOW).as_secs()
    };
    let lenient = new().allow_text_expires_in();
    for (json, strict_reads, reads) in [
        ("\"300\"", 60, 300),
        ("300", 300, 300),
        ("\"0\"", 60, 0),
        ("\"1e3\"", 60, 60),
        ("\"-5\"", 60, 60),
        ("\" 300\"", 60, 60),
        ("\"\"", 60, 60),
        ("\"999999999999999999999999\"", 60, 86_400),
    ] {
        assert_eq!(lifetime(&new(), json), strict_reads, "{json}");
        assert_eq!(lifetime(&lenient, json), reads, "{json}");
    }
}

/// TX-16
#[test]
fn default_lifetime_is_configurable() {
    let lifetime = |dialect: &Rfc8693, json: &str| {
        let body = with("expires_in", json);
        let token = dialect.response(&grant(&for_service_b(&[])), &http_response(200, body), NOW);
        token.unwrap().lifetime(NOW)
    };
    let hour = Duration::from_secs(3600);
    let knows = new().unstated_lifetime(hour);
    assert_eq!(lifetime(&knows, ""), hour);
    assert_eq!(lifetime(&knows, "\"soon\""), hour);
    assert_eq!(lifetime(&knows, "300"), Duration::from_secs(300));
    assert_eq!(lifetime(&new(), ""), Duration::from_secs(60));
}

/// TX-17
#[test]
fn wider_scope_may_be_allowed() {
    let request = for_service_b(&["a"]);
    let wider = with("scope", "\"a profile\"");
    assert!(!accepts_for(&new(), &request, &wider));
    let tolerant = new().allow_wider_scope();
    let token = tolerant
        .response(&grant(&request), &http_response(200, wider), NOW)
        .unwrap();
    assert_eq!(token.scope(), &Scope::new(["a", "profile"]).unwrap());
    assert!(!accepts_for(
        &tolerant,
        &request,
        &with("scope", "\"a\\tb\"")
    ));
}

/// EN-09, AT-14
#[test]
fn pairwise_subject_may_be_allowed() {
    let other = jwt(&format!(
        r#"{{"iss":"{ISSUER}","aud":"service-b","sub":"x"}}"#
    ));
    assert!(!accepts(&new(), &other));
    assert!(accepts(&new().pairwise_subject(), &other));
}

/// AT-14, RI-03
#[test]
fn other_audience_may_be_allowed() {
    let named = |aud: &str| {
        jwt(&format!(
            r#"{{"iss":"{ISSUER}","aud":"{aud}","sub":"alice"}}"#
        ))
    };
    let request = to(audience("service-b").or_named(Audience::new("b-17").unwrap()));
    assert!(!accepts(&new(), &named("b-17")));
    for (aud, is_taken) in [("b-17", true), ("service-b", true), ("b-18", false)] {
        assert_eq!(
            accepts_for(&new(), &request, &named(aud)),
            is_taken,
            "{aud}"
        );
    }
    assert!(!rest(&new(), &request).contains("b-17"));
    assert!(accepts(&new().danger_any_audience(), &named("b-18")));
    let bob = jwt(&format!(r#"{{"iss":"{ISSUER}","aud":"b-18","sub":"bob"}}"#));
    assert!(!accepts(&new().danger_any_audience(), &bob));
}

/// TX-21
#[test]
fn dialect_classifies_before_standard() {
    let dialect = new().classify(|refusal| match refusal.error() {
        "invalid_grant" if refusal.description() == "no such target" => {
            Some(ErrorClass::TargetDenied)
        }
        "invalid_grant" if refusal.error_codes() == [7, 8] => Some(ErrorClass::StepUp),
        "odd" if refusal.suberror() == "busy" => Some(ErrorClass::Throttled),
        "odd" if refusal.status() == StatusCode::CONFLICT => Some(ErrorClass::Transient),
        "odd" if refusal.has_claims() => Some(ErrorClass::StepUp),
        _ => None,
    });
    let class = |status: u16, body: &str| {
        let refused = dialect.response(
            &grant(&for_service_b(&[])),
            &http_response(status, body),
            NOW,
        );
        refused.unwrap_err().class()
    };
    for (status, body, expected) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"no such target"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[7,8]}"#,
            ErrorClass::StepUp,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":["7"]}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_grant"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"odd","suberror":"busy"}"#,
            ErrorClass::Throttled,
        ),
        (409, r#"{"error":"odd"}"#, ErrorClass::Transient),
        (
            400,
            r#"{"error":"odd","claims":"{\"a\":1}"}"#,
            ErrorClass::StepUp,
        ),
        (400, r#"{"error":"odd"}"#, ErrorClass::ResponseUnusable),
        // Overload and faults are not for the dialect.
        (429, r#"{"error":"odd"}"#, ErrorClass::Throttled),
        (
            500,
            r#"{"error":"too_many_requests"}"#,
            ErrorClass::Throttled,
        ),
        (
            503,
            r#"{"error":"odd","claims":"{\"a\":1}"}"#,
            ErrorClass::Transient,
        ),
    ] {
        assert_eq!(class(status, body), expected, "{status} {body}");
    }
}

/// OB-01
#[test]
fn refusal_shows_no_server_text() {
    let shown = new().classify(|refusal| {
        let shown = format!("{refusal:?}");
        assert!(shown.contains("400") && !shown.contains("t0ken"), "{shown}");
        None
    });
    let body = r#"{"error":"t0ken","error_description":"t0ken","suberror":"t0ken"}"#;
    let refused = shown.response(&grant(&for_service_b(&[])), &http_response(400, body), NOW);
    refused.unwrap_err();
}

/// EN-04, SU-06: only the class decides whether the claims of a refusal are kept.
#[test]
fn only_step_up_keeps_claims() {
    let claims = |code: &str| {
        let body = format!(r#"{{"error":"{code}","claims":"{{\"a\": 1}}"}}"#);
        let refused = new().response(&grant(&for_service_b(&[])), &http_response(400, body), NOW);
        refused
            .unwrap_err()
            .claims()
            .map(|claims| claims.as_json().to_owned())
    };
    assert_eq!(
        claims("interaction_required").as_deref(),
        Some(r#"{"a":1}"#)
    );
    for other in ["invalid_grant", "invalid_client", "invalid_target"] {
        assert_eq!(claims(other), None, "{other}");
    }
}

/// OT-02
#[test]
fn own_token_uses_client_credentials() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let dialect = new().extra_parameter("tenant", "t").unwrap();
    let target = audience("service-b")
        .and_resource(Resource::new("urn:r").unwrap())
        .with_scope(Scope::new(["b"]).unwrap());
    let body = |dialect: &Rfc8693, target: Option<&Target>| {
        text(&dialect.request(&own(target), by).unwrap())
    };
    assert_eq!(
        body(&dialect, Some(&target)),
        "grant_type=client_credentials&audience=service-b&resource=urn%3Ar&scope=b&tenant=t"
    );
    assert_eq!(
        body(&dialect, None),
        "grant_type=client_credentials&tenant=t"
    );
    let by_scope = new().client_target_by(TargetBy::Scope);
    let scoped = audience("service-b").with_scope(Scope::new(["b"]).unwrap());
    assert_eq!(
        body(&by_scope, Some(&scoped)),
        "grant_type=client_credentials&scope=b"
    );
    by_scope.request(&own(Some(&target)), by).unwrap_err();
    // Settings about a subject do not matter here.
    let strict = new()
        .require_user()
        .require_client_in_audience()
        .require_actor()
        .max_actors(0);
    body(&strict, Some(&scoped));
}

/// OT-02, AT-14, TX-14
#[test]
fn own_token_response_is_checked() {
    let target = audience("service-b").with_scope(Scope::new(["b"]).unwrap());
    let read = |target: Option<&Target>, body: &str| {
        let read = new().response(&own(target), &http_response(200, body), NOW);
        read.map_err(|error| assert_eq!(error.class(), ErrorClass::ResponseUnusable))
            .is_ok()
    };
    let own = |aud: &str, exp: u64| {
        jwt(&format!(
            r#"{{"iss":"{ISSUER}","aud":"{aud}","sub":"service-a","exp":{exp}}}"#
        ))
    };
    let later = NOW.as_secs() + 300;
    assert!(read(Some(&target), &own("service-b", later)));
    assert!(!read(Some(&target), &own("service-c", later)));
    assert!(!read(Some(&target), &own("service-b", NOW.as_secs())));
    assert!(read(None, &own("service-c", later)));
    // Without an exchange, the response has no issued type.
    assert!(read(Some(&target), &with("issued_token_type", "")));
    for (name, json) in [
        ("token_type", "\"N_A\""),
        ("token_type", ""),
        ("access_token", "\"a b\""),
        ("scope", "\"b c\""),
    ] {
        assert!(!read(Some(&target), &with(name, json)), "{name} {json}");
    }
}

/// OT-02, TX-21
#[test]
fn own_token_refusal_blames_no_user() {
    let class = |status: u16, code: &str| {
        let body = format!(r#"{{"error":"{code}","acr_values":"gold","claims":"{{\"a\":1}}"}}"#);
        let refused = new().response(&own(None), &http_response(status, body), NOW);
        let error = refused.unwrap_err();
        assert!(error.claims().is_none() && error.acr_values().is_empty());
        error.class()
    };
    for ours in [
        "invalid_request",
        "invalid_grant",
        "interaction_required",
        "invalid_client",
    ] {
        assert_eq!(class(400, ours), ErrorClass::ClientMisconfigured, "{ours}");
    }
    for denied in ["invalid_scope", "invalid_target", "access_denied"] {
        assert_eq!(class(400, denied), ErrorClass::TargetDenied, "{denied}");
    }
    assert_eq!(class(429, "x"), ErrorClass::Throttled);
    assert_eq!(class(503, "x"), ErrorClass::Transient);
}
