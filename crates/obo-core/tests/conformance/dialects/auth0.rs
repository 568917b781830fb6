//! <https://auth0.com/docs/secure/call-apis-on-users-behalf/on-behalf-of-token-exchange>

use obo_core::dialect::{Dialect as _, Registration, auth0};
use obo_core::{Audience, ErrorClass, ExchangeRequest, Issuer, Scope, TokenType};

use super::{
    ACCESS_TOKEN, actor, audience, body, classes, jwt, not_asked, read, resource, scoped, to,
    unsayable,
};
use crate::token::Token;
use crate::validate::{ISSUER, issuer, verdict};
use crate::wire::{grant, own, text};

const API: &str = "https://b.example";

/// TX-02, TX-07
#[test]
fn request_has_exact_bytes() {
    assert_eq!(
        body(&auth0::on_behalf_of(), &to(scoped(audience(API), "read:b"))),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &requested_token_type={ACCESS_TOKEN}&audience=https%3A%2F%2Fb.example&scope=read%3Ab"
        )
    );
}

/// TX-23
#[test]
fn other_tenant_token_is_access_token() {
    let elsewhere = Issuer::new("https://other.auth0.example/").unwrap();
    let by = Registration::new(&elsewhere, "service-a");
    let form = auth0::on_behalf_of().request(&grant(&to(audience(API))), by);
    assert!(text(&form.unwrap()).contains(&format!("&subject_token_type={ACCESS_TOKEN}&")));
}

/// RI-04, OT-02
#[test]
fn unsupported_request_is_not_sent() {
    let dialect = auth0::on_behalf_of();
    unsayable(&dialect, &to(resource(API)), "resource");
    let two = audience(API).and_audience(Audience::new("c").unwrap());
    unsayable(&dialect, &to(two), "audience");
    let request = to(audience(API));
    let acting = request.clone().with_actor(actor(TokenType::ACCESS_TOKEN));
    unsayable(&dialect, &acting, "actor_token");
    let jwt = request.with_requested_type(TokenType::JWT);
    unsayable(&dialect, &jwt, "requested_token_type");
}

#[test]
fn five_actor_chain_is_not_sent() {
    let with_actors = |count: usize| {
        let act = (1..count).fold(r#"{"sub":"a"}"#.to_owned(), |inner, _| {
            format!(r#"{{"sub":"a","act":{inner}}}"#)
        });
        let caller = verdict(&Token::new().claim("act", act).mint()).unwrap();
        ExchangeRequest::new(&caller, audience(API))
    };
    body(&auth0::on_behalf_of(), &with_actors(4));
    let error = not_asked(&auth0::on_behalf_of(), &with_actors(5));
    assert_eq!(error.class(), ErrorClass::TargetDenied);
    assert!(error.to_string().contains("5 actors"), "{error}");
}

/// TX-17
#[test]
fn response_names_narrower_scope() {
    let token = jwt(&format!(
        r#"{{"iss":"{ISSUER}","sub":"alice","aud":"{API}","exp":1800086400,"azp":"service-a","act":{{"sub":"service-a"}}}}"#
    ));
    let response = |scope: &str| {
        format!(
            r#"{{"access_token":"{token}","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
                {scope}"expires_in":86400,"token_type":"Bearer"}}"#
        )
    };
    let request = to(scoped(audience(API), "read:b write:b"));
    let granted = |body: &str| {
        let issued = read(&auth0::on_behalf_of(), &request, body).unwrap();
        issued.scope().clone()
    };
    let scope = |values: &[&str]| Scope::new(values).unwrap();
    assert_eq!(granted(&response("")), scope(&["read:b", "write:b"]));
    assert_eq!(
        granted(&response(r#""scope":"read:b","#)),
        scope(&["read:b"])
    );
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_request","error_description":"Invalid subject_token"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"subject token expired"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            403,
            r#"{"error":"access_denied","error_description":"Client is not authorized to access https://b.example"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            403,
            r#"{"error":"consent_required","error_description":"Consent required"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            403,
            r#"{"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26"}"#,
            ErrorClass::StepUp,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"Unauthorized"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            403,
            r#"{"error":"unauthorized_client","error_description":"Grant type not allowed for the client."}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            429,
            r#"{"error":"too_many_requests","error_description":"Global limit has been reached"}"#,
            ErrorClass::Throttled,
        ),
        (
            500,
            r#"{"error":"too_many_requests","error_description":"Global limit has been reached"}"#,
            ErrorClass::Throttled,
        ),
        (
            400,
            r#"{"error":"too_many_attempts"}"#,
            ErrorClass::Throttled,
        ),
        (500, r#"{"error":"access_denied"}"#, ErrorClass::Transient),
    ];
    let custom = auth0::custom_exchange("urn:acme:legacy").unwrap();
    for dialect in [auth0::on_behalf_of(), custom] {
        classes(&dialect, &to(audience(API)), &refusals);
    }
}

/// TX-02
#[test]
fn custom_exchange_has_its_own_type() {
    let custom = auth0::custom_exchange("https://acme.example/legacy-token").unwrap();
    let custom = custom.extra_parameter("organization", "org_1").unwrap();
    assert_eq!(
        body(&custom, &to(audience(API))),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token=SUBJECT&subject_token_type=https%3A%2F%2Facme.example%2Flegacy-token\
         &audience=https%3A%2F%2Fb.example&organization=org_1"
    );
    assert_eq!(custom.name(), "auth0-custom");
    let two = audience(API).and_audience(Audience::new("c").unwrap());
    unsayable(&custom, &to(two), "audience");
    let jwt = to(audience(API)).with_requested_type(TokenType::JWT);
    unsayable(&custom, &jwt, "requested_token_type");
    for bad in [
        "",
        "legacy",
        "urn:ietf:params:oauth:token-type:access_token",
        "https://auth0.com/x",
        "http://okta.com/x",
        "urn:auth0:x",
    ] {
        let error = auth0::custom_exchange(bad).unwrap_err();
        assert_eq!(error.field(), "subject_token_type", "{bad}");
    }
}

/// OT-02
#[test]
fn own_token_is_requested_by_audience() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let form = auth0::on_behalf_of().request(&own(Some(&audience(API))), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&audience=https%3A%2F%2Fb.example"
    );
}
