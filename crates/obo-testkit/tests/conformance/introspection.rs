//! Introspection (RFC 7662, RFC 9701): what the response reveals, and to which client.

use http::{Request, header};
use http_body_util::Full;
use obo_testkit::{TestIdp, TestKey, TokenBuilder};
use serde_json::json;

use crate::wire::{
    FORM, Response, basic, claims_of, encode, exchange, get, header_of, send, server,
};

const SIGNED: &str = "application/token-introspection+jwt";

async fn introspect_as(
    idp: &TestIdp,
    authorization: Option<String>,
    accept: &str,
    token: &str,
) -> Response {
    let mut request = Request::post(idp.introspection_endpoint())
        .header(header::CONTENT_TYPE, FORM)
        .header(header::ACCEPT, accept);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let body = encode(&[("token", token)]);
    send(request.body(Full::from(body)).unwrap()).await.unwrap()
}

async fn introspect(idp: &TestIdp, token: &str) -> Response {
    let credentials = Some(basic("service-a", "s3cret"));
    introspect_as(idp, credentials, "application/json", token).await
}

fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a").scope("orders:read")
}

/// IN-12
#[tokio::test]
async fn active_token_returns_its_claims() {
    let idp = server().await;
    for token in [alice(&idp).mint_opaque(), alice(&idp).mint()] {
        let response = introspect(&idp, &token).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("cache-control"), "no-store");
        let document = response.json();
        assert_eq!(document["active"], true);
        assert_eq!(document["token_type"], "Bearer");
        assert_eq!(document["sub"], "alice");
        assert_eq!(document["aud"], "service-a");
        assert_eq!(document["scope"], "orders:read");
        assert_eq!(document["iss"], idp.issuer());
    }
    assert_eq!(idp.introspection_requests(), 2);
}

/// IN-12
#[tokio::test]
async fn inactive_token_returns_no_claims() {
    let idp = server().await;
    let revoked = [alice(&idp).mint_opaque(), alice(&idp).mint()];
    revoked.iter().for_each(|token| idp.revoke(token));
    let others = [
        "forged".to_owned(),
        alice(&idp).expires_in(-1).mint_opaque(),
        alice(&idp).not_before(60).mint_opaque(),
        idp.user("alice").audience("service-b").mint_opaque(),
        idp.user("alice").audience("service-b").mint(),
        alice(&idp)
            .sign_with(&TestKey::generate(obo_testkit::TestAlg::Rs256))
            .mint(),
        idp.id_token("alice", "service-a").mint(),
    ];
    for token in revoked.iter().chain(&others) {
        let response = introspect(&idp, token).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.body, r#"{"active":false}"#);
    }
    idp.client("service-a").may_introspect("service-b");
    assert_eq!(introspect(&idp, &others[3]).await.json()["active"], true);
}

/// IN-02
#[tokio::test]
async fn introspection_needs_authentication() {
    let idp = server().await;
    let token = alice(&idp).mint_opaque();
    for credentials in [None, Some(basic("service-a", "wrong"))] {
        let response = introspect_as(&idp, credentials, "application/json", &token).await;
        assert_eq!(response.error(), (401, "invalid_client".to_owned()));
    }
    let read = get(&format!("{}?token={token}", idp.introspection_endpoint())).await;
    assert_eq!(read.status, 405);
}

/// IN-10
#[tokio::test]
async fn signed_response_names_the_client() {
    let idp = server().await;
    let token = alice(&idp).mint_opaque();
    let credentials = Some(basic("service-a", "s3cret"));
    let response = introspect_as(&idp, credentials, SIGNED, &token).await;
    assert_eq!(response.header("content-type"), SIGNED);
    let jws = String::from_utf8(response.body.to_vec()).unwrap();
    assert_eq!(header_of(&jws)["typ"], "token-introspection+jwt");
    assert_eq!(header_of(&jws)["kid"], idp.kid());
    let claims = claims_of(&jws);
    assert_eq!(claims["iss"], idp.issuer());
    assert_eq!(claims["aud"], "service-a");
    assert!(claims["iat"].is_i64());
    assert_eq!(claims["token_introspection"]["sub"], "alice");
    assert_eq!(claims.as_object().unwrap().len(), 4);
}

/// TX-12
#[tokio::test]
async fn opaque_token_is_exchanged_or_issued() {
    let idp = server().await;
    let token = alice(&idp).mint_opaque();
    let to_b = ("audience", "service-b");
    let issued = exchange(&idp, "service-a", &token, &[to_b]).await;
    assert_eq!(claims_of(&issued.access_token())["sub"], "alice");

    idp.set_issues_opaque(true);
    let issued = exchange(&idp, "service-a", &token, &[to_b])
        .await
        .access_token();
    assert!(!issued.contains('.'));
    idp.client("service-b").secret("s3cret");
    let credentials = Some(basic("service-b", "s3cret"));
    let document = introspect_as(&idp, credentials, "application/json", &issued)
        .await
        .json();
    assert_eq!(document["act"], json!({ "sub": "service-a" }));

    idp.revoke(&token);
    let refused = exchange(&idp, "service-a", &token, &[to_b]).await;
    assert_eq!(refused.error(), (400, "invalid_request".to_owned()));
    assert!(refused.description().contains("revoked"));
}

/// TX-10
#[tokio::test]
async fn issued_token_outlives_subject_token() {
    let idp = server().await;
    idp.client("service-a").may_introspect("service-b");
    for issues_opaque in [false, true] {
        idp.set_issues_opaque(issues_opaque);
        let subject = alice(&idp).mint_opaque();
        let to_b = ("audience", "service-b");
        let issued = exchange(&idp, "service-a", &subject, &[to_b]).await;
        let issued = issued.access_token();

        idp.revoke(&subject);
        assert_eq!(introspect(&idp, &subject).await.json()["active"], false);
        assert_eq!(introspect(&idp, &issued).await.json()["active"], true);
        idp.revoke(&issued);
        assert_eq!(introspect(&idp, &issued).await.json()["active"], false);
    }
}

#[tokio::test]
async fn revoked_user_has_no_active_token() {
    let idp = server().await;
    idp.client("service-a").may_introspect("service-b");
    let (jwt, opaque) = (alice(&idp).mint(), alice(&idp).mint_opaque());
    let to_b = ("audience", "service-b");
    let issued = exchange(&idp, "service-a", &jwt, &[to_b])
        .await
        .access_token();
    let tokens = [jwt, opaque, issued];
    for is_revoked in [false, true, false] {
        match is_revoked {
            true => idp.revoke_user("alice"),
            false => idp.restore_user("alice"),
        }
        for token in &tokens {
            let response = introspect(&idp, token).await.json();
            assert_eq!(response["active"], !is_revoked);
        }
        let refused = exchange(&idp, "service-a", &tokens[0], &[to_b]).await;
        assert_eq!(refused.status == 200, !is_revoked);
    }
}

/// MD-10
#[tokio::test]
async fn endpoint_is_in_the_metadata() {
    let idp = server().await;
    let url = format!("{}/.well-known/openid-configuration", idp.issuer());
    let document = get(&url).await.json();
    assert_eq!(
        document["introspection_endpoint"],
        idp.introspection_endpoint()
    );
}

/// OB-01
#[tokio::test]
async fn recorded_request_hides_token() {
    let idp = server().await;
    let token = alice(&idp).mint_opaque();
    introspect(&idp, &token).await;
    assert!(!format!("{:?}", idp.requests()).contains(&token));
}
