//! DPoP at the token endpoint: proofs, nonces, and tokens that are bound as asked.

use std::collections::HashSet;
use std::fs;

use http::{HeaderValue, Request};
use obo::client::{DpopKey, SigningKey};
use obo::dialect::{Dialect, Grant, Registration, Rfc8693};
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::TokenExchangeBuilder;
use obo::policy::Algorithm;
use obo::time::UnixTime;
use obo::token::IssuedToken;
use obo::token_endpoint::{TokenEndpointError, TokenRequest};
use obo::{
    AppOnly, Caller, Client, Destination, Destinations, ExchangeError, OnBehalfOf, PrivateKeyJwt,
    Secret, TokenExchange,
};
use obo_testkit::{Endpoint, Fault, Recorded, TestAlg, TestKey};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, URI_OF_B, assert_answer, audience, part};
use crate::stub::{Reply, Stub, json as reply};

pub(crate) fn signing_key(key: &TestKey) -> SigningKey {
    let algorithm = match key.alg() {
        TestAlg::Rs256 => Algorithm::Rs256,
        TestAlg::EdDsa => Algorithm::Ed25519,
        _ => Algorithm::Es256,
    };
    SigningKey::from_pem(algorithm, &Secret::new(key.private_pem())).unwrap()
}

pub(crate) fn own(key: &TestKey) -> DpopKey {
    DpopKey::new(signing_key(key)).unwrap()
}

pub(crate) fn new_key() -> (TestKey, DpopKey) {
    let key = TestKey::generate(TestAlg::Es256);
    let own = own(&key);
    (key, own)
}

pub(crate) fn bound_b() -> Destination {
    Destination::new(URI_OF_B, audience("service-b"))
        .unwrap()
        .bind_dpop()
}

fn to(exchange: &TokenExchange) -> (OnBehalfOf<Downstream>, Downstream) {
    let downstream = Downstream::default();
    let layer = exchange.to_destination(bound_b()).unwrap();
    (layer.layer(downstream.clone()), downstream)
}

pub(crate) async fn call(
    exchange: &TokenExchange,
    caller: &Caller,
) -> Result<HeaderValue, ExchangeError> {
    let (service, downstream) = to(exchange);
    match service.on_behalf_of(caller).oneshot(Request::new(())).await {
        Ok(_) => Ok(downstream.authorization()),
        Err(obo::CallError::Exchange(error)) => {
            assert!(downstream.received().is_empty());
            Err(error)
        }
        Err(error) => panic!("{error}"),
    }
}

fn proofs(requests: &[Recorded]) -> Vec<Value> {
    let token = requests
        .iter()
        .filter(|it| it.endpoint == Some(Endpoint::Token));
    let proofs = token.filter_map(|it| it.headers.get("dpop").cloned());
    proofs
        .map(|proof| part(proof.to_str().unwrap(), 1))
        .collect()
}

/// The claims of a bound token.
fn claims(authorization: &HeaderValue) -> Value {
    let value = authorization.to_str().unwrap();
    part(value.strip_prefix("DPoP ").expect("a bound token"), 1)
}

fn exchange(builder: TokenExchangeBuilder, key: &DpopKey) -> TokenExchange {
    builder.dpop(key.clone()).build().unwrap()
}

/// DP-18
#[tokio::test]
async fn each_attempt_has_its_own_proof() {
    let setup = Setup::start().await;
    for alg in [TestAlg::Es256, TestAlg::Rs256, TestAlg::EdDsa] {
        let before = setup.idp.requests().len();
        let key = TestKey::generate(alg);
        let exchange = exchange(setup.builder(), &own(&key));
        setup.idp.fault_once(Endpoint::Token, Fault::Status(503));
        for user in ["alice", "bob", "alice"] {
            let token = call(&exchange, &setup.caller(user).await).await.unwrap();
            assert_eq!(claims(&token)["cnf"], json!({ "jkt": key.thumbprint() }));
        }
        let proofs = proofs(&setup.idp.requests()[before..]);
        let ids: HashSet<_> = proofs.iter().map(|it| it["jti"].to_string()).collect();
        assert_eq!(
            (proofs.len(), ids.len()),
            (4, 4),
            "an attempt failed, and tokens are new"
        );
        for proof in proofs {
            assert_eq!(
                (&proof["htm"], &proof["ath"]),
                (&"POST".into(), &Value::Null)
            );
            assert_eq!(proof["htu"], setup.idp.token_endpoint());
            assert!(proof["jti"].as_str().unwrap().len() >= 16);
        }
    }
}

