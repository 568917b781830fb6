//! DPoP with a key that is elsewhere, and a key that is replaced.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use http::Request;
use obo::client::{DpopKey, SigningKey};
use obo::destination::Target;
use obo::error::ExchangeErrorKind as Kind;
use obo::policy::Algorithm;
use obo::token::ExchangeRequest;
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo_testkit::{TestAlg, TestKey};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service as _, ServiceExt};

use crate::dpop_calls::{Calls, Headers, NONCE, Received, call, exchange_error, post};
use crate::dpop_tokens::{bound_b, own, signing_key};
use crate::setup::{URI_OF_B, assert_answer, audience, part};

/// A key service with one key.
#[derive(Clone)]
struct Kms {
    key: Arc<Mutex<SigningKey>>,
    refuses: Arc<Mutex<Option<ErrorClass>>>,
    /// Has a permit for each signature that was requested.
    requested: Arc<Semaphore>,
    /// Has a permit for each signature that may be made.
    gate: Arc<Semaphore>,
}

impl Kms {
    fn new(key: &TestKey) -> Self {
        Self {
            key: Arc::new(Mutex::new(signing_key(key))),
            refuses: Arc::default(),
            requested: Arc::new(Semaphore::new(0)),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2)),
        }
    }

    fn dpop_key(&self, public: &TestKey) -> DpopKey {
        let (kms, jwk) = (self.clone(), public.public_jwk("k").to_string());
        let sign = move |input| kms.clone().sign(input);
        let algorithm = signing_key(public).algorithm();
        DpopKey::with_signer(algorithm, &jwk, sign).unwrap()
    }

    async fn sign(self, input: Vec<u8>) -> Result<Vec<u8>, TokenEndpointError> {
        self.requested.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        match *self.refuses.lock().unwrap() {
            Some(class) => Err(TokenEndpointError::new(class, "the KMS says no")),
            None => Ok(self.key.lock().unwrap().sign(&input).unwrap()),
        }
    }

    fn refuse(&self, class: impl Into<Option<ErrorClass>>) {
        *self.refuses.lock().unwrap() = class.into();
    }

    /// Signs with another key from now on; returns the last one.
    fn become_key(&self, key: SigningKey) -> SigningKey {
        std::mem::replace(&mut self.key.lock().unwrap(), key)
    }

    fn requested(&self) -> usize {
        self.requested.available_permits()
    }

    /// Lets it make so many signatures more.
    fn only(&self, signatures: usize) {
        self.gate.forget_permits(usize::MAX);
        self.gate.add_permits(signatures);
    }
}

async fn remote(alg: TestAlg) -> (Calls, Kms) {
    let key = TestKey::generate(alg);
    let kms = Kms::new(&key);
    let own = kms.dpop_key(&key);
    (Calls::with_key(key, &own).await, kms)
}

/// The `jkt` of the token of a request.
fn jkt(request: &Received) -> Value {
    let token = request.header("authorization").strip_prefix("DPoP ");
    part(token.unwrap(), 1)["cnf"]["jkt"].clone()
}

/// DP-18, DP-23
#[tokio::test]
async fn remote_key_signs_every_proof() {
    for alg in [TestAlg::Es256, TestAlg::Rs256, TestAlg::EdDsa] {
        let (calls, kms) = remote(alg).await;
        let client = calls.of("alice").await;
        for _ in 0..3 {
            call(&client, post()).await.unwrap();
        }
        let received = calls.b.received();
        let proofs: Vec<_> = received.iter().map(|it| it.proof(URI_OF_B)).collect();
        let ids: HashSet<_> = proofs.iter().map(|it| it.jti.clone()).collect();
        assert_eq!((proofs.len(), ids.len()), (3, 3));
        for (proof, request) in proofs.iter().zip(&received) {
            assert_eq!(jkt(request), proof.key.to_string());
            assert!(request.headers["dpop"].is_sensitive());
        }
        let of_tokens = calls.setup.idp.token_requests();
        assert_eq!((of_tokens, kms.requested()), (1, 4));
    }
}

