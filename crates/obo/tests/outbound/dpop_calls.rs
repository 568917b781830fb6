//! DPoP at called services: a proof for each request, and the nonces that they demand.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use obo::client::DpopKey;
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::TokenSource;
use obo::on_behalf_of::Replay;
use obo::time::Clock;
use obo::{CallError, Caller, Destination, Destinations, OnBehalfOf, TokenExchange};
use obo_core::binding::BindingChecks;
use obo_core::binding::dpop::{BaseUrl, Proof, ProofRequest, VerifiedProof};
use obo_core::{BearerCredentials, BearerToken, KeySet, Policy, Selection, UnverifiedJwt};
use obo_test_support::{Log, has};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::dpop_tokens::{bound_b, new_key};
use crate::setup::{Setup, URI_OF_B, assert_answer, audience, issuer};

pub(crate) const NONCE: &str = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";

pub(crate) type Headers = &'static [(&'static str, &'static str)];

/// A request as a service receives it.
#[derive(Clone)]
pub(crate) struct Received {
    method: Method,
    target: String,
    pub(crate) headers: HeaderMap,
}

/// A stand-in for a service: it records its requests.
#[derive(Clone, Default)]
pub(crate) struct Guarded {
    received: Arc<Mutex<Vec<Received>>>,
    /// Its responses, in this order; 200 afterwards.
    replies: Arc<Mutex<VecDeque<(u16, Headers)>>>,
}

impl Guarded {
    pub(crate) fn reply(&self, status: u16, headers: Headers) {
        self.replies.lock().unwrap().push_back((status, headers));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The nonces of the proofs so far.
    pub(crate) fn nonces(&self) -> Vec<Option<String>> {
        let received = self.received();
        received.iter().map(|it| it.proof(URI_OF_B).nonce).collect()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(values.next().is_none(), "several {name}");
        value.to_str().unwrap()
    }

    /// The proof, if it is right for this request to the service at `base`.
    pub(crate) fn proof(&self, base: &str) -> VerifiedProof {
        let authorization = self.header("authorization").as_bytes();
        let (scheme, token) = BearerCredentials::with_scheme(authorization).unwrap();
        assert_eq!(scheme.name(), "DPoP");
        let proof = Proof::parse(self.header("dpop").as_bytes()).unwrap();
        let verified = proof.verify(ProofRequest {
            method: &self.method,
            base: &BaseUrl::new(base).unwrap(),
            target: &self.target,
            token_digest: &token.token().unwrap().digest(),
            now: Clock::system().now(),
            window: Duration::from_secs(60),
        });
        verified.unwrap()
    }
}

impl<B> Service<Request<B>> for Guarded {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let target = request.uri().path_and_query().unwrap().to_string();
        self.received.lock().unwrap().push(Received {
            method: request.method().clone(),
            target,
            headers: request.headers().clone(),
        });
        let (status, headers) = self
            .replies
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or((200, &[]));
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        ready(Ok(response.body(()).unwrap()))
    }
}

pub(crate) type Client<R = ()> = OnBehalfOf<Guarded, R>;

pub(crate) struct Calls {
    pub(crate) setup: Setup,
    pub(crate) exchange: TokenExchange,
    key: TestKey,
    pub(crate) b: Guarded,
}

impl Calls {
    async fn start() -> Self {
        let (test_key, key) = new_key();
        Self::with_key(test_key, &key).await
    }

    pub(crate) async fn with_key(key: TestKey, own: &DpopKey) -> Self {
        let setup = Setup::start().await;
        Self {
            exchange: setup.builder().dpop(own.clone()).build().unwrap(),
            setup,
            key,
            b: Guarded::default(),
        }
    }

    async fn plain(&self) -> Client {
        self.of("alice").await
    }

    pub(crate) async fn of(&self, user: &str) -> Client {
        let layer = self.exchange.to_destination(bound_b()).unwrap();
        let client = layer.layer(self.b.clone());
        client.on_behalf_of(&self.setup.caller(user).await)
    }

