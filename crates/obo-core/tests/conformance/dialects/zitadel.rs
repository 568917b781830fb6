//! <https://zitadel.com/docs/guides/integrate/token-exchange>. Refusals are from the source,
//! `internal/api/oidc`.

use obo_core::dialect::{Dialect as _, Registration, zitadel};
use obo_core::{Audience, ErrorClass, Issuer, TokenType};

use super::{
    ACCESS_TOKEN, JWT, actor, audience, body, classes, jwt, read, resource, scoped, to, unsayable,
};
use crate::validate::{ISSUER, issuer};
use crate::wire::{grant, own, text};

const PROJECT: &str = "259242039378444290";

/// TX-02, TX-05
#[test]
fn request_has_exact_bytes() {
    let two = audience(PROJECT).and_audience(Audience::new("service-b").unwrap());
    assert_eq!(
        body(&zitadel::exchange(), &to(scoped(two, "openid"))),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &requested_token_type={JWT}&audience={PROJECT}&audience=service-b&scope=openid"
        )
    );
}

/// OT-02
#[test]
fn actor_is_access_or_id_token() {
    let request = to(audience(PROJECT));
    let acting = request.clone().with_actor(actor(TokenType::ACCESS_TOKEN));
    assert_eq!(
        body(&zitadel::exchange(), &acting),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &actor_token=own-token&actor_token_type={ACCESS_TOKEN}\
             &requested_token_type={JWT}&audience={PROJECT}"
        )
    );
    body(
        &zitadel::exchange(),
        &request.clone().with_actor(actor(TokenType::ID_TOKEN)),
    );
    let by_jwt = request.with_actor(actor(TokenType::JWT));
    unsayable(&zitadel::exchange(), &by_jwt, "actor_token_type");
}

/// TX-23: there, `jwt` is an assertion of the client.
#[test]
fn subject_is_always_an_access_token() {
    let elsewhere = Issuer::new("https://other.zitadel.example").unwrap();
    let by = Registration::new(&elsewhere, "service-a");
    let form = zitadel::exchange()
        .request(&grant(&to(audience(PROJECT))), by)
        .unwrap();
    assert!(text(&form).contains(&format!("&subject_token_type={ACCESS_TOKEN}&")));
}

/// RI-04
#[test]
fn unsupported_request_is_not_sent() {
    let dialect = zitadel::exchange();
    unsayable(&dialect, &to(resource("https://b.example")), "resource");
    let id_token = to(audience(PROJECT)).with_requested_type(TokenType::ID_TOKEN);
    unsayable(&dialect, &id_token, "requested_token_type");
}

/// TX-07, TX-14
#[test]
fn response_is_requested_jwt() {
    let token = jwt(&format!(
        r#"{{"iss":"{ISSUER}","sub":"alice","aud":["{PROJECT}"],"exp":1800043199,"act":{{"iss":"{ISSUER}","sub":"service-a"}}}}"#
    ));
    let response = |token_type: &str, issued: &str| {
        format!(
            r#"{{"access_token":"{token}","issued_token_type":"urn:ietf:params:oauth:token-type:{issued}",
                "token_type":"{token_type}","expires_in":43199,"scope":"openid profile"}}"#
        )
    };
    let request = to(audience(PROJECT));
    read(&zitadel::exchange(), &request, &response("Bearer", "jwt")).unwrap();
    for other in [
        response("Bearer", "access_token"),
        response("N_A", "id_token"),
        response("N_A", "jwt"),
    ] {
        read(&zitadel::exchange(), &request, &other).unwrap_err();
    }
    let opaque = request.with_requested_type(TokenType::ACCESS_TOKEN);
    read(
        &zitadel::exchange(),
        &opaque,
        &response("Bearer", "access_token"),
    )
    .unwrap();
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_request","error_description":"subject_token invalid"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_target","error_description":"audience \"x\" not found in subject or actor token"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_target","error_description":"resource parameter not supported"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"scope \"admin\" not found in subject or actor token"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            403,
            r#"{"error":"invalid_request","error_description":"Errors.TokenExchange.Impersonation.PolicyDisabled"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"actor_token invalid"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"invalid secret"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (500, r#"{"error":"server_error"}"#, ErrorClass::Transient),
    ];
    classes(&zitadel::exchange(), &to(audience(PROJECT)), &refusals);
}

/// OT-02
#[test]
fn own_token_is_requested_by_scope() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let scope = format!("urn:zitadel:iam:org:project:id:{PROJECT}:aud");
    let target = scoped(audience(PROJECT), &scope);
    let form = zitadel::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        format!(
            "grant_type=client_credentials&scope=urn%3Azitadel%3Aiam%3Aorg%3Aproject%3Aid%3A{PROJECT}%3Aaud"
        )
    );
}