/// DP-19, DP-20, DP-21
#[tokio::test]
async fn remote_key_signs_demanded_nonces() {
    let (calls, kms) = remote(TestAlg::Es256).await;
    calls.setup.idp.set_demands_nonce(true);
    calls
        .b
        .reply(401, &[("www-authenticate", NONCE), ("dpop-nonce", "n1")]);
    let response = call(&calls.replayed().await, post()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(calls.b.nonces(), [None, Some("n1".to_owned())]);
    let of_tokens = calls.setup.idp.token_requests();
    assert_eq!((of_tokens, kms.requested()), (2, 4));
}

/// DP-18, DP-22
#[tokio::test]
async fn refused_signature_stops_the_call() {
    for (class, kind, attempts) in [
        (ErrorClass::Transient, Kind::Transient, 3),
        (
            ErrorClass::ClientMisconfigured,
            Kind::ClientMisconfigured,
            1,
        ),
        // It is not a fault of the caller.
        (ErrorClass::SubjectInvalid, Kind::ClientMisconfigured, 1),
    ] {
        let (calls, kms) = remote(TestAlg::Es256).await;
        let [alice, bob] = [calls.of("alice").await, calls.of("bob").await];
        kms.refuse(class);
        let of_token = exchange_error(call(&alice, post()).await.unwrap_err());
        assert_eq!(kms.requested(), attempts);
        assert_eq!(calls.setup.idp.token_requests(), 0);
        kms.refuse(None);
        call(&bob, post()).await.unwrap();
        kms.refuse(class);
        let of_call = exchange_error(call(&bob, post()).await.unwrap_err());
        assert_eq!(kms.requested(), attempts + 3);
        for error in [of_token, of_call] {
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains("the KMS says no"), "{error}");
            assert_answer(&error);
        }
        kms.refuse(None);
        call(&bob, post()).await.unwrap();
        assert_eq!(calls.setup.idp.token_requests(), 1);
        assert_eq!(calls.b.received().len(), 2);
    }
}

/// DP-22
#[tokio::test]
async fn hanging_signer_ends_at_deadline() {
    let (calls, kms) = remote(TestAlg::Es256).await;
    let [alice, bob] = [calls.of("alice").await, calls.of("bob").await];
    call(&alice, post()).await.unwrap();
    kms.only(0);
    tokio::time::pause();
    // For the call, and for the request for a token.
    for client in [alice, bob] {
        let start = Instant::now();
        let error = exchange_error(call(&client, post()).await.unwrap_err());
        assert_eq!(error.kind(), Kind::Transient);
        let problem = "the signer of the DPoP key did not sign before the deadline";
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_answer(&error);
    }
    assert_eq!(calls.setup.idp.token_requests(), 1);
    assert_eq!(calls.b.received().len(), 1);
}

/// DP-23
#[tokio::test]
async fn signer_of_another_key_is_found() {
    for alg in [TestAlg::Es256, TestAlg::Rs256, TestAlg::EdDsa] {
        let [public, other] = [(); 2].map(|()| TestKey::generate(alg));
        let kms = Kms::new(&other);
        let thumbprint = public.thumbprint();
        let own = kms.dpop_key(&public);
        let calls = Calls::with_key(public, &own).await;
        for user in ["alice", "bob"] {
            let client = calls.of(user).await;
            let error = exchange_error(call(&client, post()).await.unwrap_err());
            assert_eq!(error.kind(), Kind::ClientMisconfigured);
            let text = error.to_string();
            assert!(text.contains("signed with another key"), "{text}");
            assert!(text.contains(&thumbprint), "{text}");
            assert_answer(&error);
        }
        assert_eq!(kms.requested(), 2);
        assert_eq!(calls.setup.idp.token_requests(), 0);
    }
}

/// DP-14, DP-23
#[tokio::test]
async fn rejected_proof_doubts_the_signer() {
    let invalid = "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"";
    let headers: Headers = vec![("www-authenticate", invalid)].leak();
    let (calls, kms) = remote(TestAlg::Es256).await;
    let alice = calls.of("alice").await;
    // The called service rejects the proof, or the token endpoint does.
    for is_of_call in [true, false] {
        let [bob, carol] = [calls.of("bob").await, calls.of("carol").await];
        call(&alice, post()).await.unwrap();
        let right = kms.become_key(signing_key(&TestKey::generate(TestAlg::Es256)));
        let next = if is_of_call {
            calls.b.reply(401, headers);
            assert_eq!(call(&alice, post()).await.unwrap().status(), 401);
            &alice
        } else {
            let error = exchange_error(call(&bob, post()).await.unwrap_err());
            assert_eq!(error.oauth_code(), Some("invalid_dpop_proof"));
            &carol
        };
        let requests = || (calls.setup.idp.token_requests(), calls.b.received().len());
        let before = requests();
        let error = exchange_error(call(next, post()).await.unwrap_err());
        let text = error.to_string();
        assert!(text.contains("signed with another key"), "{text}");
        assert_eq!(requests(), before);
        kms.become_key(right);
    }
}

/// DP-02, DP-23
#[test]
fn public_jwk_must_fit() {
    let key = TestKey::generate(TestAlg::Es256);
    let private = key.private_jwk("k");
    for (algorithm, jwk, problem) in [
        (Algorithm::Es256, private.clone(), "has a private member"),
        (
            Algorithm::Rs256,
            key.public_jwk("k"),
            "does not fit the algorithm (RS256): it is a key for ES256",
        ),
        (
            Algorithm::Es256,
            json!({}),
            "is not a JSON object with a `kty`",
        ),
    ] {
        let jwk = jwk.to_string();
        let made = DpopKey::with_signer(algorithm, &jwk, |_| std::future::pending());
        let error = made.unwrap_err();
        assert_eq!(error.field(), "dpop_key");
        let text = error.to_string();
        assert!(text.contains(problem), "{text}");
        assert!(!text.contains(private["d"].as_str().unwrap()), "{text}");
    }
}

