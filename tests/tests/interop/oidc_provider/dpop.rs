//! DPoP (RFC 9449): the server binds tokens to the key of a service, and the next service checks
//! the proofs.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo::binding::BoundTokens;
use obo::client::{DpopKey, SigningKey};
use obo::destination::Target;
use obo::error::ExchangeErrorKind;
use obo::on_behalf_of::Replay;
use obo::policy::Algorithm;
use obo::{CallError, Caller, Client, Destination, Resource, Scope, Secret, TokenExchange};
use obo_testkit::{TestAlg, TestKey, TestProof};
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use super::{A, B, OPAQUE, bound_only, caller, peer};
use crate::guarded::Guarded;
use crate::peer::{Peer, audience, http};

const INVALID_TOKEN: &str = r#"error="invalid_token""#;
const INVALID_PROOF: &str = r#"error="invalid_dpop_proof""#;

const ALGORITHMS: [TestAlg; 4] = [
    TestAlg::Es256,
    TestAlg::Rs256,
    TestAlg::Ps256,
    TestAlg::EdDsa,
];

/// The server with this treatment of proofs; see `proofs` in the script.
async fn peer_with(mode: &str) -> Peer {
    let peer = peer();
    let path = format!("/interop/proofs?mode={mode}");
    peer.post(&path, None, &[]).await;
    peer
}

fn new_key(alg: TestAlg) -> (TestKey, DpopKey) {
    let key = TestKey::generate(alg);
    let algorithm = Algorithm::from_name(alg.as_str()).unwrap();
    let own = SigningKey::from_pem(algorithm, &Secret::new(key.private_pem()));
    (key, DpopKey::new(own.unwrap()).unwrap())
}

/// ServiceA, whose tokens are bound to the key.
fn binding(peer: &Peer, key: &DpopKey) -> TokenExchange {
    let exchange = peer.builder(peer.basic("service-a")).dpop(key.clone());
    exchange.build().unwrap()
}

/// A service that accepts bound tokens of this audience, opaque ones too.
async fn guarded(peer: &Peer, audience: &str, tokens: fn(BoundTokens) -> BoundTokens) -> Guarded {
    Guarded::start(|url| bound_only(peer, audience, tokens(BoundTokens::new().dpop(url)))).await
}

fn accepting(tokens: BoundTokens) -> BoundTokens {
    tokens
}

fn to(service: &Guarded, target: impl Into<Target>) -> Destination {
    let destination = Destination::new(&service.url, target.into());
    destination.unwrap().bind_dpop()
}

fn hyper() -> HyperClient<HttpConnector, Empty<Bytes>> {
    HyperClient::builder(TokioExecutor::new()).build_http()
}

/// Calls a service on behalf of a caller, and returns the status of the response.
async fn call(
    exchange: &TokenExchange,
    at: Destination,
    caller: &Caller,
) -> Result<u16, CallError> {
    let uri = format!("{}/orders?all=1", at.uri().trim_end_matches('/'));
    let layer = exchange.to_destination(at).unwrap();
    let layer = layer.replay(Replay::copied(|body: &Empty<Bytes>| Some(*body)));
    let service = layer.layer(hyper()).on_behalf_of(caller);
    let request = Request::get(uri).body(Empty::new()).unwrap();
    Ok(service.oneshot(request).await?.status().as_u16())
}

/// The token and the proof of the last request.
fn last(service: &Guarded) -> (String, String) {
    let headers = service.last();
    let text = |name| headers[name].to_str().unwrap().to_owned();
    let token = text("authorization");
    let token = token.strip_prefix("DPoP ").unwrap().to_owned();
    (token, text("dpop"))
}

