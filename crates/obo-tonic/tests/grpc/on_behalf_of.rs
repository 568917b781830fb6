//! A client that calls on behalf of its own caller.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use obo::error::ExchangeErrorKind;
use obo::on_behalf_of::OnBehalfOfLayer;
use obo::{Audience, Caller, Client, ClientSecretBasic, Destination, Issuer, Rule, TokenExchange};
use obo_testkit::TestIdp;
use obo_tonic::OnBehalfOf;
use tonic::body::Body;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _, service_fn};

use crate::whoami::{accepts, call, channel, serve, token, with_token};

/// The client of `service-b` in `service-a`.
fn client(idp: &TestIdp, service: SocketAddr, audience: &str) -> OnBehalfOf<Channel> {
    obo_tonic::channel(layer(idp, service, audience), channel(service))
}

pub(crate) fn layer(idp: &TestIdp, service: SocketAddr, audience: &str) -> OnBehalfOfLayer {
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    let secret = ClientSecretBasic::new("s3cret");
    let own = Client::new("service-a", secret);
    let exchange = TokenExchange::builder(Issuer::new(idp.issuer()).unwrap(), own)
        .build()
        .unwrap();
    let audience = Audience::new(audience).unwrap();
    exchange
        .to_destination(Destination::new(&format!("http://{service}"), audience).unwrap())
        .unwrap()
}

/// The caller of `service-a`.
pub(crate) async fn caller(idp: &TestIdp) -> Caller {
    let token = token(idp).claim("aud", "service-a").mint();
    accepts(idp, "service-a").validate(&token).await.unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// TX-32
#[tokio::test]
async fn called_service_sees_user_and_actor() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, Some(Rule::actors(["service-a"]))).await;
    let (stock, caller) = (client(&idp, service, "service-b"), caller(&idp).await);

    let bound = stock.on_behalf_of(&caller);
    assert_eq!(
        call(bound, with_token(None)).await.unwrap(),
        "alice by service-a"
    );
    let carried = InterceptedService::new(stock.clone(), obo_tonic::carry(&caller));
    assert_eq!(
        call(carried, with_token(None)).await.unwrap(),
        "alice by service-a"
    );
    let mut request = with_token(None);
    request.extensions_mut().insert(caller);
    assert_eq!(call(stock, request).await.unwrap(), "alice by service-a");
}

/// TX-39
#[tokio::test]
async fn call_without_token_is_not_made() {
    let idp = TestIdp::start().await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let anonymous = call(client(&idp, nowhere, "service-b"), with_token(None)).await;
    let status = anonymous.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let error = obo_tonic::exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::NoSubject);
    assert_eq!(reason(&status), "NO_SUBJECT");

    let denied = client(&idp, nowhere, "service-z").on_behalf_of(&caller(&idp).await);
    let status = call(denied, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let error = obo_tonic::exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
    assert_eq!(reason(&status), "TARGET_DENIED");

    let caller = caller(&idp).await;
    idp.stop();
    let down = client(&idp, nowhere, "service-y").on_behalf_of(&caller);
    let status = call(down, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    assert_eq!(reason(&status), "TRANSIENT");
}

#[tokio::test]
async fn called_status_is_not_exchange_error() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, Some(Rule::actors(["service-z"]))).await;
    let stock = client(&idp, service, "service-b").on_behalf_of(&caller(&idp).await);
    let status = call(stock, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(obo_tonic::exchange_error(&status).is_none());
}