/// DP-23
#[tokio::test]
async fn replaced_key_keeps_calls_whole() {
    // The call waits for the proof of its request for a token, or for its own.
    for waiting_for in [1, 2] {
        let [first, second] = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
        let expected = [&first, &second].map(TestKey::thumbprint);
        let kms = Kms::new(&first);
        let key = kms.dpop_key(&first);
        let calls = Calls::with_key(first, &key).await;
        let client = calls.of("alice").await;
        kms.only(waiting_for - 1);
        let replacement = async {
            let requested = u32::try_from(waiting_for).unwrap();
            let _ = kms.requested.acquire_many(requested).await.unwrap();
            key.replace(own(&second)).unwrap();
            kms.gate.add_permits(2);
        };
        let (under_way, ()) = tokio::join!(call(&client, post()), replacement);
        under_way.unwrap();
        call(&client, post()).await.unwrap();
        let received = calls.b.received();
        let tokens: Vec<_> = received.iter().map(jkt).collect();
        let proofs = received.iter().map(|it| it.proof(URI_OF_B).key.to_string());
        assert_eq!(proofs.collect::<Vec<_>>(), expected);
        assert_eq!(tokens, expected);
        assert_eq!(calls.setup.idp.token_requests(), 2);
    }
}

/// DP-23
#[tokio::test]
async fn moved_key_keeps_its_tokens() {
    let key = TestKey::generate(TestAlg::Es256);
    let (kms, current) = (Kms::new(&key), own(&key));
    let elsewhere = kms.dpop_key(&key);
    let calls = Calls::with_key(key, &current).await;
    let client = calls.of("alice").await;
    call(&client, post()).await.unwrap();
    current.replace(elsewhere).unwrap();
    call(&client, post()).await.unwrap();
    let [first, second] = calls.b.received().try_into().ok().unwrap();
    assert_eq!(first.proof(URI_OF_B).key, second.proof(URI_OF_B).key);
    let of_tokens = calls.setup.idp.token_requests();
    assert_eq!((of_tokens, kms.requested()), (1, 1));
}

/// DP-23
#[tokio::test]
async fn request_is_bound_by_thumbprint() {
    let (calls, _) = remote(TestAlg::Es256).await;
    let alice = calls.setup.caller("alice").await;
    let key = own(&TestKey::generate(TestAlg::Es256));
    let bound_to = |key: &DpopKey| {
        let to_b = Target::audience(audience("service-b"));
        ExchangeRequest::new(&alice, to_b).with_thumbprint(key.thumbprint())
    };
    let bound = calls.setup.builder().dpop(key.clone()).build().unwrap();
    let exchanged = bound.oneshot(bound_to(&key)).await.unwrap();
    let value = exchanged.token().authorization().to_str().unwrap();
    let claims = part(value.strip_prefix("DPoP ").unwrap(), 1);
    let thumbprint = key.thumbprint().unwrap().to_string();
    assert_eq!(claims["cnf"]["jkt"], thumbprint);
    for other in [calls.exchange.clone(), calls.setup.exchange()] {
        let error = other.oneshot(bound_to(&key)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ClientMisconfigured);
        assert!(error.to_string().contains(&thumbprint), "{error}");
    }
    assert_eq!(calls.setup.idp.token_requests(), 1);
}

#[tokio::test]
async fn signature_wait_holds_no_permit() {
    let (calls, kms) = remote(TestAlg::Es256).await;
    let alice = calls.setup.caller("alice").await;
    let limited = ConcurrencyLimit::new(calls.b.clone(), 1);
    let bound = calls.exchange.to_destination(bound_b()).unwrap();
    let plain = calls.exchange.to(URI_OF_B, audience("service-b")).unwrap();
    let [mut bound, mut plain] =
        [bound, plain].map(|layer| layer.layer(limited.clone()).on_behalf_of(&alice));
    for client in [&mut bound, &mut plain] {
        let ready = ServiceExt::<Request<()>>::ready(client).await.unwrap();
        ready.call(Request::new(())).await.unwrap();
    }
    kms.only(0);
    let ready = ServiceExt::<Request<()>>::ready(&mut bound).await;
    let mut waiting = ready.unwrap().call(Request::new(()));
    assert!((&mut waiting).now_or_never().is_none());
    let ready = ServiceExt::<Request<()>>::ready(&mut plain).now_or_never();
    let ready = ready.expect("no permit is held").unwrap();
    ready.call(Request::new(())).await.unwrap();
    kms.gate.add_permits(1);
    waiting.await.unwrap();
    assert_eq!(calls.b.received().len(), 4);
}