/// DP-19, DP-20
#[tokio::test]
async fn nonce_of_server_is_repeated() {
    let setup = Setup::start().await;
    let (_, key) = new_key();
    let auth_key = TestKey::generate(TestAlg::Es256);
    setup.idp.client("service-a").jwk(auth_key.public_jwk("k1"));
    // The server takes each assertion once.
    let auth = PrivateKeyJwt::new(signing_key(&auth_key).with_kid("k1"));
    let client = Client::new("service-a", auth);
    let exchange = exchange(TokenExchange::builder(setup.idp.issuer(), client), &key);
    setup.idp.set_demands_nonce(true);
    let mut requests = 0;
    for (user, rotations, attempts) in [
        ("a", 0, 2),
        ("b", 0, 1),
        // A success has the new nonce.
        ("c", 1, 1),
        ("d", 1, 1),
        ("e", 2, 2),
        ("f", 0, 1),
    ] {
        (0..rotations).for_each(|_| setup.idp.rotate_nonce());
        call(&exchange, &setup.caller(user).await).await.unwrap();
        requests += attempts;
        assert_eq!(setup.idp.token_requests(), requests, "{user}");
    }
}

fn demand(nonce: &str) -> Reply {
    let mut demand = reply(400, &json!({ "error": "use_dpop_nonce" }));
    let nonce = HeaderValue::from_str(nonce).unwrap();
    demand.headers_mut().insert("dpop-nonce", nonce);
    demand
}

/// DP-19
#[tokio::test]
async fn endless_nonces_end_after_two_attempts() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |number| {
        std::future::ready(demand(&format!("n{number}")))
    });
    let exchange = exchange(stub.builder(), &new_key().1);
    let error = call(&exchange, &setup.caller("alice").await)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), stub.requests()), (Kind::ResponseUnusable, 2));
    assert_eq!(error.oauth_code(), Some("use_dpop_nonce"));
    assert_answer(&error);
}

/// DP-19
#[tokio::test]
async fn demand_without_nonce_is_an_error() {
    let setup = Setup::start().await;
    for nonce in ["", "a b", "a\"b"] {
        let stub = Stub::new(&setup, move |_| std::future::ready(demand(nonce)));
        let exchange = exchange(stub.builder(), &new_key().1);
        let error = call(&exchange, &setup.caller("alice").await)
            .await
            .unwrap_err();
        assert_eq!((error.kind(), stub.requests()), (Kind::ResponseUnusable, 1));
        assert!(error.to_string().contains("`DPoP-Nonce`"), "{error}");
    }
    // Without a proof, the error is one of the server.
    let stub = Stub::new(&setup, |_| std::future::ready(demand("n")));
    let error = stub
        .exchange()
        .token(&setup.caller("alice").await, "service-b")
        .await;
    assert_eq!(
        (error.unwrap_err().kind(), stub.requests()),
        (Kind::ClientMisconfigured, 1)
    );
}

/// DP-22
#[tokio::test]
async fn bearer_response_is_no_bound_token() {
    let setup = Setup::start().await;
    let exchange = exchange(setup.builder(), &new_key().1);
    let alice = setup.caller("alice").await;
    setup.idp.fault(Endpoint::Token, Fault::IgnoreProof);
    let error = call(&exchange, &alice).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ResponseUnusable);
    assert_answer(&error);
    // The type alone does not bind it.
    setup.idp.fault(
        Endpoint::Token,
        Fault::Merge(json!({ "token_type": "DPoP" })),
    );
    let error = call(&exchange, &setup.caller("bob").await)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`jkt`"), "{error}");
    setup.idp.heal();
    call(&exchange, &setup.caller("carol").await).await.unwrap();
}

/// Reads every response as one with a bearer token.
#[derive(Debug)]
struct Careless;

impl Dialect for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        Rfc8693::new().request(grant, by)
    }

    fn response(
        &self,
        _: &Grant,
        _: &http::Response<bytes::Bytes>,
        _: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        Ok(IssuedToken::bearer("t").unwrap())
    }
}

/// DP-22
#[tokio::test]
async fn careless_dialect_is_no_fallback() {
    let setup = Setup::start().await;
    let exchange = exchange(setup.builder().dialect(Careless), &new_key().1);
    let alice = setup.caller("alice").await;
    let error = call(&exchange, &alice).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ResponseUnusable);
    exchange.token(&alice, "service-b").await.unwrap();
}

/// DP-22
#[tokio::test]
async fn unbound_destination_has_no_proof() {
    let setup = Setup::start().await;
    let (test_key, key) = new_key();
    let exchange = exchange(setup.builder(), &key);
    let (service, downstream) = crate::setup::to_b(&exchange);
    let service = service.on_behalf_of(&setup.caller("alice").await);
    service.clone().oneshot(Request::new(())).await.unwrap();
    assert!(!setup.asked().headers.contains_key("dpop"));
    assert_eq!(
        crate::setup::claims(&downstream.authorization()).get("cnf"),
        None
    );
    assert!(!downstream.received()[0].contains_key("dpop"));
    // A bound token is another one.
    let bound = call(&exchange, &setup.caller("alice").await).await.unwrap();
    assert_eq!(claims(&bound)["cnf"]["jkt"], test_key.thumbprint());
    assert_eq!(setup.idp.token_requests(), 2);
}