#[tokio::test]
async fn unreachable_service_is_unavailable() {
    let idp = TestIdp::start().await;
    // Bound without listening: no other process gets the port, and connections are refused.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let nowhere = closed.local_addr().unwrap();
    let stock = client(&idp, nowhere, "service-b").on_behalf_of(&caller(&idp).await);
    let status = call(stock, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(obo_tonic::exchange_error(&status).is_none());
    // An error for which `obo_axum::Error` responds with 502.
    assert!(status.source().unwrap().is::<obo::CallError>());
}

/// GR-10
#[tokio::test]
async fn unauthenticated_call_is_replayed() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, None).await;
    let caller = caller(&idp).await;
    for (replays, expected) in [(true, Ok("alice by service-a")), (false, Err(()))] {
        let (channel, calls) = (channel(service), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&calls);
        // The service reads every request. Its first response is replaced.
        let rejecting = service_fn(move |request: http::Request<Body>| {
            let (mut channel, counted) = (channel.clone(), Arc::clone(&counted));
            async move {
                let response = channel.ready().await?.call(request).await?;
                Ok::<_, tonic::transport::Error>(match counted.fetch_add(1, Ordering::SeqCst) {
                    0 => Status::unauthenticated("of the test").into_http(),
                    _ => response,
                })
            }
        });
        let stock = obo_tonic::channel(layer(&idp, service, "service-b"), rejecting);
        let stock = stock.on_behalf_of(&caller);
        let stock = if replays { stock.replay() } else { stock };
        let before = idp.token_requests();
        let outcome = call(stock, with_token(None)).await;
        let outcome = outcome.as_deref().map_err(|status| {
            assert_eq!(status.code(), Code::Unauthenticated);
        });
        assert_eq!(outcome, expected);
        let made = (calls.load(Ordering::SeqCst), idp.token_requests() - before);
        assert_eq!(made, if replays { (2, 2) } else { (1, 1) });
    }
}

/// GR-10
#[tokio::test]
async fn open_stream_is_not_replayed() {
    let idp = TestIdp::start().await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let rejecting = service_fn(move |_: http::Request<Body>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let response = Status::unauthenticated("of the test").into_http::<Body>();
        async { Ok::<_, tonic::transport::Error>(response) }
    });
    let stock = obo_tonic::channel(layer(&idp, nowhere, "service-b"), rejecting);
    let stock = stock.replay().on_behalf_of(&caller(&idp).await);
    let messages = Request::new(futures_util::stream::pending());
    let mut client = tonic::client::Grpc::new(stock);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(crate::whoami::PATH);
    let outcome = client
        .client_streaming(messages, path, crate::whoami::Raw)
        .await;
    assert_eq!(outcome.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!((calls.load(Ordering::SeqCst), idp.token_requests()), (1, 1));
}

/// Responses of an intermediary without gRPC, and the status that the client gets.
const BARE: [(u16, Code); 10] = [
    (400, Code::Internal),
    (401, Code::Unauthenticated),
    (403, Code::PermissionDenied),
    (404, Code::Unimplemented),
    (429, Code::Unavailable),
    (502, Code::Unavailable),
    (503, Code::Unavailable),
    (504, Code::Unavailable),
    (418, Code::Unknown),
    (500, Code::Unknown),
];

/// GR-07
#[tokio::test]
async fn grpc_status_precedes_http_status() {
    let idp = TestIdp::start().await;
    let caller = caller(&idp).await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (bare, code) in BARE {
        for (grpc_status, code) in [(None, code), (Some("5"), Code::NotFound)] {
            let intermediary = service_fn(move |_: http::Request<Body>| async move {
                let mut response = http::Response::new(Body::empty());
                *response.status_mut() = http::StatusCode::from_u16(bare).unwrap();
                if let Some(status) = grpc_status {
                    let status = http::HeaderValue::from_static(status);
                    response.headers_mut().insert("grpc-status", status);
                }
                Ok::<_, tonic::transport::Error>(response)
            });
            let stock = obo_tonic::channel(layer(&idp, nowhere, "service-b"), intermediary);
            let stock = stock.on_behalf_of(&caller);
            let status = call(stock, with_token(None)).await.unwrap_err();
            assert_eq!(status.code(), code, "{bare} {grpc_status:?}");
            assert!(obo_tonic::exchange_error(&status).is_none());
        }
    }
}
