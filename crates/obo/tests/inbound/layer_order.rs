//! Layers that need a caller without an outer `BearerAuthLayer`: missing, or in the wrong order.

use std::convert::Infallible;

use http::{Method, Request, Response, header};
use obo::bearer::PublicPaths;
use obo::{BearerAuthLayer, ExpiryLayer, RequireLayer, ResourceServer, Rule, RuleTable, bearer};
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::guarded::{INVALID_TOKEN, assert_refused, challenges, service_a};
use crate::issuer::FakeIssuer;
use obo_test_support::Log;

async fn ok(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("inner".to_owned()))
}

fn server(idp: &FakeIssuer) -> ResourceServer {
    service_a(idp.known())
}

fn with_token(idp: &FakeIssuer) -> Request<()> {
    let line = format!("Bearer {}", idp.token().mint());
    let request = Request::get("/orders").header(header::AUTHORIZATION, line);
    request.body(()).unwrap()
}

fn public() -> RuleTable {
    let table = RuleTable::builder().route("/admin", Rule::user());
    table.public("/orders").build().unwrap()
}

/// The response and the log.
async fn sent<S, E>(service: S, request: Request<()>) -> (Response<String>, String)
where
    S: Service<Request<()>, Response = Response<String>, Error = E>,
    E: std::fmt::Debug,
{
    let (log, _guard) = Log::capture();
    let response = service.oneshot(request).await.unwrap();
    (response, log.text())
}

fn assert_told(response: &Response<String>, log: &str, needed_by: &str) {
    assert_refused(response, 500, &[], needed_by);
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let [error] = &*errors else { panic!("{log}") };
    for expected in [
        "no BearerAuthLayer ran before",
        needed_by,
        "axum Router the layer added last runs first",
        "ServiceBuilder and in tonic's Server::layer the one added first",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    assert!(!log.contains("no bearer credentials"), "{log}");
}

#[tokio::test]
async fn rule_without_bearer_layer_is_500() {
    let idp = FakeIssuer::new().await;
    for layer in [
        RequireLayer::new(Rule::no_actor()).unwrap(),
        RequireLayer::by_path(public()),
    ] {
        let missing = layer.layer(service_fn(ok));
        let (response, log) = sent(missing, with_token(&idp)).await;
        assert_told(&response, &log, "RequireLayer");
        let outside = ServiceBuilder::new()
            .layer(layer)
            .layer(BearerAuthLayer::new(server(&idp)))
            .service_fn(ok);
        for request in [with_token(&idp), Request::new(())] {
            let (response, log) = sent(outside.clone(), request).await;
            assert_told(&response, &log, "RequireLayer");
        }
    }
}

#[tokio::test]
async fn expiry_without_bearer_layer_is_500() {
    let idp = FakeIssuer::new().await;
    let expiry = || {
        let map = tower::util::MapResponseLayer::new(|response: Response<_>| {
            response.map(|_: obo::expiry::ExpiryBody<String>| String::new())
        });
        ServiceBuilder::new()
            .layer(map)
            .layer(ExpiryLayer::new(server(&idp)))
    };
    let missing = expiry().service_fn(ok);
    let (response, log) = sent(missing, with_token(&idp)).await;
    assert_told(&response, &log, "ExpiryLayer");
    let outside = expiry().layer(BearerAuthLayer::new(server(&idp)));
    let outside = outside
        .layer(RequireLayer::new(Rule::user()).unwrap())
        .service_fn(ok);
    for request in [with_token(&idp), Request::new(())] {
        let (response, log) = sent(outside.clone(), request).await;
        assert_told(&response, &log, "ExpiryLayer");
    }
}

/// GR-01
#[tokio::test]
async fn call_without_layer_is_internal() {
    let idp = FakeIssuer::new().await;
    let grpc = || {
        let mut request = with_token(&idp);
        *request.method_mut() = Method::POST;
        let grpc = "application/grpc".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, grpc);
        request
    };
    let rule = RequireLayer::new(Rule::user())
        .unwrap()
        .layer(service_fn(ok));
    let expiry = ExpiryLayer::new(server(&idp)).layer(service_fn(ok));
    let by_rule = rule.oneshot(grpc()).await.unwrap().map(drop);
    let by_expiry = expiry.oneshot(grpc()).await.unwrap().map(drop);
    for response in [by_rule, by_expiry] {
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["grpc-status"]
            ),
            (200, &"13".parse().unwrap())
        );
        assert!(challenges(&response).is_empty());
    }
}