/// DP-22
#[tokio::test]
async fn own_token_is_bound_too() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let (test_key, key) = new_key();
    let exchange = exchange(setup.builder(), &key);
    let layer = exchange.app_only_to_destination(bound_b()).unwrap();
    let downstream = Downstream::default();
    let service: AppOnly<_> = layer.layer(downstream.clone());
    for _ in 0..2 {
        service.clone().oneshot(Request::new(())).await.unwrap();
    }
    let token = claims(&downstream.authorization());
    assert_eq!(token["cnf"]["jkt"], test_key.thumbprint());
    assert!(
        downstream
            .received()
            .iter()
            .all(|it| it.contains_key("dpop"))
    );
    assert_eq!(setup.idp.token_requests(), 1);
}

/// DP-23
#[tokio::test]
async fn replaced_key_has_its_own_tokens() {
    let setup = Setup::start().await;
    let (first, key) = new_key();
    let second = TestKey::generate(TestAlg::EdDsa);
    let exchange = exchange(setup.builder(), &key);
    let alice = setup.caller("alice").await;
    for (current, requests) in [
        (&first, 1),
        (&first, 1),
        (&second, 2),
        (&second, 2),
        (&first, 2),
    ] {
        key.replace(own(current)).unwrap();
        let token = claims(&call(&exchange, &alice).await.unwrap());
        assert_eq!(token["cnf"]["jkt"], current.thumbprint());
        assert_eq!(setup.idp.token_requests(), requests);
    }
}

/// DP-23
#[tokio::test]
async fn key_in_file_is_read_again() {
    let setup = Setup::start().await;
    let path = std::env::temp_dir().join(format!("obo-dpop-{}.pem", std::process::id()));
    let [first, second] = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
    fs::write(&path, first.private_pem()).unwrap();
    let exchange = exchange(
        setup.builder(),
        &DpopKey::from_file(Algorithm::Es256, &path),
    );
    let jkt = async |user: &str| {
        let token = call(&exchange, &setup.caller(user).await).await.unwrap();
        claims(&token)["cnf"]["jkt"].as_str().unwrap().to_owned()
    };
    assert_eq!(jkt("alice").await, first.thumbprint());
    fs::write(&path, second.private_pem()).unwrap();
    // The request for this token reads the file, in the background.
    assert_eq!(jkt("bob").await, first.thumbprint());
    let mut user = 0;
    while jkt(&format!("user-{user}")).await != second.thumbprint() {
        user += 1;
    }
    fs::write(&path, "half").unwrap();
    assert_eq!(jkt("dave").await, second.thumbprint());
    assert_eq!(jkt("erin").await, second.thumbprint());
    let broken = DpopKey::from_file(Algorithm::Es256, &path);
    let error = setup.builder().dpop(broken).build().unwrap_err();
    assert_eq!(error.field(), "dpop_key");
    let of_file = DpopKey::from_file(Algorithm::Es256, &path);
    assert!(of_file.replace(own(&first)).is_err());
    let (_, other) = new_key();
    let before = other.thumbprint();
    assert!(other.replace(of_file).is_err());
    assert_eq!(other.thumbprint(), before);
    fs::remove_file(&path).unwrap();
}

/// DP-22
#[tokio::test]
async fn bound_destination_needs_a_key() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    for error in [
        exchange.to_destination(bound_b()).unwrap_err(),
        exchange.app_only_to_destination(bound_b()).unwrap_err(),
    ] {
        assert_eq!(error.field(), "destination.bind_dpop");
    }
    let several = exchange.to_destinations(Destinations::new([bound_b()]).unwrap());
    let downstream = Downstream::default();
    let service = several.layer(downstream.clone());
    let service = service.on_behalf_of(&setup.caller("alice").await);
    let error = service
        .oneshot(Request::get(URI_OF_B).body(()).unwrap())
        .await
        .unwrap_err();
    let obo::CallError::Exchange(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), Kind::ClientMisconfigured);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (0, 0)
    );
}

/// DP-22
#[tokio::test]
async fn introspected_token_must_be_bound() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_introspect("service-b");
    setup.idp.set_issues_opaque(true);
    let exchange = exchange(setup.builder().introspect_issued(), &new_key().1);
    call(&exchange, &setup.caller("alice").await).await.unwrap();
    let requests = setup.idp.requests();
    let introspection = requests
        .iter()
        .find(|it| it.endpoint == Some(Endpoint::Introspection));
    assert!(!introspection.unwrap().headers.contains_key("dpop"));
    for cnf in [
        json!(null),
        json!({ "jkt": TestKey::generate(TestAlg::Es256).thumbprint() }),
    ] {
        setup
            .idp
            .fault_once(Endpoint::Introspection, Fault::Merge(json!({ "cnf": cnf })));
        let error = call(&exchange, &setup.caller("bob").await)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{cnf}");
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        tokio::time::resume();
    }
    // Without a key, a bound token stays refused.
    let plain = setup.builder().introspect_issued().build().unwrap();
    let cnf = json!({ "jkt": TestKey::generate(TestAlg::Es256).thumbprint() });
    setup
        .idp
        .fault_once(Endpoint::Introspection, Fault::Merge(json!({ "cnf": cnf })));
    let error = plain
        .token(&setup.caller("bob").await, "service-b")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::ResponseUnusable);
}
