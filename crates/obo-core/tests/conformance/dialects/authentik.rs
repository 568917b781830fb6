//! <https://docs.goauthentik.io/add-secure-apps/providers/oauth2/token_exchange/>

use obo_core::dialect::{Dialect as _, Registration, authentik};
use obo_core::{Audience, ErrorClass, Issuer, TokenType};

use super::{
    ACCESS_TOKEN, JWT, actor, audience, body, classes, jwt, read, resource, scoped, to, unsayable,
};
use crate::validate::ISSUER;
use crate::wire::{grant, own, text};

#[test]
fn tx_02_tx_23_the_request_byte_by_byte() {
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

#[test]
fn ot_02_an_actor_token_makes_it_a_delegation() {
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

#[test]
fn ri_04_what_cannot_be_said_is_not_asked() {
    let dialect = authentik::exchange();
    unsayable(&dialect, &to(resource("https://b.example")), "resource");
    let two = audience("b").and_audience(Audience::new("c").unwrap());
    unsayable(&dialect, &to(two), "audience");
    let jwt = to(audience("b")).with_requested_type(TokenType::JWT);
    unsayable(&dialect, &jwt, "requested_token_type");
}

#[test]
fn ri_03_an_application_has_another_name_in_aud() {
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

#[test]
fn tx_21_every_refusal_has_its_class() {
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

#[test]
fn ot_02_this_service_asks_for_itself_by_scope() {
    let server = crate::validate::issuer();
    let by = Registration::new(&server, "service-a");
    let target = scoped(audience("service-b"), "b.read");
    let form = authentik::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&scope=b.read"
    );
}