    pub(crate) async fn replayed(&self) -> Client<Replay<&'static str>> {
        let copied = Replay::copied(|body: &&'static str| Some(*body));
        self.plain().await.replay(copied)
    }
}

pub(crate) fn post() -> Request<&'static str> {
    Request::post(format!("{URI_OF_B}/orders/7?all=1#x"))
        .body("tea")
        .unwrap()
}

pub(crate) async fn call<R>(
    client: &Client<R>,
    request: Request<&'static str>,
) -> Result<Response<()>, CallError>
where
    Client<R>: Service<
            Request<&'static str>,
            Response = Response<obo::on_behalf_of::ResponseBody<()>>,
            Error = CallError,
        > + Clone,
{
    let response = client.clone().oneshot(request).await?;
    Ok(response.map(|_| ()))
}

pub(crate) fn exchange_error(error: CallError) -> obo::ExchangeError {
    match error {
        CallError::Exchange(error) => error,
        error => panic!("{error}"),
    }
}

/// DP-04, DP-05, DP-08, DP-18
#[tokio::test]
async fn each_request_is_proven() {
    let calls = Calls::start().await;
    let client = calls.plain().await;
    call(&client, post()).await.unwrap();
    for uri in ["/orders", "/a%2Fb/%7Ec?d=%20", "/pkg.Stock/Level"] {
        // The requests of a channel have no authority.
        for uri in [format!("{URI_OF_B}{uri}"), uri.to_owned()] {
            for method in [Method::GET, Method::DELETE, Method::POST] {
                let request = Request::builder().method(method).uri(&uri).body("");
                call(&client, request.unwrap()).await.unwrap();
            }
        }
    }
    let received = calls.b.received();
    let proofs: Vec<_> = received.iter().map(|it| it.proof(URI_OF_B)).collect();
    let ids: HashSet<_> = proofs.iter().map(|proof| proof.jti.clone()).collect();
    assert_eq!((proofs.len(), ids.len()), (19, 19));
    for (proof, request) in proofs.iter().zip(&received) {
        assert_eq!(proof.key.to_string(), calls.key.thumbprint());
        assert_eq!(proof.nonce, None);
        assert!(request.headers["dpop"].is_sensitive());
    }
    assert_eq!(calls.setup.idp.token_requests(), 1);
}

/// DP-06
#[tokio::test]
async fn proof_is_for_url_as_sent() {
    let calls = Calls::start().await;
    for base in ["http://127.0.0.1:8080", "https://b.example:8443/v1"] {
        let at = Destination::new(base, audience("service-b"))
            .unwrap()
            .bind_dpop();
        let layer = calls.exchange.to_destination(at).unwrap();
        let client = layer.layer(calls.b.clone());
        let client = client.on_behalf_of(&calls.setup.caller("alice").await);
        let path = base
            .split('/')
            .nth(3)
            .map_or("/x".to_owned(), |it| format!("/{it}/x"));
        let origin = base.strip_suffix("/v1").unwrap_or(base);
        for uri in [path.clone(), format!("{origin}{path}")] {
            let request = Request::get(uri).header("host", "evil.example").body("");
            call(&client, request.unwrap()).await.unwrap();
            calls.b.received().pop().unwrap().proof(origin);
        }
    }
}

/// DP-24
#[tokio::test]
async fn callers_own_proof_is_removed() {
    let calls = Calls::start().await;
    let foreign = TestProof::new(&TestKey::generate(TestAlg::Es256), "POST", URI_OF_B).make();
    let request = || {
        let mut request = post();
        for _ in 0..2 {
            request
                .headers_mut()
                .append("dpop", foreign.parse().unwrap());
        }
        request
    };
    call(&calls.replayed().await, request()).await.unwrap();
    assert_ne!(calls.b.received()[0].header("dpop"), foreign);
    calls.b.received()[0].proof(URI_OF_B);
    // Neither on with a bearer token, nor on with an exchange without a key.
    for exchange in [calls.exchange.clone(), calls.setup.exchange()] {
        let layer = exchange.to(URI_OF_B, audience("service-b")).unwrap();
        let client = layer.layer(calls.b.clone());
        let client = client.on_behalf_of(&calls.setup.caller("alice").await);
        call(&client, request()).await.unwrap();
        let received = calls.b.received().pop().unwrap();
        assert!(received.header("authorization").starts_with("Bearer "));
        assert!(!received.headers.contains_key("dpop"));
    }
}

