//! Tokens that are bound to a key, and their proofs.

use std::net::SocketAddr;

use axum::body::Body;
use futures_util::future::join_all;
use http::{Method, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo_gateway::Gateway;
use obo_testkit::{TestAlg, TestKey, TestProof};
use tokio::net::TcpListener;

use crate::world::{Got, World};

pub(crate) const BASE: &str = "https://api.example/v1";

const ROUTES: &str = r#"
[[routes]]
path = "/bound"
require_bound = true

[[routes]]
path = "/open"
upstream = "UPSTREAM/open"
public = true
"#;

pub(crate) const ACCEPT: &str = "base_url = \"https://api.example/v1\"\ndpop = \"accept\"";

/// A caller with a token that is bound to its key.
pub(crate) struct Bound {
    pub(crate) world: World,
    pub(crate) key: TestKey,
    pub(crate) token: String,
}

impl Bound {
    pub(crate) async fn start(binding: &str) -> Self {
        Self::with(binding, "").await
    }

    pub(crate) async fn with(binding: &str, more: &str) -> Self {
        let world = World::configured(&format!("{ROUTES}\n[binding]\n{binding}\n{more}")).await;
        let key = TestKey::generate(TestAlg::Es256);
        let token = world.alice().bound_to(&key).mint();
        Self { world, key, token }
    }

    /// The right proof for a GET of this path.
    pub(crate) fn proof(&self, path: &str) -> TestProof {
        TestProof::new(&self.key, "GET", &format!("{BASE}{path}")).token(&self.token)
    }

    pub(crate) fn request(
        &self,
        scheme: &str,
        token: &str,
        path: &str,
        proofs: &[String],
    ) -> Request<Body> {
        let request = Request::get(format!("http://{}{path}", self.world.address))
            .header(header::AUTHORIZATION, format!("{scheme} {token}"));
        let request = proofs
            .iter()
            .fold(request, |request, proof| request.header("dpop", proof));
        request.body(Body::empty()).unwrap()
    }

    /// Sends the bound token with these proofs.
    pub(crate) async fn send(&self, path: &str, proofs: &[String]) -> Got {
        let request = self.request("DPoP", &self.token, path, proofs);
        self.world.send(request).await
    }

    /// Sends a call of gRPC with the bound token.
    pub(crate) async fn call(&self, path: &str, proof: &str) -> Got {
        let request = Request::post(format!("http://{}{path}", self.world.address))
            .header(header::AUTHORIZATION, format!("DPoP {}", self.token))
            .header("dpop", proof)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Body::from(&[0; 5][..]));
        Got::of(self.world.http2.request(request.unwrap()).await.unwrap()).await
    }
}

/// Serves a gateway.
pub(crate) async fn serve(gateway: Gateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener, std::future::pending()));
    address
}

/// Sends a GET with a token.
pub(crate) async fn get(
    at: SocketAddr,
    path: &str,
    (scheme, token): (&str, &str),
    proof: Option<&str>,
) -> Got {
    let request = Request::get(format!("http://{at}{path}"))
        .header(header::AUTHORIZATION, format!("{scheme} {token}"));
    let request = match proof {
        Some(proof) => request.header("dpop", proof),
        None => request,
    };
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let response = client.request(request.body(Body::empty()).unwrap());
    Got::of(response.await.unwrap()).await
}

/// The schemes of the challenges.
pub(crate) fn schemes(got: &Got) -> Vec<&str> {
    let lines = got.headers.get_all(header::WWW_AUTHENTICATE).iter();
    let lines = lines.map(|line| line.to_str().unwrap());
    lines.map(|line| line.split(' ').next().unwrap()).collect()
}

/// Expects a refusal with one challenge, of the scheme `DPoP`.
pub(crate) fn assert_refused(got: &Got, error: &str, what: &str) {
    assert_eq!((got.status, schemes(got)), (401, vec!["DPoP"]), "{what}");
    let challenge = got.field("www-authenticate");
    assert!(
        challenge.contains(&format!("error=\"{error}\"")),
        "{what}: {challenge}"
    );
    assert!(
        challenge.contains("algs=\"") && challenge.contains("ES256"),
        "{what}: {challenge}"
    );
}