/// DP-09, DP-10, DP-11, DP-12, DP-18, DP-22, DP-25
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn stolen_token_is_useless() {
    let peer = peer_with("plain").await;
    let (key, own) = new_key(TestAlg::Es256);
    let exchange = binding(&peer, &own);
    for target in [B, OPAQUE] {
        let service = guarded(&peer, target, accepting).await;
        let caller = caller(&peer).await;
        let at = || to(&service, audience(target));
        assert_eq!(call(&exchange, at(), &caller).await.unwrap(), 200);
        let first = last(&service);
        assert_eq!(call(&exchange, at(), &caller).await.unwrap(), 200);
        let (token, proof) = last(&service);
        assert_eq!(first.0, token, "the token is cached");
        assert_ne!(first.1, proof, "each request has its own proof");
        assert_eq!(service.caller().subject(), "alice");
        let jkt = service.caller().binding().jkt.unwrap().to_string();
        assert_eq!(jkt, key.thumbprint());

        let url = format!("{}/orders", service.url);
        let thief = TestKey::generate(TestAlg::Es256);
        let made = |key, method, url: &str| TestProof::new(key, method, url).token(&token).make();
        let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
        let elsewhere = format!("{}/invoices", service.url);
        for (authorization, proof, expected) in [
            (&dpop, proof, INVALID_PROOF),
            (&dpop, made(&thief, "GET", &url), INVALID_TOKEN),
            (&dpop, made(&key, "POST", &url), INVALID_PROOF),
            (&dpop, made(&key, "GET", &elsewhere), INVALID_PROOF),
            (&bearer, made(&key, "GET", &url), INVALID_TOKEN),
        ] {
            let headers = [("authorization", &**authorization), ("dpop", &proof)];
            let (status, challenges) = service.get("/orders", &headers).await;
            assert_eq!(status, 401, "{challenges}");
            assert!(challenges.contains(expected), "{challenges}");
            assert!(challenges.contains("DPoP "), "{challenges}");
        }
        let (status, _) = service.get("/orders", &[("authorization", &bearer)]).await;
        assert_eq!(status, 401);
        // A proof of the right key is admitted, also from another encoder.
        let proof = made(&key, "GET", &url);
        let headers = [("authorization", &*dpop), ("dpop", &proof)];
        assert_eq!(service.get("/orders", &headers).await.0, 200);
        assert_eq!(service.counts(), (9, 3));
    }
}

/// DP-02
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn each_algorithm_is_accepted() {
    let peer = peer_with("plain").await;
    for alg in ALGORITHMS {
        let exchange = binding(&peer, &new_key(alg).1);
        let service = guarded(&peer, B, accepting).await;
        let at = to(&service, audience(B));
        let status = call(&exchange, at, &caller(&peer).await).await;
        assert_eq!(status.unwrap(), 200, "{alg:?}");
    }
}

/// DP-04, DP-05, DP-08: oauth4webapi checks the proofs.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn proofs_pass_another_checker() {
    let peer = peer_with("plain").await;
    let origin = peer.issuer().to_string();
    let url = format!("{origin}/interop/guarded");
    for alg in ALGORITHMS {
        let exchange = binding(&peer, &new_key(alg).1);
        let at = || Destination::new(&origin, audience(B)).unwrap();
        let caller = caller(&peer).await;
        for (method, path) in [
            ("GET", "/orders?all=1"),
            ("POST", "/a%2Fb/%7Ec/"),
            ("PUT", "/"),
        ] {
            let layer = exchange.to_destination(at().bind_dpop()).unwrap();
            let service = layer.layer(hyper()).on_behalf_of(&caller);
            let request = Request::builder()
                .method(method)
                .uri(format!("{url}{path}"));
            let request = request.body(Empty::new()).unwrap();
            let response = service.oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200, "{alg:?} {method} {path}");
        }
        // It refuses a plain token.
        let layer = exchange.to_destination(at()).unwrap();
        let service = layer.layer(hyper()).on_behalf_of(&caller);
        let request = Request::get(format!("{url}/")).body(Empty::new()).unwrap();
        assert_eq!(service.oneshot(request).await.unwrap().status(), 401);
    }
}