/// A caller whose token is bound to a key of its own, as a service that checks proofs validates it.
async fn bound_caller(idp: &TestIdp, token: &str) -> Caller {
    let client = HyperClient::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let keys = client.get(idp.jwks_uri().parse().unwrap()).await.unwrap();
    let keys = keys.into_body().collect().await.unwrap().to_bytes();
    let keys = KeySet::parse(&keys).unwrap();
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token).unwrap()).unwrap();
    let Selection::Key(key) = keys.select(jwt.kid(), jwt.algorithm()) else {
        panic!("an unknown key")
    };
    let policy = Policy::new(audience("service-a"), issuer(idp));
    let policy = policy.with_binding_checks(BindingChecks {
        dpop: true,
        certificate: false,
    });
    policy.verify(jwt, key, Clock::system().now()).unwrap()
}

/// DP-24
#[tokio::test]
async fn bound_subject_token_is_exchanged() {
    let calls = Calls::start().await;
    let callers_key = TestKey::generate(TestAlg::Es256);
    let token = calls.setup.idp.user("alice").audience("service-a");
    let token = token.bound_to(&callers_key).mint();
    let caller = bound_caller(&calls.setup.idp, &token).await;
    let client = calls.plain().await.on_behalf_of(&caller);
    let mut request = post();
    let own = TestProof::new(&callers_key, "POST", URI_OF_B).token(&token);
    request
        .headers_mut()
        .insert("dpop", own.make().parse().unwrap());
    let header = format!("DPoP {token}").parse().unwrap();
    request.headers_mut().insert("authorization", header);
    call(&client, request).await.unwrap();
    // The new token is bound to the key of this service, which has made the proof.
    assert_eq!(calls.setup.asked().param("subject_token"), Some(&*token));
    let received = calls.b.received().pop().unwrap();
    assert!(!received.header("authorization").contains(&token));
    let proof = received.proof(URI_OF_B);
    assert_eq!(proof.key.to_string(), calls.key.thumbprint());
}

/// DP-19, DP-21
#[tokio::test]
async fn demanded_nonce_repeats_the_request() {
    let calls = Calls::start().await;
    let client = calls.replayed().await;
    for (status, headers) in [
        (
            401,
            &[("www-authenticate", NONCE), ("dpop-nonce", "n1")][..],
        ),
        // gRPC without messages.
        (
            200,
            &[
                ("grpc-status", "16"),
                ("www-authenticate", NONCE),
                ("dpop-nonce", "n2"),
            ][..],
        ),
    ] {
        calls.b.reply(status, headers);
        let response = call(&client, post()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().len()),
            (200, 0)
        );
    }
    let source = |response: Response<()>| *response.extensions().get::<TokenSource>().unwrap();
    assert_eq!(
        source(call(&client, post()).await.unwrap()),
        TokenSource::Cache
    );
    let nonces = calls.b.nonces();
    let nonces: Vec<_> = nonces
        .iter()
        .map(|it| it.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(nonces, ["", "n1", "n1", "n2", "n2"]);
    let received = calls.b.received();
    assert_eq!(
        received[0].header("authorization"),
        received[1].header("authorization")
    );
    assert_ne!(
        received[0].proof(URI_OF_B).jti,
        received[1].proof(URI_OF_B).jti
    );
    assert_eq!(calls.setup.idp.token_requests(), 1);
}

/// DP-21
#[tokio::test]
async fn unreplayable_request_keeps_the_nonce() {
    let calls = Calls::start().await;
    let client = calls.plain().await;
    calls
        .b
        .reply(401, &[("www-authenticate", NONCE), ("dpop-nonce", "n1")]);
    let response = call(&client, post()).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(!response.headers().contains_key("dpop-nonce"));
    assert_eq!(call(&client, post()).await.unwrap().status(), 200);
    assert_eq!(calls.b.nonces(), [None, Some("n1".to_owned())]);
    assert_eq!(calls.setup.idp.token_requests(), 1, "the token stays");
}

