//! A service demands a nonce in the proof: in the headers of a response without messages, or in
//! real trailers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream;
use http::HeaderMap;
use obo::binding::BoundTokens;
use obo::client::{DpopKey, SigningKey};
use obo::exchange::TokenSource;
use obo::policy::Algorithm;
use obo::{
    Audience, BearerAuthLayer, Client, ClientSecretBasic, Destination, ResourceServer, Secret,
    TokenExchange,
};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use obo_tonic::OnBehalfOf;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tower::{Service, service_fn};

use crate::on_behalf_of::caller;
use crate::whoami::{PATH, Raw, call, channel, serve_at, with_token};

fn key() -> (TestKey, SigningKey) {
    let key = TestKey::generate(TestAlg::Es256);
    let pem = Secret::new(key.private_pem());
    let own = SigningKey::from_pem(Algorithm::Es256, &pem).unwrap();
    (key, own)
}

/// The client of `service-b` in `service-a`, with tokens that are bound to a key, for alice.
async fn client(idp: &TestIdp, service: SocketAddr) -> OnBehalfOf<Channel> {
    client_with(idp, service, DpopKey::new(key().1).unwrap()).await
}

async fn client_with(idp: &TestIdp, service: SocketAddr, key: DpopKey) -> OnBehalfOf<Channel> {
    let own = idp.client("service-a").secret("s3cret");
    own.may_exchange_to("service-b");
    let own = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), own).dpop(key);
    let audience = Audience::new("service-b").unwrap();
    let to_b = Destination::new(&format!("http://{service}"), audience).unwrap();
    let layer = exchange.build().unwrap().to_destination(to_b.bind_dpop());
    let stock = obo_tonic::channel(layer.unwrap(), channel(service));
    stock.on_behalf_of(&caller(idp).await)
}

/// Serves as `service-b`, which demands a nonce in each proof.
async fn demanding(idp: &TestIdp) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens = BoundTokens::new().dpop(&url).require_dpop().demand_nonce();
    let server = ResourceServer::builder("service-b").trust(idp.issuer());
    let server = server.bound_tokens(tokens).build().unwrap();
    serve_at(listener, BearerAuthLayer::new(server), None)
}

/// DP-19, DP-21, GR-02, GR-10
#[tokio::test]
async fn demand_in_headers_is_replayed_once() {
    let idp = TestIdp::start().await;
    let stock = client(&idp, demanding(&idp).await).await.replay();
    for _ in 0..2 {
        let called = call(stock.clone(), with_token(None)).await;
        assert_eq!(called.unwrap(), "alice by service-a");
    }
    assert_eq!(idp.token_requests(), 1, "the token stays");
}

/// DP-18, DP-19, GR-02
#[tokio::test]
async fn remote_key_signs_each_call() {
    let idp = TestIdp::start().await;
    let (public, own) = key();
    let signatures = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&signatures);
    let sign = move |input: Vec<u8>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let signature = own.sign(&input).unwrap();
        async {
            tokio::task::yield_now().await;
            Ok(signature)
        }
    };
    let jwk = public.public_jwk("k").to_string();
    let remote = DpopKey::with_signer(Algorithm::Es256, &jwk, sign).unwrap();
    let stock = client_with(&idp, demanding(&idp).await, remote).await;
    let stock = stock.replay();
    for _ in 0..2 {
        let called = call(stock.clone(), with_token(None)).await;
        assert_eq!(called.unwrap(), "alice by service-a");
    }
    // For the token, for the call that was demanded a nonce of, again, and for the second call.
    assert_eq!(signatures.load(Ordering::Relaxed), 4);
}

/// DP-21
#[tokio::test]
async fn next_call_has_the_nonce() {
    let idp = TestIdp::start().await;
    let stock = client(&idp, demanding(&idp).await).await;
    let status = call(stock.clone(), with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let challenge = status.metadata().get("www-authenticate").unwrap();
    let challenge = challenge.to_str().unwrap();
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""));
    assert!(!status.metadata().contains_key("dpop-nonce"));
    let called = call(stock, with_token(None)).await;
    assert_eq!(called.unwrap(), "alice by service-a");
    assert_eq!(idp.token_requests(), 1);
}

/// Sends a message, then a demand for a nonce in the trailers. From the second call on, there is no
/// demand.
#[derive(Clone, Default)]
struct Late(Arc<Mutex<Vec<HeaderMap>>>);

impl NamedService for Late {
    const NAME: &'static str = "test.Whoami";
}

impl Service<http::Request<Body>> for Late {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut received = self.0.lock().unwrap();
        received.push(request.headers().clone());
        let is_first = received.len() == 1;
        let method = service_fn(move |_: Request<Bytes>| async move {
            let mut status = Status::unauthenticated("");
            let challenge = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";
            let metadata = status.metadata_mut();
            metadata.insert("www-authenticate", challenge.parse().unwrap());
            metadata.insert("dpop-nonce", "n1".parse().unwrap());
            let end = is_first.then_some(Err(status));
            let messages = stream::iter([Ok(Bytes::from_static(b"1"))].into_iter().chain(end));
            Ok::<_, Status>(Response::new(messages))
        });
        let mut grpc = tonic::server::Grpc::new(Raw);
        async move { Ok(grpc.server_streaming(method, request).await) }.boxed()
    }
}

/// The messages of a response, and its status.
async fn drain(mut messages: Streaming<Bytes>) -> (usize, Option<Status>) {
    let mut count = 0;
    loop {
        match messages.message().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, None),
            Err(status) => return (count, Some(status)),
        }
    }
}

/// DP-21, GR-10
#[tokio::test]
async fn demand_in_trailers_is_not_replayed() {
    let idp = TestIdp::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let late = Late::default();
    let server = Server::builder().add_service(late.clone());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let stock = client(&idp, address).await.replay();
    let mut client = tonic::client::Grpc::new(stock);
    let mut drained = Vec::new();
    for expected in [TokenSource::Exchange, TokenSource::Cache] {
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static(PATH);
        let called = client.server_streaming(with_token(None), path, Raw);
        let called = called.await.unwrap();
        assert_eq!(called.extensions().get(), Some(&expected));
        drained.push(drain(called.into_inner()).await);
    }
    let [(1, Some(status)), (1, None)] = &*drained else {
        panic!("{drained:?}");
    };
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.metadata().contains_key("www-authenticate"));
    assert!(!status.metadata().contains_key("dpop-nonce"));
    // One request for each call. The second proof has the nonce, and the token is the same.
    let received = late.0.lock().unwrap();
    let [first, second] = &**received else {
        panic!("{received:?}");
    };
    assert_eq!(first["authorization"], second["authorization"]);
    assert!(claim(first, "nonce").is_none());
    assert_eq!(claim(second, "nonce").as_deref(), Some("n1"));
}

/// A claim of the proof, read without the crates under test.
fn claim(headers: &HeaderMap, name: &str) -> Option<String> {
    let proof = headers["dpop"].to_str().unwrap();
    let claims = proof.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims.get(name)?.as_str().map(str::to_owned)
}
