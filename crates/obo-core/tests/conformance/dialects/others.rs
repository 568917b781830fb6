//! Products with little documentation: it has a request, and few refusals.

use obo_core::dialect::{Dialect as _, Registration, google, ping_federate, tokendings, wso2};
use obo_core::{Audience, ErrorClass, Scope, TokenType};

use super::{
    ACCESS_TOKEN, JWT, actor, audience, body, classes, jwt, read, resource, scoped, to, unsayable,
};
use crate::validate::{ISSUER, issuer};
use crate::wire::{own, text};

/// <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>
mod google_sts {
    use super::*;

    const POOL: &str =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/idp";
    const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";

    /// TX-02
    #[test]
    fn request_has_exact_bytes() {
        let dialect = google::exchange()
            .extra_parameter("options", r#"{"userProject":"1"}"#)
            .unwrap();
        assert_eq!(
            body(&dialect, &to(scoped(audience(POOL), CLOUD))),
            format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                 &subject_token=SUBJECT&subject_token_type={JWT}&requested_token_type={ACCESS_TOKEN}\
                 &audience=%2F%2Fiam.googleapis.com%2Fprojects%2F1%2Flocations%2Fglobal%2FworkloadIdentityPools%2Fp%2Fproviders%2Fidp\
                 &scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform\
                 &options=%7B%22userProject%22%3A%221%22%7D"
            )
        );
        unsayable(&google::exchange(), &to(audience(POOL)), "scope");
        let acting = to(scoped(audience(POOL), CLOUD)).with_actor(actor(TokenType::JWT));
        unsayable(&google::exchange(), &acting, "actor_token");
        let two = audience(POOL).and_audience(Audience::new("x").unwrap());
        unsayable(&google::exchange(), &to(scoped(two, CLOUD)), "audience");
        let jwt = to(scoped(audience(POOL), CLOUD)).with_requested_type(TokenType::JWT);
        unsayable(&google::exchange(), &jwt, "requested_token_type");
    }

    /// TX-13
    #[test]
    fn response_is_opaque_access_token() {
        let body = r#"{"access_token":"ya29.d.b0Aaekm1K","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
            "token_type":"Bearer","expires_in":3599}"#;
        let request = to(scoped(audience(POOL), CLOUD));
        let issued = read(&google::exchange(), &request, body).unwrap();
        assert_eq!(issued.authorization(), "Bearer ya29.d.b0Aaekm1K");
    }

    /// TX-21
    #[test]
    fn each_refusal_has_its_class() {
        let refusals = [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"ID Token issued at 1 is stale to sign-in."}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                400,
                r#"{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid."}"#,
                ErrorClass::TargetDenied,
            ),
            (
                401,
                r#"{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}"#,
                ErrorClass::TargetDenied,
            ),
            (
                400,
                r#"{"error":"invalid_scope","error_description":"Invalid OAuth scope or ID token audience provided."}"#,
                ErrorClass::TargetDenied,
            ),
            (429, "", ErrorClass::Throttled),
        ];
        classes(
            &google::exchange(),
            &to(scoped(audience(POOL), CLOUD)),
            &refusals,
        );
    }
}

/// <https://docs.pingidentity.com/pingfederate/latest/>, the page on the token exchange grant.
mod ping {
    use super::*;

    /// RI-04
    #[test]
    fn request_has_exact_bytes() {
        let target = audience("client-of-b")
            .and_resource(obo_core::Resource::new("https://b.example").unwrap());
        let acting = to(scoped(target, "b")).with_actor(actor(TokenType::ACCESS_TOKEN));
        assert_eq!(
            body(&ping_federate::exchange(), &acting),
            format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                 &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
                 &actor_token=own-token&actor_token_type={ACCESS_TOKEN}\
                 &audience=client-of-b&resource=https%3A%2F%2Fb.example&scope=b"
            )
        );
    }

    /// TX-07, RI-03
    #[test]
    fn server_type_and_audience_are_read() {
        let token = jwt(&format!(
            r#"{{"iss":"{ISSUER}","sub":"alice","aud":"atm-b"}}"#
        ));
        let body = format!(
            r#"{{"access_token":"{token}","issued_token_type":"urn:params:oauth:token-type:jwt","token_type":"Bearer","expires_in":7199}}"#
        );
        let target = resource("https://b.example");
        read(&ping_federate::exchange(), &to(target.clone()), &body).unwrap_err();
        let named = target.or_named(Audience::new("atm-b").unwrap());
        read(&ping_federate::exchange(), &to(named.clone()), &body).unwrap();
        let strict = obo_core::dialect::Rfc8693::new();
        read(&strict, &to(named), &body).unwrap_err();
    }

    /// TX-21
    #[test]
    fn refusals_follow_the_standard() {
        let refusals = [
            (
                400,
                r#"{"error":"invalid_request","error_description":"subject_token is invalid"}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                400,
                r#"{"error":"invalid_target"}"#,
                ErrorClass::TargetDenied,
            ),
            (
                401,
                r#"{"error":"invalid_client"}"#,
                ErrorClass::ClientMisconfigured,
            ),
        ];
        classes(&ping_federate::exchange(), &to(audience("b")), &refusals);
    }
}

/// <https://wso2.com/asgardeo/docs/guides/authorization/delegation/>
mod asgardeo {
    use super::*;

