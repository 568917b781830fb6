//! A stream of events without an end.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use crate::setup::{LEEWAY, LIFE, serve};

async fn events() -> Body {
    let first = stream::iter([Ok::<_, std::convert::Infallible>("first")]);
    Body::from_stream(first.chain(stream::pending()))
}

/// GR-08
#[tokio::test]
async fn stream_ends_at_token_expiry() {
    for http2 in [false, true] {
        let (address, token) = serve(Router::new().route("/events", get(events))).await;
        let client = Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .build_http();
        let start = Instant::now();
        let request = Request::get(format!("http://{address}/events"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Empty::<Bytes>::new());
        let response = client.request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "first");
        // An error, not the end of a complete response.
        body.frame().await.unwrap().unwrap_err();
        // The token was issued a moment before the clock was paused.
        let early = LIFE.saturating_sub(start.elapsed());
        assert!(early < LEEWAY / 2, "{early:?} too early");
        assert!(start.elapsed() <= LIFE);
        tokio::time::resume();
    }
}
