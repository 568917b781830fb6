//! A redirect is returned like any response, and a client that follows it sends no token to another
//! origin.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::setup::{Setup, service_b};

/// BT-21
#[tokio::test]
async fn unfollowed_redirect_is_passed_on() {
    let setup = Setup::start().await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut to_b = setup.to_b().layer(client).on_behalf_of(&setup.caller);
    let elsewhere = service_b().await;
    let request = Request::get(format!("{}/?{elsewhere}", setup.b)).body(Empty::new());
    let ready = to_b.ready().await.unwrap();
    let response = ready.call(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
}

/// BT-21
#[tokio::test]
async fn cross_origin_redirect_drops_token() {
    let setup = Setup::start().await;
    // Follows redirects, as `reqwest` does by default.
    let client = reqwest::Client::new();
    let client = service_fn(move |request: Request<reqwest::Body>| {
        let client = client.clone();
        async move {
            let response = client.execute(request.try_into()?).await?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(response.into())
        }
    });
    let mut to_b = setup.to_b().layer(client).on_behalf_of(&setup.caller);
    let elsewhere = service_b().await;
    let request = Request::get(format!("{}/?{elsewhere}", setup.b)).body(reqwest::Body::default());
    let ready = to_b.ready().await.unwrap();
    let response = ready.call(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let sent = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(sent, "none");
}

/// BT-21
#[tokio::test]
async fn outside_redirect_is_denied() {
    let setup = Setup::start().await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut to_b = setup.to_b().layer(client).on_behalf_of(&setup.caller);
    let elsewhere = service_b().await;
    let request = Request::get(&elsewhere).body(Empty::new()).unwrap();
    let called = to_b.ready().await.unwrap().call(request).await;
    let Err(obo::CallError::Exchange(error)) = called else {
        panic!("the call was made");
    };
    assert_eq!(error.code(), "unknown_destination");
    assert_eq!(setup.idp.token_requests(), 0);
}
