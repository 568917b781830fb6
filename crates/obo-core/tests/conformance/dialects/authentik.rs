//! <https://docs.goauthentik.io/add-secure-apps/providers/oauth2/token_exchange/>

use obo_core::dialect::{Dialect as _, Registration, authentik};
use obo_core::{Audience, ErrorClass, Issuer, TokenType};

use super::{
    ACCESS_TOKEN, JWT, actor, audience, body, classes, jwt, read, resource, scoped, to, unsayable,
};
use crate::validate::ISSUER;
use crate::wire::{grant, own, text};

/// TX-02, TX-23
#[test]
fn request_has_exact_bytes() {
    let request = to(audience("service-b"));
    assert_eq!(
        body(&authentik::exchange(), &request),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &requested_token_type={ACCESS_TOKEN}&audience=service-b"
        )
    );
    // Each provider is an issuer, and a token of another one is a JWT to this one.
    let other = Issuer::new("https://auth.example/application/o/service-a/").unwrap();
    let by = Registration::new(&other, "service-a");
    let form = authentik::exchange().request(&grant(&request), by).unwrap();
    assert!(text(&form).contains(&format!("&subject_token_type={JWT}&")));
}

/// OT-02
#[test]
fn actor_token_makes_delegation() {
    let acting = to(audience("service-b")).with_actor(actor(TokenType::ACCESS_TOKEN));
    assert_eq!(
        body(&authentik::exchange(), &acting),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &actor_token=own-token&actor_token_type={ACCESS_TOKEN}\
             &requested_token_type={ACCESS_TOKEN}&audience=service-b"
        )
    );
}

/// RI-04
#[test]
fn unsupported_request_is_not_sent() {
    let dialect = authentik::exchange();
    unsayable(&dialect, &to(resource("https://b.example")), "resource");
    let two = audience("b").and_audience(Audience::new("c").unwrap());
    unsayable(&dialect, &to(two), "audience");
    let jwt = to(audience("b")).with_requested_type(TokenType::JWT);
    unsayable(&dialect, &jwt, "requested_token_type");
}

/// RI-03
#[test]
fn application_has_other_aud_name() {
    let token = jwt(&format!(
        r#"{{"iss":"{ISSUER}","sub":"alice","aud":"client-of-b","exp":1800000300,"uid":"u","azp":"service-a"}}"#
    ));
    let body = format!(
        r#"{{"access_token":"{token}","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
            "token_type":"Bearer","scope":"","expires_in":300}}"#
    );
    let by_name = audience("orders-app");
    read(&authentik::exchange(), &to(by_name.clone()), &body).unwrap_err();
    let named = by_name.or_named(Audience::new("client-of-b").unwrap());
    read(&authentik::exchange(), &to(named), &body).unwrap();
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"The provided authorization grant or refresh token is invalid, expired, revoked"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_target","error_description":"The requested resource is invalid"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            ErrorClass::ClientMisconfigured,
        ),
    ];
    classes(
        &authentik::exchange(),
        &to(audience("service-b")),
        &refusals,
    );
}

/// OT-02
#[test]
fn own_token_is_requested_by_scope() {
    let server = crate::validate::issuer();
    let by = Registration::new(&server, "service-a");
    let target = scoped(audience("service-b"), "b.read");
    let form = authentik::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&scope=b.read"
    );
}
