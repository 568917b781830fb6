//! <https://developer.okta.com/docs/guides/set-up-token-exchange/main/>

use obo_core::dialect::{Dialect as _, Registration, okta};
use obo_core::{Audience, ErrorClass, Issuer, TokenType};

use super::{
    ACCESS_TOKEN, actor, audience, body, classes, jwt, read, resource, scoped, to, unsayable,
};
use crate::validate::issuer;
use crate::wire::{form, grant, own, text};

const B: &str = "api://b";

/// TX-02
#[test]
fn request_has_exact_bytes() {
    assert_eq!(
        body(&okta::exchange(), &to(scoped(audience(B), "b:read"))),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &audience=api%3A%2F%2Fb&scope=b%3Aread"
        )
    );
}

/// TX-23: the authorization server is not the issuer of the caller's token.
#[test]
fn other_server_token_is_access_token() {
    let target = Issuer::new("https://corp.example/oauth2/b").unwrap();
    let request = to(scoped(audience(B), "b:read"));
    let by = Registration::new(&target, "service-a");
    let there = okta::exchange().request(&grant(&request), by).unwrap();
    assert_eq!(
        text(&there),
        text(&form(&okta::exchange(), &request).unwrap())
    );
    // It may have another name for the user.
    let token = jwt(
        r#"{"iss":"https://corp.example/oauth2/b","aud":"api://b","sub":"alice@corp.example","exp":1800003600}"#,
    );
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{token}","scope":"b:read",
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#
    );
    read(&okta::exchange(), &request, &body).unwrap();
}

/// RI-04, OT-02
#[test]
fn unsupported_request_is_not_sent() {
    let dialect = okta::exchange();
    unsayable(&dialect, &to(audience(B)), "scope");
    unsayable(
        &dialect,
        &to(scoped(resource("https://b.example"), "b:read")),
        "resource",
    );
    let two = audience(B).and_audience(Audience::new("c").unwrap());
    unsayable(&dialect, &to(scoped(two, "b:read")), "audience");
    let acting = to(scoped(audience(B), "b:read")).with_actor(actor(TokenType::ACCESS_TOKEN));
    unsayable(&dialect, &acting, "actor_token");
    let jwt = to(scoped(audience(B), "b:read")).with_requested_type(TokenType::JWT);
    unsayable(&dialect, &jwt, "requested_token_type");
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"'subject_token' is invalid."}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"access_denied","error_description":"Policy evaluation failed for this request, please check the policy configurations."}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"One or more scopes are not configured for the authorization server resource."}"#,
            ErrorClass::TargetDenied,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"Invalid value for 'client_id' parameter."}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_description":"The client is not authorized to use the provided grant type."}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            429,
            r#"{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}"#,
            ErrorClass::Throttled,
        ),
    ];
    classes(
        &okta::exchange(),
        &to(scoped(audience(B), "b:read")),
        &refusals,
    );
}

/// OT-02
#[test]
fn own_token_is_requested_by_scope() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let dialect = okta::exchange();
    let form = dialect.request(&own(Some(&scoped(audience(B), "b:read"))), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&scope=b%3Aread"
    );
    dialect.request(&own(Some(&audience(B))), by).unwrap_err();
}
