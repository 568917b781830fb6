//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-on-behalf-of-flow>. The
//! bodies are from there.

use obo_core::dialect::{Dialect as _, Registration, entra};
use obo_core::{
    Audience, ClaimsRequest, ErrorClass, ExchangeRequest, PrincipalKind, Target, TokenType,
};

use super::{
    actor, audience, body, classes, jwt, not_asked, read, refusal, resource, scoped, to, unsayable,
};
use crate::token::Token;
use crate::validate::{ISSUER, NOW, issuer, verdict};
use crate::wire::{http_response, own, text};

const ORDERS: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const POLICY: &str = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}"#;

fn orders() -> Target {
    scoped(audience(ORDERS), "api://orders/.default")
}

/// EN-01
#[test]
fn request_has_exact_bytes() {
    assert_eq!(
        body(&entra::on_behalf_of(), &to(orders())),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer\
         &assertion=SUBJECT&requested_token_use=on_behalf_of&scope=api%3A%2F%2Forders%2F.default"
    );
}

/// EN-01, RI-04
#[test]
fn unsupported_request_is_not_sent() {
    let dialect = entra::on_behalf_of();
    unsayable(&dialect, &to(audience(ORDERS)), "scope");
    let by_uri = scoped(resource("https://orders.example"), "api://orders/.default");
    unsayable(&dialect, &to(by_uri), "resource");
    let acting = to(orders()).with_actor(actor(TokenType::ACCESS_TOKEN));
    unsayable(&dialect, &acting, "actor_token");
    let jwt = to(orders()).with_requested_type(TokenType::JWT);
    unsayable(&dialect, &jwt, "requested_token_type");
    // A type that it issues anyway need not be requested.
    let same = to(orders()).with_requested_type(TokenType::ACCESS_TOKEN);
    assert_eq!(body(&dialect, &same), body(&dialect, &to(orders())));
}

/// EN-02
#[test]
fn application_is_not_a_subject() {
    let app = Token::new().claim("sub", r#""spa""#);
    let app = verdict(&app.mint()).unwrap();
    assert_eq!(app.kind(), PrincipalKind::Service);
    let error = not_asked(
        &entra::on_behalf_of(),
        &ExchangeRequest::new(&app, orders()),
    );
    assert_eq!(error.class(), ErrorClass::TargetDenied);
    assert!(error.to_string().contains("application"), "{error}");
}

/// EN-03, EN-09
#[test]
fn response_is_plain_token_response() {
    // Another `sub` for the same user, and the scopes of `.default`.
    let token = jwt(&format!(
        r#"{{"aud":"{ORDERS}","iss":"{ISSUER}","exp":1800003599,"sub":"pairwise","oid":"690222be"}}"#
    ));
    let with = |expires_in: &str| {
        format!(
            r#"{{"token_type":"Bearer","scope":"api://orders/Orders.Read api://orders/Orders.Write",
                "expires_in":{expires_in},"ext_expires_in":3269,"access_token":"{token}"}}"#
        )
    };
    let dialect = entra::on_behalf_of();
    for expires_in in ["3269", r#""3269""#] {
        let issued = read(&dialect, &to(orders()), &with(expires_in)).unwrap();
        assert_eq!(issued.expose(), token);
        assert_eq!(issued.lifetime(NOW).as_secs(), 3269);
        assert!(issued.scope().contains("api://orders/Orders.Read"));
    }
    let elsewhere = scoped(audience("another"), "api://orders/.default");
    read(&dialect, &to(elsewhere.clone()), &with("3269")).unwrap_err();
    let by_either = elsewhere.or_named(Audience::new(ORDERS).unwrap());
    read(&dialect, &to(by_either), &with("3269")).unwrap();
}

