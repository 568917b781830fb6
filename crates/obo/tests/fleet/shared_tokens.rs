use std::time::Duration;

use futures_util::future::join_all;
use obo::client::{DpopKey, SigningKey};
use obo::error::ExchangeErrorKind;
use obo::fleet::Fleet;
use obo::policy::Algorithm;
use obo::time::TestClock;
use obo::token::ExchangeRequest;
use obo::{Client, ClientSecretBasic, Destination, Secret, TokenExchange};
use obo_testkit::{TestAlg, TestKey};

use tokio::time::Instant;

use crate::replicas::{Replicas, now, ring, settle};

#[tokio::test]
async fn other_replica_uses_exchanged_token() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let alice = one.caller(&replicas.token("alice")).await;
    let token = one.token(&alice).await.unwrap();
    assert_eq!(other.token(&alice).await.unwrap(), token);
    assert_eq!(replicas.idp.token_requests(), 1);

    // Another user, and another token of the same user, have tokens of their own.
    let bob = other.caller(&replicas.token("bob")).await;
    assert_ne!(other.token(&bob).await.unwrap(), token);
    let again = other.caller(&replicas.older("alice", 5, "s")).await;
    assert_ne!(other.token(&again).await.unwrap(), token);
    assert_eq!(replicas.idp.token_requests(), 3);
}

/// DP-23
#[tokio::test]
async fn bound_tokens_are_shared_per_key() {
    let replicas = Replicas::start().await;
    let keys = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
    let replica = |key: &TestKey| {
        let pem = Secret::new(key.private_pem());
        let key = SigningKey::from_pem(Algorithm::Es256, &pem).unwrap();
        let fleet = Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
        replicas.bound(fleet, Some(DpopKey::new(key).unwrap()))
    };
    let [first, second, other] = [&keys[0], &keys[0], &keys[1]].map(replica);
    // The key of a token that is exchanged already needs no signature.
    let elsewhere = {
        let jwk = keys[0].public_jwk("k").to_string();
        let key = DpopKey::with_signer(Algorithm::Es256, &jwk, |_| std::future::pending());
        let fleet = Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
        replicas.bound(fleet, Some(key.unwrap()))
    };
    let alice = first.caller(&replicas.token("alice")).await;
    let mut tokens = Vec::new();
    for (replica, is_bound, requests) in [
        (&first, true, 1),
        (&second, true, 1),
        (&other, true, 2),
        (&second, false, 3),
        (&other, false, 3),
        (&other, true, 3),
        (&elsewhere, true, 3),
    ] {
        let uri = "https://b.example";
        let to_b = Destination::new(uri, "service-b").unwrap();
        let to_b = if is_bound { to_b.bind_dpop() } else { to_b };
        let layer = replica.exchange.to_destination(to_b).unwrap();
        let exchanged = layer.token(&alice, &uri.parse().unwrap()).await.unwrap();
        settle().await;
        let authorization = exchanged.token().authorization().to_str().unwrap();
        let scheme = if is_bound { "DPoP " } else { "Bearer " };
        assert!(authorization.starts_with(scheme));
        assert_eq!(replicas.idp.token_requests(), requests);
        tokens.push(authorization.to_owned());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
    assert_eq!(tokens[2], tokens[5]);
    assert_eq!(tokens[0], tokens[6]);
}

/// MT-08
#[tokio::test]
async fn each_certificate_shares_its_tokens() {
    let replicas = Replicas::start().await;
    // Without mutual TLS, the server binds nothing; an opaque token does not show that.
    replicas.idp.set_issues_opaque(true);
    let replica = |byte: u8| {
        let fleet = Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
        replicas.certified(fleet, [byte; 32])
    };
    let [first, second, other] = [1, 1, 2].map(replica);
    let unbound = replicas.one();
    let alice = first.caller(&replicas.token("alice")).await;
    let mut tokens = Vec::new();
    for (replica, requests) in [
        (&first, 1),
        (&second, 1),
        (&other, 2),
        (&unbound, 3),
        (&other, 3),
    ] {
        tokens.push(replica.token(&alice).await.unwrap());
        assert_eq!(replicas.idp.token_requests(), requests);
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(tokens[2], tokens[4]);
    assert!(tokens[2] != tokens[0] && tokens[3] != tokens[0]);
}

#[tokio::test]
async fn cached_call_needs_no_store() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    let token = replicas.token("alice");
    let alice = one.caller(&token).await;
    one.token(&alice).await.unwrap();
    let calls = replicas.store.calls();
    for _ in 0..10 {
        one.caller(&token).await;
        one.token(&alice).await.unwrap();
    }
    assert_eq!(replicas.store.calls(), calls);
}

#[tokio::test]
async fn simultaneous_replicas_exchange_once() {
    let replicas = Replicas::start().await;
    let all: Vec<_> = (0..5).map(|_| replicas.one()).collect();
    let alice = all[0].caller(&replicas.token("alice")).await;
    let tokens = join_all(all.iter().map(|replica| replica.token(&alice))).await;
    let tokens: Vec<_> = tokens.into_iter().map(Result::unwrap).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(replicas.idp.token_requests(), 1);
}

#[tokio::test]
async fn without_lease_each_may_exchange() {
    let replicas = Replicas::start().await;
    let replica = || {
        let fleet = Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
        replicas.with(fleet.without_lease())
    };
    let all: Vec<_> = (0..3).map(|_| replica()).collect();
    let alice = all[0].caller(&replicas.token("alice")).await;
    join_all(all.iter().map(|replica| replica.token(&alice))).await;
    assert_eq!(replicas.idp.token_requests(), 3);
    assert!(
        replicas
            .store
            .written()
            .iter()
            .all(|(name, _)| !name.contains(":l:"))
    );
}

#[tokio::test]
async fn failures_are_not_shared() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let alice = one.caller(&replicas.token("alice")).await;
    let error = one.exchange.token(&alice, "service-c").await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
    settle().await;
    let client = replicas.idp.client("service-a");
    client.may_exchange_to("service-c");
    // The lease of the failed exchange does not delay the next one.
    let start = Instant::now();
    other.exchange.token(&alice, "service-c").await.unwrap();
    settle().await;
    assert!(start.elapsed() < Duration::from_millis(900));
    assert_eq!(replicas.store.tokens().len(), 1);
}

