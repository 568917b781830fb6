//! The metadata documents (RFC 8414, OpenID Connect Discovery).

use http::Request;
use http_body_util::Full;
use obo_testkit::TestIdp;
use serde_json::{Value, json};

use crate::wire::{get, send};

/// MD-10
#[tokio::test]
async fn both_documents_agree() {
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

/// MD-10
#[tokio::test]
async fn well_known_paths_follow_their_rfcs() {
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

/// MD-10
#[tokio::test]
async fn issuer_ignores_host_header() {
    let idp = TestIdp::start().await;
    let url = format!("{}/.well-known/openid-configuration", idp.issuer());
    let request = Request::get(url)
        .header("host", "evil.example")
        .body(Full::default())
        .unwrap();
    assert_eq!(send(request).await.unwrap().json()["issuer"], idp.issuer());
}

/// BC-05
#[tokio::test]
async fn server_is_for_tests_on_loopback() {
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
