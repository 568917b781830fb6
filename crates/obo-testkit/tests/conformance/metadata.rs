//! The metadata documents (RFC 8414, OpenID Connect Discovery).

use http::Request;
use http_body_util::Full;
use obo_testkit::TestIdp;
use serde_json::{Value, json};

use crate::wire::{get, send};

#[tokio::test]
async fn md_10_both_documents_are_served_and_agree() {
    for path in ["", "/realms/corp"] {
        let idp = TestIdp::builder().issuer_path(path).start().await;
        let origin = idp.issuer().strip_suffix(path).unwrap();
        let oauth = get(&format!(
            "{origin}/.well-known/oauth-authorization-server{path}"
        ))
        .await;
        let openid = get(&format!("{origin}{path}/.well-known/openid-configuration")).await;
        assert_eq!((oauth.status.as_u16(), openid.status.as_u16()), (200, 200));
        assert_eq!(oauth.header("content-type"), "application/json");
        assert_eq!(openid.header("content-type"), "application/json");
        assert_eq!(oauth.json(), openid.json());

        let document = oauth.json();
        assert_eq!(document["issuer"], idp.issuer());
        assert_eq!(document["token_endpoint"], idp.token_endpoint());
        assert_eq!(document["jwks_uri"], idp.jwks_uri());
        assert!(
            document
                .as_object()
                .unwrap()
                .values()
                .all(|value| *value != Value::Array(Vec::new()))
        );
        // RFC 8414 §2 requires it, also without an authorization endpoint.
        for required in ["issuer", "token_endpoint"] {
            assert!(document[required].is_string(), "{required}");
        }
        assert_eq!(document["response_types_supported"], json!(["none"]));
        assert_eq!(get(&idp.jwks_uri()).await.status, 200);
    }
}

#[tokio::test]
async fn md_10_the_well_known_part_is_inserted_for_one_and_appended_for_the_other() {
    let idp = TestIdp::builder().issuer_path("/realms/corp").start().await;
    let origin = idp.issuer().strip_suffix("/realms/corp").unwrap();
    for wrong in [
        "/realms/corp/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/realms/corp",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/realms/corp/.well-known/openid-configuration/",
    ] {
        assert_eq!(
            get(&format!("{origin}{wrong}")).await.status,
            404,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn md_10_the_issuer_does_not_come_from_the_host_header() {
    let idp = TestIdp::start().await;
    let url = format!("{}/.well-known/openid-configuration", idp.issuer());
    let request = Request::get(url)
        .header("host", "evil.example")
        .body(Full::default())
        .unwrap();
    assert_eq!(send(request).await.unwrap().json()["issuer"], idp.issuer());
}

#[tokio::test]
async fn bc_05_the_server_says_that_it_is_for_tests_and_stays_on_loopback() {
    let idp = TestIdp::start().await;
    assert!(idp.issuer().starts_with("http://127.0.0.1:"));
    let document = get(&format!(
        "{}/.well-known/openid-configuration",
        idp.issuer()
    ))
    .await
    .json();
    assert_eq!(document["obo_testkit"], "obo-testkit, never for production");
    let other = TestIdp::start().await;
    assert_ne!(
        get(&idp.jwks_uri()).await.body,
        get(&other.jwks_uri()).await.body,
        "keys are made at start"
    );
}