/// DP-19
#[tokio::test]
async fn second_demand_is_an_error() {
    let calls = Calls::start().await;
    for nonce in ["n1", "n2", "n3"] {
        let headers = vec![("www-authenticate", NONCE), ("dpop-nonce", nonce)];
        calls.b.reply(401, headers.leak());
    }
    let error = exchange_error(call(&calls.replayed().await, post()).await.unwrap_err());
    assert_eq!(
        (error.kind(), calls.b.received().len()),
        (Kind::ResponseUnusable, 2)
    );
    assert_answer(&error);
    assert!(!error.to_string().contains("n2"), "{error}");
    assert_eq!(calls.setup.idp.token_requests(), 1);
}

/// DP-19
#[tokio::test]
async fn demand_without_nonce_is_an_error() {
    let calls = Calls::start().await;
    let client = calls.replayed().await;
    let demands: [Headers; 3] = [
        &[("www-authenticate", NONCE)],
        &[("www-authenticate", NONCE), ("dpop-nonce", "")],
        &[
            ("www-authenticate", NONCE),
            ("dpop-nonce", "a"),
            ("dpop-nonce", "b"),
        ],
    ];
    for (number, demand) in (1..).zip(demands) {
        calls.b.reply(401, demand);
        let error = exchange_error(call(&client, post()).await.unwrap_err());
        assert_eq!(
            (error.kind(), calls.b.received().len()),
            (Kind::ResponseUnusable, number)
        );
        assert_answer(&error);
    }
    assert_eq!(calls.setup.idp.token_requests(), 1, "no new exchange");
}

/// DP-20
#[tokio::test]
async fn success_renews_the_nonce() {
    let calls = Calls::start().await;
    let client = calls.plain().await;
    for headers in [
        &[("dpop-nonce", "n1")][..],
        &[("dpop-nonce", "n2"), ("x-own", "kept")],
        &[],
        &[("dpop-nonce", "a b")],
        &[],
    ] {
        calls.b.reply(200, headers);
        let response = call(&client, post()).await.unwrap();
        assert!(!response.headers().contains_key("dpop-nonce"));
        assert_eq!(response.headers().contains_key("x-own"), headers.len() == 2);
    }
    let nonces = calls.b.nonces();
    let nonces: Vec<_> = nonces
        .iter()
        .map(|it| it.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(nonces, ["", "n1", "n2", "n2", "n2"]);
}

/// DP-20
#[tokio::test]
async fn nonces_of_servers_never_mix() {
    let calls = Calls::start().await;
    calls
        .setup
        .idp
        .client("service-a")
        .may_exchange_to("service-c");
    calls.setup.idp.set_demands_nonce(true);
    let other = "https://service-c.example";
    let c = Destination::new(other, audience("service-c"))
        .unwrap()
        .bind_dpop();
    let known = Destinations::new([bound_b(), c]).unwrap();
    let client = calls.exchange.to_destinations(known).layer(calls.b.clone());
    let client = client.replay(Replay::copied(|body: &&'static str| Some(*body)));
    let client = client.on_behalf_of(&calls.setup.caller("alice").await);
    let request = |base| Request::get(format!("{base}/x")).body("").unwrap();
    calls
        .b
        .reply(401, &[("www-authenticate", NONCE), ("dpop-nonce", "of-b")]);
    for base in [URI_OF_B, other, URI_OF_B] {
        call(&client, request(base)).await.unwrap();
    }
    let [first, second, of_c, again] = calls.b.received().try_into().ok().unwrap();
    assert_eq!(first.proof(URI_OF_B).nonce, None);
    assert_eq!(of_c.proof(other).nonce, None);
    for request in [second, again] {
        assert_eq!(request.proof(URI_OF_B).nonce.as_deref(), Some("of-b"));
    }
    // One more for the first nonce of the authorization server.
    assert_eq!(calls.setup.idp.token_requests(), 3);
    assert!(!calls.setup.asked().headers.contains_key("of-b"));
}

/// DP-14
#[tokio::test]
async fn rejected_proof_keeps_the_token() {
    let (log, _guard) = Log::capture();
    let calls = Calls::start().await;
    let client = calls.replayed().await;
    let challenge = "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"";
    let headers = [("www-authenticate", challenge)].to_vec();
    calls.b.reply(401, headers.leak());
    let response = call(&client, post()).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), calls.b.received().len()),
        (401, 1)
    );
    let refused = log.lines("called service refused the proof");
    assert_eq!(refused.len(), 1);
    has(&refused[0], &["WARN", "target_audience=\"service-b\""]);
    call(&client, post()).await.unwrap();
    assert_eq!(calls.setup.idp.token_requests(), 1);
}