/// DP-17, DP-19, DP-20
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn nonces_of_both_are_repeated() {
    let peer = peer_with("demanded").await;
    let (_, key) = new_key(TestAlg::Es256);
    let exchange = binding(&peer, &key);
    let service = guarded(&peer, B, BoundTokens::demand_nonce).await;
    for mode in ["demanded", "offered", "demanded", "demanded"] {
        // With new nonces, those that the exchange knows are stale.
        peer_with(mode).await;
        for _ in 0..2 {
            let caller = caller(&peer).await;
            let status = call(&exchange, to(&service, audience(B)), &caller).await;
            assert_eq!(status.unwrap(), 200, "{mode}");
        }
    }
    assert_eq!(service.counts(), (9, 8), "only the first call was repeated");
}

/// DP-18, DP-22
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn own_token_is_bound_too() {
    let peer = peer_with("demanded").await;
    let (key, own) = new_key(TestAlg::Es256);
    // The server takes each assertion once, also when it demands a nonce.
    let client = Client::new("service-b", peer.key());
    let exchange = peer.builder(client).dpop(own).build().unwrap();
    let service = guarded(&peer, B, accepting).await;
    let target = Target::resource(Resource::new(B).unwrap());
    let target = target.with_scope(Scope::new(["b:read"]).unwrap());
    let layer = exchange.app_only_to_destination(to(&service, target));
    let request = Request::get(format!("{}/", service.url)).body(Empty::new());
    let client = layer.unwrap().layer(hyper());
    let response = client.oneshot(request.unwrap()).await;
    assert_eq!(response.unwrap().status(), 200);
    let caller = service.caller();
    assert_eq!(caller.subject(), "service-b");
    assert_eq!(caller.binding().jkt.unwrap().to_string(), key.thumbprint());
}

/// A token of a user, bound to the key of a client.
async fn signed_in(peer: &Peer, key: &TestKey) -> String {
    let url = format!("{}/token", peer.issuer());
    let response = http()
        .post(&url)
        .basic_auth("web-app", Some(peer.secret("web-app")))
        .header("dpop", TestProof::new(key, "POST", &url).make())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "grant_type=urn:obo:interop:sign-in&sub=alice&resource={A}"
        ));
    let response = response.send().await.unwrap().text().await.unwrap();
    let response: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["token_type"], "DPoP", "{response}");
    response["access_token"].as_str().unwrap().to_owned()
}

/// DP-24
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn chain_is_bound_at_each_hop() {
    let peer = peer_with("plain").await;
    let browser = TestKey::generate(TestAlg::Es256);
    let token = signed_in(&peer, &browser).await;
    let (a, b) = (
        guarded(&peer, A, accepting).await,
        guarded(&peer, B, accepting).await,
    );
    let url = format!("{}/orders", a.url);
    let proof = TestProof::new(&browser, "GET", &url).token(&token).make();
    let headers = [
        ("authorization", &*format!("DPoP {token}")),
        ("dpop", &*proof),
    ];
    assert_eq!(a.get("/orders", &headers).await.0, 200);

    let (key, own) = new_key(TestAlg::Es256);
    let exchange = binding(&peer, &own);
    let status = call(&exchange, to(&b, audience(B)), &a.caller()).await;
    assert_eq!(status.unwrap(), 200);
    let at_b = b.caller();
    assert_eq!(at_b.subject(), "alice");
    assert_eq!(at_b.current_actor().unwrap().subject(), "service-a");
    assert_eq!(at_b.binding().jkt.unwrap().to_string(), key.thumbprint());
    assert_ne!(last(&b).0, token);
}

/// DP-22
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn server_without_proofs_is_refused() {
    let peer = peer_with("off").await;
    let exchange = binding(&peer, &new_key(TestAlg::Es256).1);
    let service = guarded(&peer, B, accepting).await;
    let caller = caller(&peer).await;
    let refused = call(&exchange, to(&service, audience(B)), &caller).await;
    peer_with("plain").await;
    let Err(CallError::Exchange(error)) = refused else {
        panic!("an unbound token was used: {refused:?}")
    };
    assert_eq!(error.kind(), ExchangeErrorKind::ResponseUnusable, "{error}");
    assert_eq!(service.counts(), (0, 0));
}