/// EN-09
#[test]
fn foreign_object_id_is_rejected() {
    let caller = Token::new().claim("oid", r#""a""#).claim("tid", r#""t""#);
    let app_of = |claims: &str| {
        let token = jwt(&format!(
            r#"{{"aud":"{ORDERS}","iss":"{ISSUER}","sub":"pairwise"{claims}}}"#
        ));
        format!(r#"{{"token_type":"Bearer","expires_in":300,"access_token":"{token}"}}"#)
    };
    for (claims, is_taken) in [
        (r#","oid":"a","tid":"t""#, true),
        (r#","oid":"b","tid":"t""#, false),
        (r#","oid":"a","tid":"u""#, false),
        (r#","oid":"A","tid":"t""#, false),
        (r#","oid":["a"]"#, false),
        (r#","oid":"b","big":1e999"#, false),
        (r#","oid":"b","oid":"b""#, false),
        (r#","oid":null"#, true),
        (r#","tid":"t""#, true),
        ("", true),
    ] {
        let request = ExchangeRequest::new(&verdict(&caller.mint()).unwrap(), orders());
        let issued = read(&entra::on_behalf_of(), &request, &app_of(claims));
        assert_eq!(issued.is_ok(), is_taken, "{claims}");
        // The caller's token has neither claim: there is nothing to compare.
        read(&entra::on_behalf_of(), &to(orders()), &app_of(claims)).unwrap();
    }
}

/// EN-04
#[test]
fn step_up_refusal_keeps_claims() {
    let body = r#"{
        "error":"interaction_required",
        "error_description":"AADSTS50079: Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multifactor authentication to access '00001111-aaaa-2222-bbbb-3333cccc4444'.\r\nTrace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333",
        "error_codes":[50079],
        "timestamp":"2017-05-01 22:43:20Z",
        "trace_id":"0000aaaa-11bb-cccc-dd22-eeeeee333333",
        "correlation_id":"aaaa0000-bb11-2222-33cc-444444dddddd",
        "claims":"{ \"access_token\" : {\"polids\":{\"essential\":true,\"values\":[\"9ab03e19-ed42-4168-b6b7-7001fb3e933a\"]}}}"
    }"#;
    for error in ["interaction_required", "invalid_grant"] {
        let body = body.replace("interaction_required", error);
        let refused = refusal(&entra::on_behalf_of(), &to(orders()), 400, &body);
        assert_eq!(refused.class(), ErrorClass::StepUp);
        assert_eq!(refused.claims().unwrap().as_json(), POLICY);
        assert_eq!(refused.oauth_code(), Some(error));
    }
}

/// EN-04
#[test]
fn invalid_claims_are_not_kept() {
    let long = format!(r#"{{\"a\":\"{}\"}}"#, "x".repeat(3000));
    for claims in [
        r#""""#,
        r#""[]""#,
        r#""{""#,
        "7",
        "null",
        "{}",
        &format!("\"{long}\""),
    ] {
        let body = format!(r#"{{"error":"interaction_required","claims":{claims}}}"#);
        let refused = refusal(&entra::on_behalf_of(), &to(orders()), 400, &body);
        assert_eq!(refused.class(), ErrorClass::StepUp, "{claims}");
        assert!(refused.claims().is_none(), "{claims}");
    }
    // No other error asks a user to authenticate differently.
    let body = r#"{"error":"invalid_client","claims":"{\"a\":1}"}"#;
    let refused = refusal(&entra::on_behalf_of(), &to(orders()), 401, body);
    assert!(refused.claims().is_none());
}

/// EN-05
#[test]
fn challenge_claims_join_next_request() {
    let claims = ClaimsRequest::parse(r#"{"access_token": {"nbf": {"essential": true}}}"#).unwrap();
    let request = to(orders()).with_claims(claims);
    assert_eq!(
        body(&entra::on_behalf_of(), &request),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer\
         &assertion=SUBJECT&requested_token_use=on_behalf_of&scope=api%3A%2F%2Forders%2F.default\
         &claims=%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%7D%7D%7D"
    );
    unsayable(&obo_core::dialect::Rfc8693::new(), &request, "claims");
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS50013: Assertion failed signature validation.","error_codes":[50013]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS500131: Assertion audience does not match the Client app presenting the assertion.","error_codes":[500131]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS500133: Assertion is not within its valid time range.","error_codes":[500133]}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"AADSTS50027: JWT token is invalid or malformed.","error_codes":[50027]}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS65001: The user or administrator has not consented to use the application.","error_codes":[65001],"suberror":"consent_required"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[65001]}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[7],"suberror":"consent_required"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"interaction_required","error_codes":[65001]}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[50105]}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named api://orders was not found in the tenant.","error_codes":[500011]}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_codes":[70011]}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[50076],"suberror":"basic_action"}"#,
            ErrorClass::StepUp,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_codes":[50079]}"#,
            ErrorClass::StepUp,
        ),
        (
            400,
            r#"{"error":"interaction_required","error_codes":[50158]}"#,
            ErrorClass::StepUp,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.","error_codes":[7000222]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_codes":[700016]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"AADSTS900144: The request body must contain the following parameter: 'scope'.","error_codes":[900144]}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            429,
            r#"{"error":"invalid_grant","error_codes":[50076]}"#,
            ErrorClass::Throttled,
        ),
        (503, "", ErrorClass::Transient),
    ];
    classes(&entra::on_behalf_of(), &to(orders()), &refusals);
}

/// EN-04
#[test]
fn only_sign_in_numbers_are_401() {
    let class = |error: &str, number: u64, more: &str| {
        let body = format!(r#"{{"error":"{error}","error_codes":[{number}]{more}}}"#);
        refusal(&entra::on_behalf_of(), &to(orders()), 400, &body).class()
    };
    for (numbers, expected) in [
        (
            // The client, its credential, its registration, or the tenant.
            [
                500131, 50013, 7000215, 7000218, 7000222, 700016, 700027, 90002, 7000114, 50194,
            ]
            .as_slice(),
            ErrorClass::ClientMisconfigured,
        ),
        (
            // A policy, an assignment, an account.
            &[500011, 53003, 530032, 50105, 50057, 65004, 16003, 424242],
            ErrorClass::TargetDenied,
        ),
        (&[50076, 50078, 50074, 500121], ErrorClass::StepUp),
        (
            &[500133, 50173, 50132, 700082, 70043],
            ErrorClass::SubjectInvalid,
        ),
        (&[50033, 90033, 90024], ErrorClass::Transient),
        (&[90055, 50196], ErrorClass::Throttled),
    ] {
        for number in numbers {
            assert_eq!(class("invalid_grant", *number, ""), expected, "{number}");
        }
    }
    for number in [500131, 7000218, 53003, 65001] {
        let refused = class("interaction_required", number, "");
        assert!(!matches!(
            refused,
            ErrorClass::SubjectInvalid | ErrorClass::StepUp
        ));
    }
    let claims = r#","claims":"{\"a\":1}""#;
    let refused = class("invalid_grant", 500131, claims);
    assert_eq!(refused, ErrorClass::ClientMisconfigured);
    for (suberror, expected) in [
        ("basic_action", ErrorClass::StepUp),
        ("token_expired", ErrorClass::SubjectInvalid),
        ("message_only", ErrorClass::TargetDenied),
    ] {
        let suberror = format!(r#","suberror":"{suberror}""#);
        assert_eq!(class("invalid_grant", 424242, &suberror), expected);
    }
}

/// EN-04
#[test]
fn description_decides_without_number() {
    let class = |status: u16, body: &str| {
        let body = format!("{{{body}}}");
        refusal(&entra::on_behalf_of(), &to(orders()), status, &body).class()
    };
    let described = |error: &str, number: u64, words: &str| {
        format!(
            r#""error":"{error}","error_codes":[{number}],"error_description":"AADSTS{number}: {words}""#
        )
    };
    for (words, expected) in [
        (
            "Assertion is not within its valid time range.",
            ErrorClass::SubjectInvalid,
        ),
        ("The assertion has expired.", ErrorClass::SubjectInvalid),
        (
            "Assertion failed signature validation.",
            ErrorClass::ClientMisconfigured,
        ),
    ] {
        let refused = class(400, &described("invalid_grant", 50013, words));
        assert_eq!(refused, expected, "{words}");
        let refused = class(400, &described("invalid_request", 50027, words));
        assert_eq!(refused, expected, "{words}");
    }
    // Without `error_codes`, the number is in the text.
    for (words, expected) in [
        ("AADSTS500131: audience", ErrorClass::ClientMisconfigured),
        ("AADSTS50173: revoked", ErrorClass::SubjectInvalid),
        ("AADSTS65001: consent", ErrorClass::TargetDenied),
        ("no number", ErrorClass::SubjectInvalid),
    ] {
        let body = format!(r#""error":"invalid_grant","error_description":"{words}""#);
        assert_eq!(class(400, &body), expected, "{words}");
    }
    // This vendor sends 401 only for the client.
    let odd = r#""error":"something_new","error_codes":[1]"#;
    assert_eq!(class(401, odd), ErrorClass::ClientMisconfigured);
}

/// EN-01
#[test]
fn own_token_is_requested_by_scope() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let dialect = entra::on_behalf_of();
    let form = dialect.request(&own(Some(&orders())), by).unwrap();
    assert_eq!(
        text(&form),
        "grant_type=client_credentials&scope=api%3A%2F%2Forders%2F.default"
    );
    dialect
        .request(&own(Some(&audience(ORDERS))), by)
        .unwrap_err();
    let body = r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"opaque"}"#;
    let issued = dialect.response(&own(Some(&orders())), &http_response(200, body), NOW);
    assert_eq!(issued.unwrap().expose(), "opaque");
    // There is no user who could do more.
    let refused = http_response(
        400,
        format!(r#"{{"error":"interaction_required","claims":{POLICY:?}}}"#),
    );
    let error = dialect
        .response(&own(Some(&orders())), &refused, NOW)
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::ClientMisconfigured);
    assert!(error.claims().is_none());
}
