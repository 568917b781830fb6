//! `reqwest`, hyper-util's client, and clients that are not a tower service.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo::Destinations;
use obo::error::ExchangeErrorKind;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::setup::{Setup, audience_of};

/// BT-20
#[tokio::test]
async fn reqwest_sends_exchanged_token() {
    let setup = Setup::start().await;
    let client = reqwest::Client::new();
    let client = service_fn(move |request: Request<reqwest::Body>| {
        let client = client.clone();
        async move {
            let response = client.execute(request.try_into()?).await?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(response.into())
        }
    });
    let mut to_b = setup.to_b().layer(client).on_behalf_of(&setup.caller);
    for _ in 0..2 {
        let request = Request::get(&setup.b)
            .body(reqwest::Body::default())
            .unwrap();
        let response = to_b.ready().await.unwrap().call(request).await.unwrap();
        let sent = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            audience_of(std::str::from_utf8(&sent).unwrap()),
            "service-b"
        );
    }
    assert_eq!(setup.idp.token_requests(), 1);
}

/// BT-20
#[tokio::test]
async fn hyper_util_sends_exchanged_token() {
    let setup = Setup::start().await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut to_b = setup.to_b().layer(client).on_behalf_of(&setup.caller);
    let request = Request::get(&setup.b)
        .header("authorization", "Bearer of-the-caller")
        .body(Empty::new());
    let ready = to_b.ready().await.unwrap();
    let response = ready.call(request.unwrap()).await.unwrap();
    let sent = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        audience_of(std::str::from_utf8(&sent).unwrap()),
        "service-b"
    );
}

/// BT-21
#[tokio::test]
async fn plain_client_gets_destination_token() {
    let setup = Setup::start().await;
    let audience = obo::Audience::new("service-b").unwrap();
    let b = obo::Destination::new(&setup.b, audience).unwrap();
    let calls = setup
        .exchange
        .to_destinations(Destinations::new([b]).unwrap());
    let uri = format!("{}/stock", setup.b).parse().unwrap();
    let exchanged = calls.token(&setup.caller, &uri).await.unwrap();
    let authorization = exchanged.token().authorization();
    assert!(authorization.is_sensitive());
    assert_eq!(audience_of(authorization.to_str().unwrap()), "service-b");

    let elsewhere = "https://elsewhere.example/stock".parse().unwrap();
    let error = calls.token(&setup.caller, &elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
    assert_eq!(setup.idp.token_requests(), 1);
}