    /// RI-04, OT-02
    #[test]
    fn request_has_exact_bytes() {
        let target = scoped(audience("service-b"), "b_read");
        let acting = to(target.clone()).with_actor(actor(TokenType::JWT));
        assert_eq!(
            body(&wso2::exchange(), &acting),
            format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                 &subject_token=SUBJECT&subject_token_type={JWT}\
                 &actor_token=own-token&actor_token_type={JWT}&scope=b_read"
            )
        );
        unsayable(&wso2::exchange(), &to(audience("service-b")), "scope");
        unsayable(
            &wso2::exchange(),
            &to(scoped(resource("urn:r"), "b_read")),
            "resource",
        );
        let other = to(target).with_actor(actor(TokenType::ACCESS_TOKEN));
        unsayable(&wso2::exchange(), &other, "actor_token_type");
        let id_token = to(scoped(audience("service-b"), "b_read"));
        let id_token = id_token.with_requested_type(TokenType::ID_TOKEN);
        unsayable(&wso2::exchange(), &id_token, "requested_token_type");
    }

    /// AT-14
    #[test]
    fn aud_lists_application_audiences() {
        let response = |aud: &str| {
            let token = jwt(&format!(
                r#"{{"iss":"{ISSUER}","sub":"alice","aud":{aud}}}"#
            ));
            format!(
                r#"{{"access_token":"{token}","refresh_token":"r","scope":"b_read","token_type":"Bearer","expires_in":3600,
                    "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"}}"#
            )
        };
        let request = to(scoped(audience("service-b"), "b_read"));
        let both = response(r#"["service-a","service-b"]"#);
        let issued = read(&wso2::exchange(), &request, &both).unwrap();
        assert_eq!(issued.scope(), &Scope::new(["b_read"]).unwrap());
        read(&wso2::exchange(), &request, &response(r#"["service-a"]"#)).unwrap_err();
    }

    /// TX-21
    #[test]
    fn refusals_follow_the_standard() {
        let refusals = [
            (
                400,
                r#"{"error_description":"Signature or Message Authentication invalid.","error":"invalid_request"}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                401,
                r#"{"error_description":"Unsupported Client Authentication Method!","error":"invalid_client"}"#,
                ErrorClass::ClientMisconfigured,
            ),
            (
                400,
                r#"{"error":"unauthorized_client","error_description":"The authenticated client is not authorized to use this authorization grant type"}"#,
                ErrorClass::ClientMisconfigured,
            ),
        ];
        classes(
            &wso2::exchange(),
            &to(scoped(audience("service-b"), "b_read")),
            &refusals,
        );
    }
}

/// <https://github.com/nais/tokendings>. The refusals are from there.
mod nais {
    use super::*;

    const APP: &str = "prod-gcp:team:service-b";

    /// TX-02
    #[test]
    fn request_has_exact_bytes() {
        let request = to(audience(APP));
        assert_eq!(
            body(&tokendings::exchange(), &request),
            format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                 &subject_token=SUBJECT&subject_token_type={JWT}&audience=prod-gcp%3Ateam%3Aservice-b"
            )
        );
        unsayable(&tokendings::exchange(), &to(resource("urn:r")), "resource");
        let two = audience(APP).and_audience(Audience::new("x").unwrap());
        unsayable(&tokendings::exchange(), &to(two), "audience");
        let acting = request.clone().with_actor(actor(TokenType::JWT));
        unsayable(&tokendings::exchange(), &acting, "actor_token");
        let jwt = request.with_requested_type(TokenType::JWT);
        unsayable(&tokendings::exchange(), &jwt, "requested_token_type");
    }

    /// TX-13
    #[test]
    fn response_is_of_its_own_issuer() {
        let token = jwt(&format!(
            r#"{{"iss":"https://tokendings.example","idp":"{ISSUER}","sub":"alice","aud":"{APP}","client_id":"prod-gcp:team:service-a","exp":1800000300}}"#
        ));
        let body = format!(
            r#"{{"access_token":"{token}","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":299}}"#
        );
        read(&tokendings::exchange(), &to(audience(APP)), &body).unwrap();
    }

    /// TX-21
    #[test]
    fn each_refusal_has_its_class() {
        let refusals = [
            (
                400,
                r#"{"error_description":"invalid request, validator for issuer=https://x not found","error":"invalid_request"}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                400,
                r#"{"error_description":"token verification failed: Expired JWT","error":"invalid_request"}"#,
                ErrorClass::SubjectInvalid,
            ),
            (
                400,
                r#"{"error_description":"audience prod-gcp:team:service-b is invalid","error":"invalid_request"}"#,
                ErrorClass::TargetDenied,
            ),
            (
                400,
                r#"{"error_description":"client 'prod-gcp:team:service-a' is not authorized to get token with aud=prod-gcp:team:service-b","error":"invalid_request"}"#,
                ErrorClass::TargetDenied,
            ),
            (
                400,
                r#"{"error":"access_denied"}"#,
                ErrorClass::TargetDenied,
            ),
            (
                400,
                r#"{"error_description":"client is not authenticated","error":"invalid_request"}"#,
                ErrorClass::ClientMisconfigured,
            ),
            (
                401,
                r#"{"error_description":"invalid client authentication for client_id=prod-gcp:team:service-a, client not registered.","error":"invalid_client"}"#,
                ErrorClass::ClientMisconfigured,
            ),
        ];
        classes(&tokendings::exchange(), &to(audience(APP)), &refusals);
    }
}

/// OT-02
#[test]
fn own_token_names_target_as_exchange() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let target = scoped(audience("service-b"), "b_read");
    let form = wso2::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&scope=b_read"
    );
    let form = ping_federate::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&audience=service-b&scope=b_read"
    );
}
