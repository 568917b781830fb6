//! Calls on tonic's own server whose token expires while they run.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use obo::{BearerAuthLayer, ExpiryLayer};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;
use tower::layer::util::{Identity, Stack};
use tower::{Service, service_fn};

use crate::whoami::{Raw, accepts, channel, token, with_token};

const SUBSCRIBE: &str = "/test.Prices/Subscribe";
const UPLOAD: &str = "/test.Prices/Upload";
/// The token's lifetime and the policy's leeway.
const LIFE: Duration = Duration::from_secs(300 + 60);
const LEEWAY: Duration = Duration::from_secs(60);

/// Sends one price, then never another one. Accepts endless uploads.
#[derive(Clone)]
struct Prices;

impl NamedService for Prices {
    const NAME: &'static str = "test.Prices";
}

impl Service<http::Request<Body>> for Prices {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let subscribe = service_fn(|_: Request<Bytes>| async {
            let first = stream::iter([Ok(Bytes::from_static(b"1"))]);
            let prices: BoxStream<'_, _> = first.chain(stream::pending()).boxed();
            Ok::<_, Status>(Response::new(prices))
        });
        let upload = service_fn(|request: Request<Streaming<Bytes>>| async {
            let mut prices = request.into_inner();
            while prices.message().await?.is_some() {}
            Ok::<_, Status>(Response::new(Bytes::new()))
        });
        async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(match request.uri().path() {
                SUBSCRIBE => grpc.server_streaming(subscribe, request).await,
                _ => grpc.client_streaming(upload, request).await,
            })
        }
        .boxed()
    }
}

/// A channel to the service inside both layers, or inside the first only, and a token.
///
/// Time stands still and jumps to the next timer. Only the expiry has one.
async fn serve(ends: bool) -> (Channel, String) {
    let idp = TestIdp::start().await;
    let server = accepts(&idp, "service-b");
    let token = token(&idp).mint();
    server.validate(&token).await.unwrap();
    tokio::time::pause();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    let bearer = Server::builder().layer(BearerAuthLayer::new(server.clone()));
    if ends {
        let mut server = bearer.layer(ExpiryLayer::new(server));
        tokio::spawn(server.add_service(Prices).serve_with_incoming(incoming));
    } else {
        let mut server: Server<Stack<BearerAuthLayer, Identity>> = bearer;
        tokio::spawn(server.add_service(Prices).serve_with_incoming(incoming));
    }
    (channel(address), token)
}

async fn subscribe(channel: Channel, token: &str) -> Streaming<Bytes> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(SUBSCRIBE);
    let request = with_token(Some(token));
    let response = client.server_streaming(request, path, Raw).await.unwrap();
    let mut prices = response.into_inner();
    assert_eq!(prices.message().await.unwrap().unwrap(), "1");
    prices
}

fn assert_expired(status: &Status, start: Instant) {
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "invalid token");
    let challenge = status.metadata().get("www-authenticate").unwrap();
    assert_eq!(challenge, r#"Bearer error="invalid_token""#);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "INVALID_TOKEN");
    // The token was issued a moment before the clock was paused.
    let early = LIFE.saturating_sub(start.elapsed());
    assert!(early < LEEWAY / 2, "{early:?} too early");
    assert!(start.elapsed() <= LIFE);
}

/// GR-08
#[tokio::test]
async fn subscription_ends_with_its_token() {
    let (channel, token) = serve(true).await;
    let start = Instant::now();
    let mut prices = subscribe(channel, &token).await;
    assert_expired(&prices.message().await.unwrap_err(), start);
}

/// GR-08
#[tokio::test]
async fn upload_ends_with_its_token() {
    let (channel, token) = serve(true).await;
    let start = Instant::now();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(UPLOAD);
    let endless = with_token(Some(&token)).map(|_| stream::pending::<Bytes>());
    let refused = client.client_streaming(endless, path, Raw).await;
    assert_expired(&refused.map(|_: Response<Bytes>| ()).unwrap_err(), start);
}

/// GR-08
#[tokio::test]
async fn stream_without_layer_outlives_token() {
    let (channel, token) = serve(false).await;
    let mut prices = subscribe(channel, &token).await;
    let longer = timeout(LIFE * 10, prices.message()).await;
    assert!(longer.is_err(), "{longer:?}");
}