#[tokio::test]
async fn request_without_token_is_not_500() {
    let idp = FakeIssuer::new().await;
    let layer = || BearerAuthLayer::new(server(&idp));
    let preflight = Request::options("/orders")
        .header(header::ORIGIN, "https://app.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let get = || Request::get("/orders").body(()).unwrap();
    for (layer, request) in [
        (layer().allow_anonymous(), get()),
        (
            layer().public_paths(PublicPaths::new(["/orders"]).unwrap()),
            get(),
        ),
        (layer().allow_preflight(), preflight.body(()).unwrap()),
    ] {
        let expiry = ExpiryLayer::new(server(&idp));
        let open = ServiceBuilder::new()
            .layer(layer.clone())
            .layer(expiry)
            .layer(RequireLayer::by_path(public()))
            .service_fn(ok);
        let (parts, ()) = request.into_parts();
        let request = || Request::from_parts(parts.clone(), ());
        assert_eq!(open.oneshot(request()).await.unwrap().status(), 200);
        let closed = ServiceBuilder::new()
            .layer(layer)
            .layer(RequireLayer::new(Rule::user()).unwrap())
            .service_fn(ok);
        let (response, log) = sent(closed, request()).await;
        assert_refused(&response, 401, &["Bearer"], "anonymous");
        assert!(!log.contains("ERROR"), "{log}");
    }
}

#[tokio::test]
async fn only_a_layer_declares_no_caller() {
    let idp = FakeIssuer::new().await;
    let mut request = with_token(&idp);
    request.extensions_mut().insert(None::<obo::Caller>);
    request.extensions_mut().insert(());
    let found = bearer::caller(request.extensions(), "a handler");
    assert_eq!(found.unwrap_err().code(), "misconfigured");
    let bad = Request::get("/").header(header::AUTHORIZATION, "Bearer x");
    let layer = BearerAuthLayer::new(server(&idp)).allow_anonymous();
    let seen =
        ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(|request: Request<()>| async move {
                let caller = bearer::caller(request.extensions(), "a handler").unwrap();
                Ok::<_, Infallible>(Response::new(
                    caller.map(|it| it.subject().to_owned()).unwrap_or_default(),
                ))
            }));
    let body = async |request| seen.clone().oneshot(request).await.unwrap();
    assert_eq!(body(with_token(&idp)).await.body(), "alice");
    assert_eq!(body(Request::new(())).await.body(), "");
    assert_refused(
        &body(bad.body(()).unwrap()).await,
        401,
        &[INVALID_TOKEN],
        "bad",
    );
}

#[tokio::test]
async fn authorization_header_is_sensitive() {
    let idp = FakeIssuer::new().await;
    let layer = BearerAuthLayer::new(server(&idp)).allow_anonymous();
    let shown =
        ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(|request: Request<()>| async move {
                let shown = format!("{:?}", request.headers());
                let sent = request.headers()[header::AUTHORIZATION].to_str().unwrap();
                Ok::<_, Infallible>(Response::new(format!("{sent}\n{shown}")))
            }));
    let bearer = format!("Bearer {}", idp.token().mint());
    // Credentials of another scheme are for a service further inside; the request is anonymous
    // here.
    for line in [&*bearer, "Basic c2VjcmV0", "Digest username=\"secret\""] {
        let request = Request::get("/").header(header::AUTHORIZATION, line);
        let response = shown
            .clone()
            .oneshot(request.body(()).unwrap())
            .await
            .unwrap();
        let (sent, headers) = response.body().split_once('\n').unwrap();
        assert_eq!(sent, line);
        let secret = line.rsplit(' ').next().unwrap();
        assert!(!headers.contains(secret), "{headers}");
    }
    // Also after a wait for keys.
    let waiting = FakeIssuer::new().await;
    let layer = BearerAuthLayer::new(server(&waiting));
    let service =
        ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(|request: Request<()>| async move {
                let is_sensitive = request.headers()[header::AUTHORIZATION].is_sensitive();
                Ok::<_, Infallible>(Response::new(is_sensitive.to_string()))
            }));
    for _ in 0..2 {
        let response = service.clone().oneshot(with_token(&waiting)).await.unwrap();
        assert_eq!(response.body(), "true");
    }
}