/// DP-10, DP-24
#[tokio::test]
async fn proven_request_goes_on_without_proof() {
    let bound = Bound::start(ACCEPT).await;
    let got = bound
        .send("/orders/7?x=1", &[bound.proof("/orders/7").make()])
        .await;
    assert_eq!(got.status, 200, "{got:?}");
    let seen = bound.world.upstream.only();
    assert_eq!(
        (seen.uri.path(), seen.uri.query()),
        ("/base/7", Some("x=1"))
    );
    assert!(!seen.headers.contains_key("dpop"));
    assert_eq!(seen.claims()["act"]["sub"], "service-a");
    assert!(!format!("{:?}", seen.headers).contains(&bound.token));
}

/// DP-01 to DP-08
#[tokio::test]
async fn wrong_proof_is_refused() {
    let bound = Bound::start(ACCEPT).await;
    let right = || bound.proof("/orders/7");
    let url = |url: &str| right().claim("htu", url);
    let stranger = TestKey::generate(TestAlg::Es256);
    for (what, proof) in [
        ("another method", right().claim("htm", "POST")),
        ("the method in lower case", right().claim("htm", "get")),
        ("another path", url("https://api.example/v1/orders/8")),
        (
            "the path without the base",
            url("https://api.example/orders/7"),
        ),
        (
            "the path of the upstream",
            url("https://api.example/v1/base/7"),
        ),
        (
            "the host of the socket",
            url(&format!("http://{}/orders/7", bound.world.address)),
        ),
        (
            "a slash at the end",
            url("https://api.example/v1/orders/7/"),
        ),
        ("an escaped slash", url("https://api.example/v1/orders%2F7")),
        ("a backslash", url("https://api.example\\v1\\orders\\7")),
        (
            "user information",
            url("https://api.example@evil.example/v1/orders/7"),
        ),
        ("an old one", right().issued_at(-70)),
        ("one of the future", right().issued_at(70)),
        ("the signature of another key", right().sign_with(&stranger)),
        ("no algorithm", right().header("alg", "none")),
        ("another type", right().header("typ", "JWT")),
        ("no key", right().without_header("jwk")),
        ("the hash of another token", right().token("another")),
        ("no hash", right().without("ath")),
        ("no identifier", right().without("jti")),
        ("no time", right().without("iat")),
    ] {
        let got = bound.send("/orders/7", &[proof.make()]).await;
        assert_refused(&got, "invalid_dpop_proof", what);
    }
    let got = bound.send("/orders/7", &[]).await;
    assert_refused(&got, "invalid_dpop_proof", "no proof");
    let several = [right().make(), right().make()];
    let got = bound.send("/orders/7", &several).await;
    assert_refused(&got, "invalid_dpop_proof", "two headers");
    let got = bound.send("/orders/7", &[several.join(", ")]).await;
    assert_refused(&got, "invalid_dpop_proof", "two in one header");
    assert_eq!(bound.world.upstream.seen().len(), 0);
    assert_eq!(bound.world.idp.token_requests(), 0);
}

/// DP-05
#[tokio::test]
async fn other_spelling_of_url_passes() {
    let bound = Bound::start(ACCEPT).await;
    for url in [
        "HTTPS://API.example:443/v1/orders/7",
        "https://api.example/v1/orders/%37",
        "https://api.example/v1/./a/../orders/7",
        "https://api.example/v1/orders/7?y=2#z",
    ] {
        let proof = bound.proof("/orders/7").claim("htu", url).make();
        let got = bound.send("/orders/7?x=1", &[proof]).await;
        assert_eq!(got.status, 200, "{url}: {got:?}");
    }
}

/// DP-12
#[tokio::test]
async fn used_proof_is_refused() {
    let bound = Bound::start(ACCEPT).await;
    let proof = bound.proof("/orders/7").make();
    assert_eq!(
        bound
            .send("/orders/7", std::slice::from_ref(&proof))
            .await
            .status,
        200
    );
    assert_refused(
        &bound.send("/orders/7", std::slice::from_ref(&proof)).await,
        "invalid_dpop_proof",
        "again",
    );
    let again = bound.request("DPoP", &bound.token, "/orders/7", &[proof]);
    let again = Got::of(bound.world.http2.request(again).await.unwrap()).await;
    assert_refused(&again, "invalid_dpop_proof", "over HTTP/2");
    assert_eq!(bound.world.upstream.seen().len(), 1);
}

/// DP-13
#[tokio::test]
async fn concurrent_replays_pass_once() {
    let bound = Bound::start(ACCEPT).await;
    let proof = bound.proof("/protected").make();
    let sent = (0..24).map(|_| bound.send("/protected", std::slice::from_ref(&proof)));
    let got = join_all(sent).await;
    let mut statuses: Vec<_> = got.iter().map(|got| got.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1]), (200, 401));
}

