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

#[tokio::test]
async fn gr_11_a_handler_sees_whom_the_layer_validated() {
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

#[tokio::test]
async fn bt_17_an_anonymous_caller_is_nobody_or_refused_by_who_needs_one() {
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

#[tokio::test]
async fn at_11_a_service_for_itself_is_no_user_and_one_that_acts_for_a_user_is() {
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
async fn claims_of_a_type_of_ones_own_are_there_when_the_policy_reads_them() {
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
async fn claims_that_the_policy_does_not_read_are_the_services_fault() {
    let idp = TestIdp::start().await;
    let router = routes().layer(bearer(trust(&idp)));
    let token = alice(&idp).claim("tenant", "t1").mint();
    for path in ["/of-tenant", "/maybe-of-tenant", "/user-of-tenant"] {
        call(&router, with_token(path, &token))
            .await
            .assert_refused(500, None);
    }
}

#[tokio::test]
async fn gr_01_an_extractor_refuses_grpc_callers_as_grpc() {
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