#[tokio::test]
async fn expiry_is_absolute() {
    let replicas = Replicas::start().await;
    let wall = TestClock::new(now());
    let replica = || {
        let client = Client::new(
            "service-a",
            ClientSecretBasic::new("the-secret-of-service-a"),
        );
        let fleet = Fleet::builder()
            .store(replicas.store.clone(), ring(&["k1"]))
            .clock(wall.clone())
            .build()
            .unwrap();
        TokenExchange::builder(replicas.issuer(), client)
            .fleet(fleet)
            .clock(wall.clone())
            .build()
            .unwrap()
    };
    let alice = replicas.one().caller(&replicas.token("alice")).await;
    let first = replica().token(&alice, "service-b").await.unwrap();
    settle().await;
    let lifetime = first.token().lifetime(wall.now());
    // A replica that starts shortly before the end uses it until the end of the first one.
    wall.advance(lifetime / 2);
    let late = replica();
    let second = late.token(&alice, "service-b").await.unwrap();
    assert_eq!(second.token().expose(), first.token().expose());
    wall.advance(lifetime / 2);
    let third = late.token(&alice, "service-b").await;
    assert!(third.is_err() || third.unwrap().token().expose() != first.token().expose());
}

#[tokio::test]
async fn fresh_token_replaces_shared_one() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let alice = one.caller(&replicas.token("alice")).await;
    let old = one.token(&alice).await.unwrap();
    let mut exchange = one.exchange.clone();
    let target = obo::destination::Target::try_from("service-b").unwrap();
    let request = ExchangeRequest::new(&alice, target).fresh();
    let new = tower::Service::call(&mut exchange, request).await.unwrap();
    settle().await;
    assert_ne!(new.token().expose(), old);
    assert_eq!(other.token(&alice).await.unwrap(), new.token().expose());
    assert_eq!(replicas.idp.token_requests(), 2);
}

#[tokio::test]
async fn store_shows_neither_name_nor_token() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    let own = replicas.older("alice", 5, "session-1");
    let alice = one.caller(&own).await;
    let token = one.token(&alice).await.unwrap();
    one.log_out(&replicas.issuer(), "alice").await;
    let written = replicas.store.written();
    assert!(written.len() >= 3, "{}", written.len());
    let secrets = [
        "alice",
        "session-1",
        "service-b",
        "service-a",
        &*token,
        &*own,
        replicas.idp.issuer(),
    ];
    let signature = token.rsplit('.').next().unwrap();
    for (name, value) in written {
        let value = String::from_utf8_lossy(&value).into_owned();
        for secret in secrets.iter().chain([&signature]) {
            assert!(
                !name.contains(secret) && !value.contains(secret),
                "{name}: {secret}"
            );
        }
    }
}