/// DP-09, DP-11
#[tokio::test]
async fn downgrade_and_other_key_are_refused() {
    let bound = Bound::start(ACCEPT).await;
    let path = "/orders/7";
    let bearer = bound.request("Bearer", &bound.token, path, &[bound.proof(path).make()]);
    let got = bound.world.send(bearer).await;
    assert_eq!((got.status, schemes(&got)), (401, vec!["Bearer", "DPoP"]));
    assert!(got.field("www-authenticate").contains("invalid_token"));

    let plain = bound.world.alice().mint();
    let proof = bound.proof(path).token(&plain).make();
    let got = bound
        .world
        .send(bound.request("DPoP", &plain, path, &[proof]))
        .await;
    assert_refused(&got, "invalid_token", "plain token");

    let thief = TestKey::generate(TestAlg::Es256);
    let proof = TestProof::new(&thief, "GET", &format!("{BASE}{path}")).token(&bound.token);
    let got = bound.send(path, &[proof.make()]).await;
    assert_refused(&got, "invalid_token", "another key");
    assert_eq!(bound.world.upstream.seen().len(), 0);
}

/// DP-04, DP-14
#[tokio::test]
async fn call_is_proven_as_post() {
    let bound = Bound::start(ACCEPT).await;
    let path = "/stock.Stock/Level";
    let wrong = bound.call(path, &bound.proof(path).make()).await;
    assert_eq!((wrong.status, wrong.field("grpc-status")), (200, "16"));
    assert_eq!(schemes(&wrong), ["DPoP"]);
    assert!(
        wrong
            .field("www-authenticate")
            .contains("invalid_dpop_proof")
    );
    let right = bound.proof(path).claim("htm", "POST").make();
    let got = bound.call(path, &right).await;
    assert_eq!((got.status, &*got.body), (200, &[0; 5][..]));
    let again = bound.call(path, &right).await;
    assert_eq!((again.status, again.field("grpc-status")), (200, "16"));
    let seen = bound.world.upstream.only();
    assert_eq!(seen.method, Method::POST);
    assert!(!seen.headers.contains_key("dpop"));
}

/// DP-16
#[tokio::test]
async fn nonce_is_demanded_and_accepted() {
    let bound = Bound::start(&format!("{ACCEPT}\nnonce = true")).await;
    let path = "/protected";
    let got = bound.send(path, &[bound.proof(path).make()]).await;
    assert_refused(&got, "use_dpop_nonce", "no nonce");
    let nonce = got.field("dpop-nonce").to_owned();
    for _ in 0..2 {
        // It serves many requests.
        let proof = bound.proof(path).nonce(&nonce).make();
        assert_eq!(bound.send(path, &[proof]).await.status, 200);
    }
    let mut forged = nonce.clone();
    forged.insert(0, 'A');
    for forged in [&*forged, "x"] {
        let got = bound
            .send(path, &[bound.proof(path).nonce(forged).make()])
            .await;
        assert_refused(&got, "use_dpop_nonce", forged);
        assert!(!got.field("dpop-nonce").is_empty());
    }
    let call = "/stock.Stock/Level";
    let got = bound
        .call(call, &bound.proof(call).claim("htm", "POST").make())
        .await;
    assert_eq!((got.status, got.field("grpc-status")), (200, "16"));
    assert!(!got.field("dpop-nonce").is_empty());
}

#[tokio::test]
async fn public_route_forwards_no_proof() {
    let bound = Bound::with(ACCEPT, "[headers]\nidentity = \"danger_pass\"").await;
    let request = Request::get(format!("http://{}/open", bound.world.address))
        .header("dpop", "a proof")
        .header("x-user", "alice");
    let got = bound.world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(got.status, 200);
    let seen = bound.world.upstream.only();
    assert!(!seen.headers.contains_key("dpop"));
    assert_eq!(seen.headers["x-user"], "alice");
}

#[tokio::test]
async fn upstreams_nonce_stays_here() {
    let bound = Bound::start(ACCEPT).await;
    bound
        .world
        .upstream
        .will_say(200, &[("dpop-nonce", "of-the-upstream")]);
    let got = bound
        .send("/orders/7", &[bound.proof("/orders/7").make()])
        .await;
    assert_eq!((got.status, got.field("dpop-nonce")), (200, ""));
}
