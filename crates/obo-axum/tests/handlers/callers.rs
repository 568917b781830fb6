//! The extractors.

use axum::Router;
use axum::routing::{any, get};
use http::{HeaderValue, header};
use obo_axum::{Authenticated, User};
use obo_testkit::TestIdp;
use serde::Deserialize;

use crate::app::{INSUFFICIENT, alice, bearer, call, trust, with_token, without_token};

#[derive(Clone, Debug, Deserialize)]
struct Tenant {
    tenant: String,
}

async fn anyone(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}

async fn maybe(caller: Option<Authenticated>) -> String {
    caller.map_or("anonymous".to_owned(), |Authenticated(caller)| {
        caller.subject().to_owned()
    })
}

async fn user(User(caller): User) -> String {
    caller.subject().to_owned()
}

async fn of_tenant(Authenticated(caller): Authenticated<Tenant>) -> String {
    caller.claims().tenant.clone()
}

async fn maybe_of_tenant(caller: Option<Authenticated<Tenant>>) -> String {
    caller.map_or("anonymous".to_owned(), |Authenticated(caller)| {
        caller.claims().tenant.clone()
    })
}

async fn user_of_tenant(User(caller): User<Tenant>) -> String {
    caller.claims().tenant.clone()
}

fn routes() -> Router {
    Router::new()
        .route("/anyone", any(anyone))
        .route("/maybe", get(maybe))
        .route("/user", any(user))
        .route("/of-tenant", any(of_tenant))
        .route("/maybe-of-tenant", get(maybe_of_tenant))
        .route("/user-of-tenant", get(user_of_tenant))
}

/// GR-11
#[tokio::test]
async fn handler_sees_validated_caller() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp)));
    let token = alice(&idp).mint();
    for path in ["/anyone", "/maybe", "/user"] {
        assert_eq!(
            call(&router, with_token(path, &token)).await.body,
            "alice",
            "{path}"
        );
        call(&router, without_token(path))
            .await
            .assert_refused(401, Some("Bearer"));
    }
}

/// BT-17
#[tokio::test]
async fn anonymous_caller_is_none_or_401() {
    let idp = TestIdp::start().await;
    let typed = trust(&idp).claims::<Tenant>();
    let router = routes().layer(bearer(typed).allow_anonymous());
    for path in ["/maybe", "/maybe-of-tenant"] {
        assert_eq!(call(&router, without_token(path)).await.body, "anonymous");
    }
    for path in ["/anyone", "/user", "/of-tenant", "/user-of-tenant"] {
        call(&router, without_token(path))
            .await
            .assert_refused(401, Some("Bearer"));
    }
    let expired = alice(&idp).claim("tenant", "t1").expires_in(-61).mint();
    let got = call(&router, with_token("/maybe", &expired)).await;
    got.assert_refused(401, Some(r#"Bearer error="invalid_token""#));
}

/// AT-11
#[tokio::test]
async fn service_alone_is_not_a_user() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp).claims::<Tenant>()));
    let service = idp
        .service("service-x")
        .audience("service-a")
        .claim("tenant", "t1")
        .mint();
    assert_eq!(
        call(&router, with_token("/anyone", &service)).await.body,
        "service-x"
    );
    for path in ["/user", "/user-of-tenant"] {
        let got = call(&router, with_token(path, &service)).await;
        got.assert_refused(403, Some(INSUFFICIENT));
    }
    let acting = alice(&idp).actor("service-x").claim("tenant", "t1").mint();
    assert_eq!(
        call(&router, with_token("/user", &acting)).await.body,
        "alice"
    );
}

#[tokio::test]
async fn typed_claims_are_extracted() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp).claims::<Tenant>()));
    let token = alice(&idp).claim("tenant", "t1").mint();
    for path in ["/of-tenant", "/maybe-of-tenant", "/user-of-tenant"] {
        assert_eq!(
            call(&router, with_token(path, &token)).await.body,
            "t1",
            "{path}"
        );
    }
    assert_eq!(
        call(&router, with_token("/anyone", &token)).await.body,
        "alice"
    );
}

#[tokio::test]
async fn unconfigured_claims_are_500() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp)));
    let token = alice(&idp).claim("tenant", "t1").mint();
    for path in ["/of-tenant", "/maybe-of-tenant", "/user-of-tenant"] {
        call(&router, with_token(path, &token))
            .await
            .assert_refused(500, None);
    }
}

/// GR-01
#[tokio::test]
async fn extractor_rejects_grpc_as_grpc() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp)).allow_anonymous());
    let service = idp.service("service-x").audience("service-a").mint();
    for (request, code) in [
        (without_token("/anyone"), "16"),
        (with_token("/user", &service), "7"),
        (with_token("/of-tenant", &service), "13"),
    ] {
        let mut request = request;
        let grpc = HeaderValue::from_static("application/grpc+proto");
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, grpc.clone());
        *request.method_mut() = http::Method::POST;
        let got = call(&router, request).await;
        assert_eq!((got.status.as_u16(), &*got.body), (200, ""));
        assert_eq!(got.headers["grpc-status"], code);
        assert_eq!(got.headers[header::CONTENT_TYPE], grpc);
    }
}