/// GR-10, DP-18
#[tokio::test]
async fn rejected_bound_token_is_replaced() {
    let calls = Calls::start().await;
    calls.b.reply(
        401,
        &[(
            "www-authenticate",
            "DPoP error=\"invalid_token\", algs=\"ES256\"",
        )],
    );
    let response = call(&calls.replayed().await, post()).await.unwrap();
    assert_eq!(response.status(), 200);
    let [first, second] = calls.b.received().try_into().ok().unwrap();
    assert_ne!(
        first.header("authorization"),
        second.header("authorization")
    );
    assert_ne!(first.proof(URI_OF_B).jti, second.proof(URI_OF_B).jti);
    assert_eq!(calls.setup.idp.token_requests(), 2);
}

/// DP-14
#[tokio::test]
async fn step_up_of_dpop_passes() {
    let calls = Calls::start().await;
    let challenge = "DPoP error=\"insufficient_user_authentication\", acr_values=\"gold\"";
    let headers = [("www-authenticate", challenge)].to_vec();
    calls.b.reply(401, headers.leak());
    let error = exchange_error(call(&calls.replayed().await, post()).await.unwrap_err());
    assert_eq!(error.kind(), Kind::StepUp);
    assert_eq!(calls.b.received().len(), 1);
}

/// DP-19
#[tokio::test]
async fn bearer_call_ignores_demands() {
    let calls = Calls::start().await;
    let layer = calls.exchange.to(URI_OF_B, audience("service-b")).unwrap();
    let client = layer.layer(calls.b.clone());
    let client = client.on_behalf_of(&calls.setup.caller("alice").await);
    calls
        .b
        .reply(401, &[("www-authenticate", NONCE), ("dpop-nonce", "n1")]);
    let response = call(&client, post()).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(
        !response.headers().contains_key("dpop-nonce"),
        "it is not for the caller"
    );
    assert!(!calls.b.received()[0].headers.contains_key("dpop"));
}

/// DP-18
#[tokio::test]
async fn token_alone_comes_with_proofs() {
    let calls = Calls::start().await;
    let alice = calls.setup.caller("alice").await;
    let layer = calls.exchange.to_destination(bound_b()).unwrap();
    let url = format!("{URI_OF_B}/orders?x=1");
    let exchanged = layer.token(&alice, &url.parse().unwrap()).await.unwrap();
    let proof = async || {
        let proof = calls.exchange.proof(&exchanged, &Method::GET, &url);
        proof.await.unwrap().unwrap()
    };
    let mut headers = HeaderMap::new();
    headers.insert("authorization", exchanged.token().authorization().clone());
    headers.insert("dpop", proof().await);
    let mut request = Received {
        method: Method::GET,
        target: "/orders".into(),
        headers,
    };
    assert_eq!(request.proof(URI_OF_B).nonce, None);
    let mut response = HeaderMap::new();
    response.insert("dpop-nonce", "n1".parse().unwrap());
    calls.exchange.keep_nonce(&url, &response);
    request.headers.insert("dpop", proof().await);
    assert_eq!(request.proof(URI_OF_B).nonce.as_deref(), Some("n1"));
    let plain = calls.exchange.token(&alice, "service-b").await.unwrap();
    let proof = calls.exchange.proof(&plain, &Method::GET, &url).await;
    assert!(proof.unwrap().is_none());
}
